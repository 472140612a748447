#include "weir/core/ring.h"

#include <bit>

namespace weir::internal {

Ring::~Ring() { type_.Free(items_, slots_); }

void Ring::Grow(size_t count, uint64_t first, uint64_t end) {
  const size_t slots = std::bit_ceil(std::max(count, kFewest));
  void* const items = type_.Allocate(slots);
  for (uint64_t at = first; at != end; ++at) {
    type_.Move(type_.At(items, at & (slots - 1)), At(at), 1);
    type_.Destroy(At(at), 1);
  }
  type_.Free(items_, slots_);
  items_ = items;
  slots_ = slots;
}

}  // namespace weir::internal
