#include "weir/core/ring.h"

#include <bit>
#include <cstdint>
#include <new>

namespace weir::internal {

Ring::~Ring() { type_.Free(items_, slots_); }

void Ring::Grow(size_t count, uint64_t first, uint64_t end) {
  if (count > (SIZE_MAX >> 1) + 1) throw std::bad_array_new_length();  // no power of two is as large
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
