// Ring: raw slots in a circle, addressed by position: the storage inside a channel. A position counts items for ever, and its
// slot is the position modulo the number of slots. The ring does not know which slots hold an item: its owner does, destroys
// them, and says what may be touched by which thread.
#pragma once

#include <algorithm>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <memory>
#include <new>
#include <type_traits>
#include <utility>

#include "weir/core/block_pool.h"

namespace weir::internal {

template <class T>
class Ring {
 public:
  Ring() = default;
  Ring(const Ring&) = delete;
  Ring& operator=(const Ring&) = delete;
  ~Ring() { FreeItems(items_, slots_); }

  size_t slots() const { return slots_; }
  T& operator[](uint64_t position) { return items_[position & (slots_ - 1)]; }

  // At least `count` slots, a power of two. The items at the positions from `first` up to `end` move along; they stay as they
  // are if std::bad_alloc is thrown.
  void Reserve(size_t count, uint64_t first, uint64_t end) {
    if (count <= slots_) return;
    const size_t slots = std::bit_ceil(std::max(count, kFewest));
    T* items = AllocateItems<T>(slots);
    for (uint64_t at = first; at != end; ++at) {
      ::new (&items[at & (slots - 1)]) T(std::move((*this)[at]));
      (*this)[at].~T();
    }
    FreeItems(items_, slots_);
    items_ = items;
    slots_ = slots;
  }

  // One item into an empty slot, one out of its slot into raw room.
  void MoveIn(uint64_t position, T& from) noexcept {
    ::new (&(*this)[position]) T(std::move(from));
  }
  void MoveOut(uint64_t position, T* into) noexcept {
    T& item = (*this)[position];
    ::new (into) T(std::move(item));
    item.~T();
  }
  // Moves `count` items into the empty slots from `position` on. The caller's are moved from, and still the caller's to destroy.
  void MoveIn(uint64_t position, T* from, size_t count) noexcept {
    if (count == 0) return;
    const size_t at = position & (slots_ - 1);
    const size_t straight = std::min(count, slots_ - at);
    MoveItems(items_ + at, from, straight);
    MoveItems(items_, from + straight, count - straight);
  }
  // Moves `count` items out into raw room; their slots are empty then.
  void MoveOut(uint64_t position, T* into, size_t count) noexcept {
    if (count == 0) return;
    const size_t at = position & (slots_ - 1);
    const size_t straight = std::min(count, slots_ - at);
    MoveItems(into, items_ + at, straight);
    MoveItems(into + straight, items_, count - straight);
    std::destroy_n(items_ + at, straight);
    std::destroy_n(items_, count - straight);
  }

 private:
  static constexpr size_t kFewest = 16;

  static void MoveItems(T* into, T* from, size_t count) noexcept {
    if constexpr (std::is_trivially_copyable_v<T>) {
      if (count > 0) std::memcpy(static_cast<void*>(into), from, count * sizeof(T));
    } else {
      for (size_t i = 0; i < count; ++i) ::new (&into[i]) T(std::move(from[i]));
    }
  }

  T* items_ = nullptr;
  size_t slots_ = 0;
};

}  // namespace weir::internal
