// Ring: raw slots in a circle, addressed by position: the storage inside a channel. A position counts items for ever, and its
// slot is the position modulo the number of slots. The ring does not know which slots hold an item: its owner does, destroys
// them, and says what may be touched by which thread.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <new>
#include <utility>

#include "weir/core/item_type.h"

namespace weir::internal {

class Ring {
 public:
  explicit Ring(const ItemType& type) : type_(type) {}
  Ring(const Ring&) = delete;
  Ring& operator=(const Ring&) = delete;
  ~Ring();

  const ItemType& type() const { return type_; }
  size_t slots() const { return slots_; }
  void* At(uint64_t position) { return type_.At(items_, SlotOf(position)); }
  // `T` is the ring's type, here and below.
  template <class T>
  T& At(uint64_t position) {
    return static_cast<T*>(items_)[SlotOf(position)];
  }

  // At least `count` slots, a power of two. The items at the positions from `first` up to `end` move along; they stay as they
  // are if std::bad_alloc is thrown.
  void Reserve(size_t count, uint64_t first, uint64_t end) {
    if (count > slots_) Grow(count, first, end);
  }

  // One item into an empty slot, one out of its slot into raw room.
  template <class T>
  void MoveIn(uint64_t position, T& from) noexcept {
    ::new (&At<T>(position)) T(std::move(from));
  }
  template <class T>
  void MoveOut(uint64_t position, T* into) noexcept {
    T& item = At<T>(position);
    ::new (into) T(std::move(item));
    item.~T();
  }
  // Moves `count` items into the empty slots from `position` on. The caller's are moved from, and still the caller's to destroy.
  void MoveIn(uint64_t position, void* from, size_t count) noexcept {
    if (count == 0) return;
    const size_t straight = Straight(position, count);
    type_.Move(At(position), from, straight);
    if (count > straight) type_.Move(items_, type_.At(from, straight), count - straight);
  }
  // Moves `count` items out into raw room; their slots are empty then.
  void MoveOut(uint64_t position, void* into, size_t count) noexcept {
    if (count == 0) return;
    const size_t straight = Straight(position, count);
    type_.Move(into, At(position), straight);
    type_.Destroy(At(position), straight);
    if (count == straight) return;
    type_.Move(type_.At(into, straight), items_, count - straight);
    type_.Destroy(items_, count - straight);
  }

 private:
  static constexpr size_t kFewest = 16;

  size_t SlotOf(uint64_t position) const { return position & (slots_ - 1); }
  // How many of `count` slots from `position` on come before the edge.
  size_t Straight(uint64_t position, size_t count) const {
    return std::min(count, slots_ - SlotOf(position));
  }
  void Grow(size_t count, uint64_t first, uint64_t end);

  const ItemType& type_;
  void* items_ = nullptr;
  size_t slots_ = 0;
};

}  // namespace weir::internal
