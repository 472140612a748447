#include "weir/stages/items.h"

#include <algorithm>

namespace weir::internal {

ItemsBase::~ItemsBase() {
  Clear();
  type_.Free(items_, room_);
}

void ItemsBase::Grow(size_t count) {
  const size_t room = std::max(size_ + count, room_ * 2);
  void* const items = type_.Allocate(room);
  type_.Move(items, items_, size_);
  type_.Destroy(items_, size_);
  type_.Free(items_, room_);
  items_ = items;
  room_ = room;
}

}  // namespace weir::internal
