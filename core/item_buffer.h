// ItemBuffer: items side by side, in an array that keeps its memory from batch to batch: those of a lease, and those that a function
// stage has emitted. Two buffers can exchange what they hold, which is how a batch goes from one stage to the next where nobody has
// to be asked (Channel::HandOver): whatever the items are, none of them is touched.
#pragma once

#include <cstddef>
#include <utility>

#include "weir/core/item_type.h"

namespace weir::internal {

class ItemBuffer {
 public:
  explicit ItemBuffer(const ItemType& type) : type_(type) {}
  ItemBuffer(const ItemBuffer&) = delete;
  ItemBuffer& operator=(const ItemBuffer&) = delete;
  ~ItemBuffer();

  const ItemType& type() const { return type_; }
  bool empty() const { return size_ == 0; }
  size_t size() const { return size_; }
  // For how many there is room.
  size_t room() const { return room_; }
  void* data() { return items_; }

  // Room for `count` more. What is there is as it was if std::bad_alloc is thrown.
  void Reserve(size_t count) {
    if (count > room_ - size_) Grow(count);
  }
  // So many at the front are constructed: somebody else has constructed or destroyed the others.
  void SetSize(size_t size) { size_ = size; }
  void Clear() {
    type_.Destroy(items_, size_);
    size_ = 0;
  }
  // Of the same type.
  void Swap(ItemBuffer& other) {
    std::swap(items_, other.items_);
    std::swap(size_, other.size_);
    std::swap(room_, other.room_);
  }

 protected:
  const ItemType& type_;
  void* items_ = nullptr;  // room_ of them, of which the first size_ are constructed
  size_t size_ = 0;
  size_t room_ = 0;

 private:
  void Grow(size_t count);
};

}  // namespace weir::internal
