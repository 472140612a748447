// Lease: a batch of received items, and the operation that fills it.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <span>
#include <utility>

#include "weir/core/item_buffer.h"
#include "weir/core/transfer.h"

namespace weir {

template <class T>
class In;

namespace internal {

// A Lease apart from the type of its items. One that still holds items of a channel is open: it is settled whenever its Work parks,
// so that what was taken makes room.
class LeaseBase {
 public:
  explicit LeaseBase(const ItemType& type) : buffer_(type) {}
  LeaseBase(const LeaseBase&) = delete;
  LeaseBase& operator=(const LeaseBase&) = delete;

  ~LeaseBase();

  bool empty() const { return next_ == buffer_.size(); }
  size_t size() const { return buffer_.size() - next_; }
  // The place of the next item among all that the stage has received, counted from 0.
  uint64_t position() const { return position_ + next_; }
  // Those that are left.
  void* items() { return buffer_.type().At(buffer_.data(), next_); }
  // The first `count` of them have been moved from, and are to be destroyed.
  void Take(size_t count) { next_ += count; }
  // Gives what is left back to the channel, where others of its receivers may take it; nothing, if it takes no batches back, or there
  // is no memory.
  void GiveBack();

 private:
  friend class Work;
  friend class LeaseCase;
  template <class>
  friend class ReceiveBatchOperation;

  // Tells the channel what has been taken.
  void SettleTaken() {
    if (next_ != settled_) Settle();
  }
  void Settle();
  // Gives back what was not taken, destroys what was. Returns how many of those the channel has not been told of.
  size_t Empty() {
    if (channel_ == nullptr) return 0;
    size_t untold = next_ - settled_;
    if (!empty()) {
      channel_->Settle(untold, items(), size());  // destroys the moved-from rest
      buffer_.SetSize(next_);
      untold = 0;
    }
    buffer_.Clear();
    next_ = settled_ = 0;
    return untold;
  }
  void Release();

  ItemBuffer buffer_;
  size_t next_ = 0;        // the first that has not been taken
  size_t settled_ = 0;     // how many taken ones the channel has been told of
  uint64_t position_ = 0;  // of the first item
  Channel* channel_ = nullptr;
  Work* work_ = nullptr;
  LeaseBase* next_open_ = nullptr;
  bool open_ = false;
};

}  // namespace internal

// Items leased from a channel. What has not been taken yet still counts as in the channel, and goes back to its front when
// the lease is destroyed or filled again. Reuse one Lease for all of a Work's receives: it keeps its memory.
template <class T>
class Lease final : private internal::LeaseBase {
 public:
  Lease() : LeaseBase(internal::kItemType<T>) {}

  using LeaseBase::empty;
  using LeaseBase::position;
  using LeaseBase::size;

  // The next item; the lease must not be empty.
  T Take() {
    T& item = *static_cast<T*>(items());
    LeaseBase::Take(1);
    return std::move(item);
  }
  // All that is left, now the caller's; the items live until the lease is filled again or destroyed.
  std::span<T> TakeAll() {
    std::span<T> rest(static_cast<T*>(items()), size());
    LeaseBase::Take(size());
    return rest;
  }

 private:
  friend class In<T>;
};

namespace internal {

template <class Bounding>
class ReceiveBatchOperation final : public ReceiveOperation<Bounding> {
 public:
  ReceiveBatchOperation(Channel& channel, LeaseBase& lease, size_t max, Bounding bounds)
      : ReceiveOperation<Bounding>(channel, std::move(bounds)), lease_(lease) {
    // One item at least: a batch of none would say that the input has ended.
    this->max = std::max<size_t>(1, std::min(max, channel.most_leased()));
    this->lease = true;
  }
  bool await_ready();
  bool await_resume();

 private:
  LeaseBase& lease_;
};

extern template class ReceiveBatchOperation<Unbounded>;
extern template class ReceiveBatchOperation<Bounds>;

}  // namespace internal
}  // namespace weir
