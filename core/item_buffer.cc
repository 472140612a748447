#include "weir/core/item_buffer.h"

#include <algorithm>

namespace weir::internal {

ItemBuffer::~ItemBuffer() {
  Clear();
  type_.Free(items_, room_);
}

void ItemBuffer::Grow(size_t count) {
  const size_t room = std::max(size_ + count, room_ * 2);
  void* const items = type_.Allocate(room);
  type_.Move(items, items_, size_);
  type_.Destroy(items_, size_);
  type_.Free(items_, room_);
  items_ = items;
  room_ = room;
}

}  // namespace weir::internal
