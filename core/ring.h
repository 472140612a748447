// Ring: a growing circular buffer of items that are nothrow movable, the storage inside a channel. Not thread-safe.
//
// It grows in `Reserve` alone, by doubling, so that a large capacity costs nothing until it is used; it never shrinks.
#pragma once

#include <bit>
#include <cstddef>
#include <memory>
#include <new>
#include <utility>

namespace weir::internal {

template <class T>
class Ring {
 public:
  Ring() = default;
  Ring(Ring&& other) noexcept
      : slots_(std::exchange(other.slots_, nullptr)),
        size_(std::exchange(other.size_, 0)),
        first_(std::exchange(other.first_, 0)),
        count_(std::exchange(other.count_, 0)) {}
  Ring& operator=(Ring&&) = delete;
  ~Ring() {
    while (count_ > 0) PopFront();
    Free(slots_, size_);
  }

  size_t size() const { return count_; }
  T& front() { return Slot(0); }

  // Room for `count` items in all. Throws std::bad_alloc, and nothing has changed then.
  void Reserve(size_t count) {
    if (count > size_) Grow(std::bit_ceil(count < kSmallest ? kSmallest : count));
  }
  // Both need reserved room.
  void PushBack(T&& item) noexcept {
    ::new (&Slot(count_)) T(std::move(item));
    ++count_;
  }
  void PushFront(T&& item) noexcept {
    first_ = (first_ - 1) & (size_ - 1);
    ++count_;
    ::new (&Slot(0)) T(std::move(item));
  }
  // Destroys the front item, which may have been moved from.
  void PopFront() {
    Slot(0).~T();
    first_ = (first_ + 1) & (size_ - 1);
    --count_;
  }

 private:
  static constexpr size_t kSmallest = 16;

  T& Slot(size_t i) { return slots_[(first_ + i) & (size_ - 1)]; }
  static void Free(T* slots, size_t size) {
    if (slots != nullptr) std::allocator<T>().deallocate(slots, size);
  }
  void Grow(size_t size) {
    T* slots = std::allocator<T>().allocate(size);
    for (size_t i = 0; i < count_; ++i) {
      ::new (&slots[i]) T(std::move(Slot(i)));
      Slot(i).~T();
    }
    Free(slots_, size_);
    slots_ = slots;
    size_ = size;
    first_ = 0;
  }

  T* slots_ = nullptr;  // size_ slots, a power of two, of which count_ from first_ on hold items
  size_t size_ = 0;
  size_t first_ = 0;
  size_t count_ = 0;
};

}  // namespace weir::internal
