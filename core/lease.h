// Lease: a batch of received items, and the operation that fills it.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <span>
#include <utility>

#include "weir/core/block_pool.h"
#include "weir/core/transfer.h"

namespace weir {
namespace internal {

template <class T, class Bounding>
class ReceiveBatchOperation;

}  // namespace internal

// Items leased from a channel. What has not been taken yet still counts as in the channel, and goes back to its front when
// the lease is destroyed or filled again. Reuse one Lease for all of a Work's receives: it keeps its memory.
template <class T>
class Lease final : private internal::LeaseBase {
 public:
  Lease() = default;
  Lease(const Lease&) = delete;
  Lease& operator=(const Lease&) = delete;
  ~Lease() {
    Release();
    internal::FreeItems(items_, room_);
  }

  bool empty() const { return next_ == count_; }
  size_t size() const { return count_ - next_; }
  // The place of the next item in the channel's history, counted from 0.
  uint64_t position() const { return position_ + next_; }

  // The next item; the lease must not be empty.
  T Take() { return std::move(items_[next_++]); }
  // Calls `use(T&&)` with one item after the other until it returns false or there are no more. An item that `use` was
  // called with is taken, also if it throws.
  template <class F>
  void TakeEach(F&& use) {
    struct Cursor {
      explicit Cursor(size_t& next) : next(next), at(next) {}
      ~Cursor() { next = at; }
      size_t& next;
      size_t at;
    } cursor(next_);
    T* const items = items_;
    for (const size_t end = count_; cursor.at < end;) {
      if (!use(std::move(items[cursor.at++]))) return;
    }
  }
  // All that is left, now the caller's; the items live until the lease is filled again or destroyed.
  std::span<T> TakeAll() {
    std::span<T> rest(items_ + next_, count_ - next_);
    next_ = count_;
    return rest;
  }

 private:
  template <class, class>
  friend class internal::ReceiveBatchOperation;

  void SettleTaken() override {
    if (next_ == settled_) return;
    channel_->Settle(next_ - settled_, nullptr, 0);
    settled_ = next_;
  }

  // Gives back what was not taken, destroys what was. Returns how many of those the channel has not been told of.
  size_t Empty() {
    if (channel_ == nullptr) return 0;
    size_t untold = next_ - settled_;
    const size_t rest = count_ - next_;
    if (rest > 0) {
      channel_->Settle(untold, items_ + next_, rest);  // destroys the moved-from rest
      untold = 0;
    }
    for (size_t i = 0; i < next_; ++i) items_[i].~T();
    next_ = settled_ = count_ = 0;
    return untold;
  }
  void Release() {
    const size_t untold = Empty();
    if (untold > 0) channel_->Settle(untold, nullptr, 0);
    if (work_ != nullptr) work_->CloseLease(*this);
    work_ = nullptr;
    channel_ = nullptr;
  }
  void Reserve(size_t room) {
    if (room <= room_) return;
    internal::FreeItems(std::exchange(items_, nullptr), std::exchange(room_, 0));
    items_ = internal::AllocateItems<T>(room);
    room_ = room;
  }

  T* items_ = nullptr;  // room_ of them, of which the first count_ are constructed
  size_t room_ = 0;
  size_t count_ = 0;
  size_t next_ = 0;        // the first that has not been taken
  size_t settled_ = 0;     // how many taken ones the channel has been told of
  uint64_t position_ = 0;  // of the first item
  internal::Channel<T>* channel_ = nullptr;
  internal::Work* work_ = nullptr;
};

namespace internal {

template <class T, class Bounding>
class ReceiveBatchOperation final : public ReceiveOperation<T, Bounding> {
 public:
  ReceiveBatchOperation(Channel<T>& channel, Lease<T>& lease, size_t max, Bounding bounds)
      : ReceiveOperation<T, Bounding>(channel, std::move(bounds)),
        channel_(channel),
        lease_(lease),
        // One item at least: a batch of none would say that the input has ended.
        room_(std::max<size_t>(1, std::min(max, channel.capacity()))) {}

  bool await_ready() {
    // One that has to grow tells its channel of everything first, for there may be no memory to grow.
    if (lease_.channel_ != nullptr && (lease_.channel_ != &channel_ || room_ > lease_.room_))
      lease_.Release();
    this->settle_first(lease_.Empty());
    lease_.Reserve(room_);
    this->request().into = lease_.items_;
    this->request().max = room_;
    this->request().lease = true;
    return ReceiveOperation<T, Bounding>::await_ready();
  }

  bool await_resume() {
    this->Finish();
    lease_.count_ = this->request().got;
    lease_.position_ = this->request().position;
    lease_.channel_ = &channel_;
    lease_.work_ = &this->work();
    if (lease_.count_ > 0) this->work().OpenLease(lease_);
    return lease_.count_ > 0;
  }

 private:
  Channel<T>& channel_;
  Lease<T>& lease_;
  const size_t room_;
};

}  // namespace internal

}  // namespace weir
