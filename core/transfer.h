// The operations behind the ports: what `co_await in.Receive()` and `co_await out.Send(item)` are made of. Their pattern, which
// every operation that waits follows: `await_ready` tries; `await_suspend` prepares the Work, parks the request in its channel,
// arms what bounds the wait, and publishes it as its last statement; `await_resume` unlinks what is still linked.
#pragma once

#include <coroutine>
#include <cstddef>
#include <new>
#include <optional>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "weir/core/channel.h"
#include "weir/core/work.h"

namespace weir::internal {

absl::Status ToStatus(Outcome outcome);

template <class T>
class ReceiveOperation : public BoundedOperation, private ReceiveRequest<T> {
 public:
  bool await_ready() {
    outcome_ = bound_cancelled() ? Outcome::kCancelled : channel_->Take(*this, settled_);
    if (outcome_ == Outcome::kNone) {
      if (!tries_once()) return false;
      outcome_ = Outcome::kTimedOut;
    }
    return outcome_ == Outcome::kDone ? work_->SpendBudget() : !work_->MustTakeTurn();
  }

  bool await_suspend(std::coroutine_handle<> frame) {
    if (outcome_ != Outcome::kNone) {
      work_->Yield(frame);
      return true;
    }
    parked_ = true;
    ReceiveRequest<T>::waiter = work_;
    ReceiveRequest<T>::bounded = is_bounded();
    work_->Prepare(frame, WaitKind::kReceive, &channel_->name());
    const Outcome outcome = channel_->ParkReceive(*this);
    if (outcome == Outcome::kNone) {
      ArmBounds();
    } else {
      WakeList none;
      work_->Claim(outcome, none);
    }
    return work_->Suspend();
  }

 protected:
  ReceiveOperation(Channel<T>& channel, absl::Duration within, Context* bound)
      : BoundedOperation(within, bound), channel_(&channel) {}
  ~ReceiveOperation() = default;

  ReceiveRequest<T>& request() { return *this; }
  void settle_first(size_t settled) { settled_ = settled; }
  Work& work() { return *work_; }

  Outcome Finish() {
    if (parked_) {
      const Waiter::Result result = DisarmBounds();
      outcome_ = result.outcome;
      if (result.early || outcome_ != Outcome::kDone) channel_->UnlinkReceive(*this);
    }
    return outcome_;
  }

 private:
  Channel<T>* const channel_;
  size_t settled_ = 0;
  Outcome outcome_ = Outcome::kNone;
  bool parked_ = false;
};

// Receives one item, into room of its own.
template <class T>
class ReceiveOne : public ReceiveOperation<T> {
 protected:
  ReceiveOne(Channel<T>& channel, absl::Duration within, Context* bound)
      : ReceiveOperation<T>(channel, within, bound) {
    this->request().into = reinterpret_cast<T*>(room_);
  }
  ~ReceiveOne() {
    if (this->request().got > 0) item().~T();
  }
  T& item() { return *std::launder(reinterpret_cast<T*>(room_)); }

 private:
  alignas(T) unsigned char room_[sizeof(T)];
};

template <class T>
class ReceiveOptional final : public ReceiveOne<T> {
 public:
  using ReceiveOne<T>::ReceiveOne;
  ReceiveOptional(Channel<T>& channel, Context* bound)
      : ReceiveOne<T>(channel, absl::InfiniteDuration(), bound) {}
  std::optional<T> await_resume() {
    if (this->Finish() != Outcome::kDone) return std::nullopt;
    return std::optional<T>(std::move(this->item()));
  }
};

template <class T>
class ReceiveStatusOr final : public ReceiveOne<T> {
 public:
  ReceiveStatusOr(Channel<T>& channel, absl::Duration within, Context* bound)
      : ReceiveOne<T>(channel, within, bound) {}
  absl::StatusOr<T> await_resume() {
    const Outcome outcome = this->Finish();
    if (outcome != Outcome::kDone) return ToStatus(outcome);
    return absl::StatusOr<T>(std::move(this->item()));
  }
};

template <class T>
class SendOperation final : public BoundedOperation, private SendRequest<T> {
 public:
  SendOperation(Channel<T>& channel, const SendingEnd& sender, T* items, size_t count,
                absl::Duration within, Context* bound, std::vector<T>* batch = nullptr)
      : BoundedOperation(within, bound), channel_(&channel), batch_(batch) {
    this->items = items;
    this->count = count;
    this->sender = &sender;
  }

  bool await_ready() {
    outcome_ = bound_cancelled() ? Outcome::kCancelled : channel_->Put(*this);
    if (outcome_ == Outcome::kNone) {
      if (!tries_once()) return false;
      outcome_ = Outcome::kTimedOut;
    }
    return outcome_ == Outcome::kDone ? work_->SpendBudget() : !work_->MustTakeTurn();
  }

  bool await_suspend(std::coroutine_handle<> frame) {
    if (outcome_ != Outcome::kNone) {
      work_->Yield(frame);
      return true;
    }
    parked_ = true;
    SendRequest<T>::waiter = work_;
    work_->Prepare(frame, WaitKind::kSend, &channel_->name());
    const Outcome outcome = channel_->ParkSend(*this);
    if (outcome == Outcome::kNone) {
      ArmBounds();
    } else {
      WakeList none;
      work_->Claim(outcome, none);
    }
    return work_->Suspend();
  }

  absl::Status await_resume() {
    bool early = false;
    if (parked_) {
      const Waiter::Result result = DisarmBounds();
      outcome_ = result.outcome;
      early = result.early;
    }
    if (early || outcome_ != Outcome::kDone) channel_->UnlinkSend(*this);
    if (batch_ != nullptr) batch_->erase(batch_->begin(), batch_->begin() + this->sent);
    return ToStatus(outcome_);
  }

 private:
  Channel<T>* const channel_;
  std::vector<T>* const batch_;
  Outcome outcome_ = Outcome::kNone;
  bool parked_ = false;
};

}  // namespace weir::internal
