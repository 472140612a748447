// Items: what a stage's body has emitted and its Work has not sent on yet: an array that keeps its memory from batch to batch.
// Unlike a std::vector it can be told once that there is room, and filled then at the price of a store.
#pragma once

#include <cstddef>
#include <new>
#include <utility>

#include "weir/core/item_type.h"

namespace weir::internal {

// Items apart from their type.
class ItemsBase {
 public:
  explicit ItemsBase(const ItemType& type) : type_(type) {}
  ItemsBase(const ItemsBase&) = delete;
  ItemsBase& operator=(const ItemsBase&) = delete;
  ~ItemsBase();

  bool empty() const { return size_ == 0; }
  size_t size() const { return size_; }
  void* data() { return items_; }

  // Room for `count` more. What is there is as it was if std::bad_alloc is thrown.
  void Reserve(size_t count) {
    if (count > room_ - size_) Grow(count);
  }
  void Clear() {
    type_.Destroy(items_, size_);
    size_ = 0;
  }

 protected:
  const ItemType& type_;
  void* items_ = nullptr;  // room_ of them, of which the first size_ are constructed
  size_t size_ = 0;
  size_t room_ = 0;

 private:
  void Grow(size_t count);
};

template <class T>
class Items final : public ItemsBase {
 public:
  Items() : ItemsBase(kItemType<T>) {}

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
