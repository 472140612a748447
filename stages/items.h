// Items: what a stage's body has emitted and its Work has not sent on yet: an ItemBuffer by its type. Unlike a std::vector it can be
// told once that there is room, and filled then at the price of a store.
#pragma once

#include <cstddef>
#include <new>
#include <utility>

#include "weir/core/item_buffer.h"

namespace weir::internal {

template <class T>
class Items final : public ItemBuffer {
 public:
  Items() : ItemBuffer(kItemType<T>) {}

  T* data() { return static_cast<T*>(items_); }
  void Push(T item) {
    Reserve(1);
    ::new (data() + size_) T(std::move(item));
    ++size_;
  }

  // Fills room that was reserved, with the end in a register: what is behind a pointer would be stored for each item.
  class Filler {
   public:
    explicit Filler(Items& items) : items_(items), at_(items.data() + items.size_) {}
    Filler(const Filler&) = delete;
    Filler& operator=(const Filler&) = delete;
    ~Filler() { items_.size_ = size(); }
    void Push(T item) { ::new (at_++) T(std::move(item)); }
    size_t size() const { return static_cast<size_t>(at_ - items_.data()); }

   private:
    Items& items_;
    T* at_;
  };
};

}  // namespace weir::internal
