// Items: what a stage's body has emitted and its Work has not sent on yet: an array that keeps its memory from batch to batch.
// Unlike a std::vector it can be told once that there is room, and filled then at the price of a store.
#pragma once

#include <algorithm>
#include <cstddef>
#include <memory>
#include <new>
#include <utility>

#include "weir/core/block_pool.h"

namespace weir::internal {

template <class T>
class Items {
 public:
  Items() = default;
  Items(const Items&) = delete;
  Items& operator=(const Items&) = delete;
  ~Items() {
    Clear();
    FreeItems(items_, room_);
  }

  bool empty() const { return size_ == 0; }
  size_t size() const { return size_; }
  T* data() { return items_; }

  // Room for `count` more. What is there is as it was if std::bad_alloc is thrown.
  void Reserve(size_t count) {
    if (count <= room_ - size_) return;
    const size_t room = std::max(size_ + count, room_ * 2);
    T* items = AllocateItems<T>(room);
    for (size_t i = 0; i < size_; ++i) {
      ::new (&items[i]) T(std::move(items_[i]));
      items_[i].~T();
    }
    FreeItems(items_, room_);
    items_ = items;
    room_ = room;
  }
  void Push(T item) {
    Reserve(1);
    ::new (&items_[size_++]) T(std::move(item));
  }
  void Clear() {
    std::destroy_n(items_, size_);
    size_ = 0;
  }

  // Fills room that was reserved, with the end in a register: what is behind a pointer would be stored for each item.
  class Filler {
   public:
    explicit Filler(Items& items) : items_(items), at_(items.items_ + items.size_) {}
    Filler(const Filler&) = delete;
    Filler& operator=(const Filler&) = delete;
    ~Filler() { items_.size_ = size(); }
    void Push(T item) { ::new (at_++) T(std::move(item)); }
    size_t size() const { return static_cast<size_t>(at_ - items_.items_); }

   private:
    Items& items_;
    T* at_;
  };

 private:
  T* items_ = nullptr;  // room_ of them, of which the first size_ are constructed
  size_t size_ = 0;
  size_t room_ = 0;
};

}  // namespace weir::internal
