// The operations behind the ports: what `co_await in.Receive()` and `co_await out.Send(item)` are made of. Their pattern, which
// every operation that waits follows: `await_ready` tries; `await_suspend` prepares the Work, parks the request in its channel,
// arms what bounds the wait, and publishes it as its last statement (or the channel has done that: Channel::ParkSend); `await_resume`
// unlinks what is still linked.
#pragma once

#include <algorithm>
#include <coroutine>
#include <cstddef>
#include <memory>
#include <new>
#include <optional>
#include <source_location>
#include <utility>
#include <vector>

#include "absl/base/attributes.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "weir/core/channel.h"
#include "weir/core/task.h"
#include "weir/core/work.h"

namespace weir::internal {

absl::Status ToStatus(Outcome outcome);

// Sends what is left of `request`, whose sender has a policy and whose channel has been found full: waits as long as the policy's
// patience and the caller's own bounds (`within`; `bound` may be null) let it, and then does what the policy says.
Task<absl::Status> SendByPolicy(Channel& channel, SendRequest& request, absl::Duration within,
                                Context* bound, std::source_location place);

template <class Bounding>
class ReceiveOperation : public Operation, protected ReceiveRequest {
 public:
  bool await_ready();
  bool await_suspend(std::coroutine_handle<> frame);

 protected:
  ReceiveOperation(Channel& channel, Bounding bounds)
      : channel_(&channel), bounds_(std::move(bounds)) {
    this->alone = !Bounding::kBounded;
  }
  ~ReceiveOperation() = default;

  Channel& channel() { return *channel_; }
  Work& work() { return *work_; }
  // So many items of an earlier lease have been taken since.
  void settle_first(size_t settled) { settled_ = settled; }
  Outcome Finish();

 private:
  Channel* const channel_;
  size_t settled_ = 0;
  Outcome outcome_ = Outcome::kNone;
  bool parked_ = false;
  [[no_unique_address]] Bounding bounds_;
};

extern template class ReceiveOperation<Unbounded>;
extern template class ReceiveOperation<Bounds>;

// Receives one item, into room of its own. Where it is there, and nothing has to be waited for, none of what waiting takes
// is so much as initialised.
template <class T, class Bounding>
class ReceiveOne : public Operation {
 public:
  bool await_ready() {
    if (!bounds_.cancelled() && channel_.TakeOne(item_address())) {
      short_ = true;
      return work_->SpendBudget();
    }
    BindOperation(*new (&long_) Long(channel_, std::move(bounds_), item_address()), *work_, place_);
    return long_.await_ready();
  }
  bool await_suspend(std::coroutine_handle<> frame) {
    if (!short_) return long_.await_suspend(frame);
    work_->Yield(frame);
    return true;
  }

 protected:
  ReceiveOne(Channel& channel, Bounding bounds) : channel_(channel), bounds_(std::move(bounds)) {}
  ~ReceiveOne() {}
  Outcome Finish() {
    if (!short_) return long_.Finish();
    if constexpr (Bounding::kBounded) channel_.NoteBounded(work_->index(), Outcome::kDone);
    return Outcome::kDone;
  }
  // After kDone, once.
  T TakeItem() {
    T& item = *std::launder(item_address());
    T taken(std::move(item));
    item.~T();
    return taken;
  }

 private:
  class Long final : public ReceiveOperation<Bounding> {
   public:
    Long(Channel& channel, Bounding bounds, void* into)
        : ReceiveOperation<Bounding>(channel, std::move(bounds)) {
      this->into = into;
    }
    using ReceiveOperation<Bounding>::Finish;
  };

  T* item_address() { return reinterpret_cast<T*>(room_); }

  Channel& channel_;
  bool short_ = false;
  [[no_unique_address]] Bounding bounds_;
  alignas(T) unsigned char room_[sizeof(T)];
  union {
    Long long_;  // unless short_
  };
};

template <class T, class Bounding>
class ReceiveOptional final : public ReceiveOne<T, Bounding> {
 public:
  ReceiveOptional(Channel& channel, Bounding bounds)
      : ReceiveOne<T, Bounding>(channel, std::move(bounds)) {}
  std::optional<T> await_resume() {
    if (this->Finish() != Outcome::kDone) return std::nullopt;
    return std::optional<T>(this->TakeItem());
  }
};

template <class T>
class ReceiveStatusOr final : public ReceiveOne<T, Bounds> {
 public:
  ReceiveStatusOr(Channel& channel, Bounds bounds)
      : ReceiveOne<T, Bounds>(channel, std::move(bounds)) {}
  absl::StatusOr<T> await_resume() {
    const Outcome outcome = this->Finish();
    if (outcome != Outcome::kDone) return ToStatus(outcome);
    return absl::StatusOr<T>(this->TakeItem());
  }
};

template <class Bounding>
class SendOperation : public Operation, protected SendRequest {
 public:
  // `items` are `count` of the channel's type. With `room_only`, and none, it waits for room: until a good part of the channel is
  // free, if it was full.
  SendOperation(Channel& channel, const SendingEnd& sender, void* items, size_t count,
                Bounding bounds, bool room_only = false)
      : channel_(&channel), bounds_(std::move(bounds)) {
    this->items = items;
    this->count = count;
    this->sender = &sender;
    this->alone = !Bounding::kBounded;
    this->room_only = room_only;
  }
  bool await_ready();
  bool await_suspend(std::coroutine_handle<> frame);
  absl::Status await_resume();

 protected:
  Channel& channel() { return *channel_; }
  bool sent_at_once() const { return outcome_ == Outcome::kDone && !parked_; }
  // Once all is sent: what `co_await` waits for is room for more.
  void AskForRoom() {
    this->items = nullptr;
    this->count = this->sent = 0;
    this->room_only = true;
    outcome_ = Outcome::kNone;
  }

 private:
  // The sender does not block. One that waits for room, with nothing to send yet, need not wait.
  bool DecideByPolicy();

  Channel* const channel_;
  Task<absl::Status> by_policy_;  // none unless it is under way
  Outcome outcome_ = Outcome::kNone;
  bool parked_ = false;
  [[no_unique_address]] Bounding bounds_;
};

extern template class SendOperation<Unbounded>;
extern template class SendOperation<Bounds>;

// The items of a vector, side by side.
template <class T>
class BatchItems {
 protected:
  explicit BatchItems(std::vector<T>& batch) : items_(batch.data()) {}
  T* items() { return items_; }

 private:
  T* const items_;
};
// std::vector<bool> has none: they are unpacked.
template <>
class BatchItems<bool> {
 protected:
  explicit BatchItems(const std::vector<bool>& batch) : items_(new bool[batch.size()]) {
    std::copy(batch.begin(), batch.end(), items_.get());
  }
  bool* items() { return items_.get(); }

 private:
  const std::unique_ptr<bool[]> items_;
};

// What was sent leaves `batch`.
template <class T, class Bounding>
class SendBatchOperation final : private BatchItems<T>, public SendOperation<Bounding> {
 public:
  SendBatchOperation(Channel& channel, const SendingEnd& sender, std::vector<T>& batch,
                     Bounding bounds)
      : BatchItems<T>(batch),
        SendOperation<Bounding>(channel, sender, BatchItems<T>::items(), batch.size(),
                                std::move(bounds)),
        batch_(batch) {}
  absl::Status await_resume() {
    struct Erase {  // also where a policy's callback has thrown
      ~Erase() { batch.erase(batch.begin(), batch.begin() + sent); }
      std::vector<T>& batch;
      const size_t& sent;
    } erase{batch_, this->sent};
    return SendOperation<Bounding>::await_resume();
  }

 private:
  std::vector<T>& batch_;
};

// Sends one item; as short as ReceiveOne where there is room.
template <class T, class Bounding>
class SendOne final : public Operation {
 public:
  SendOne(Channel& channel, const SendingEnd& sender, T& item, Bounding bounds)
      : channel_(channel), sender_(sender), item_(item), bounds_(std::move(bounds)) {}
  SendOne(SendOne&& other) = delete;
  ~SendOne() {}  // a long_ has ended with await_resume, or with an exception before

  bool await_ready() {
    if (!bounds_.cancelled() && channel_.PutOne(item_)) {
      short_ = true;
      return work_->SpendBudget();
    }
    return LongReady();
  }
  bool await_suspend(std::coroutine_handle<> frame) {
    if (!short_) return LongSuspend(frame);
    work_->Yield(frame);
    return true;
  }
  absl::Status await_resume() { return short_ ? absl::OkStatus() : LongResume(); }

 private:
  using Long = SendOperation<Bounding>;

  // Not in line, where they would make the short way longer. A long_ may own the frame of a policy, and the sizes of its items.
  ABSL_ATTRIBUTE_NOINLINE bool LongReady() {
    BindOperation(*new (&long_) Long(channel_, sender_, &item_, 1, std::move(bounds_)), *work_,
                  place_);
    try {
      return long_.await_ready();
    } catch (...) {
      long_.~Long();
      throw;
    }
  }
  ABSL_ATTRIBUTE_NOINLINE bool LongSuspend(std::coroutine_handle<> frame) {
    try {
      return long_.await_suspend(frame);
    } catch (...) {
      long_.~Long();
      throw;
    }
  }
  ABSL_ATTRIBUTE_NOINLINE absl::Status LongResume() {
    struct End {
      ~End() { ended.~Long(); }
      Long& ended;
    } end{long_};
    return long_.await_resume();
  }

  Channel& channel_;
  const SendingEnd& sender_;
  T& item_;
  bool short_ = false;
  [[no_unique_address]] Bounding bounds_;
  union {
    Long long_;  // unless short_
  };
};

}  // namespace weir::internal
