#include "weir/core/transfer.h"

#include <algorithm>
#include <coroutine>
#include <utility>
#include <vector>

#include "weir/core/lease.h"
#include "weir/core/operations.h"
#include "weir/core/port.h"

namespace weir::internal {

template <class Bounding>
bool ReceiveOperation<Bounding>::await_ready() {
  if (bounds_.cancelled()) [[unlikely]] {
    if (settled_ > 0) channel_->Settle(settled_, nullptr, 0);
    outcome_ = Outcome::kCancelled;
  } else {
    outcome_ = channel_->Take(*this, settled_);
  }
  if (outcome_ == Outcome::kNone) {
    if (!bounds_.tries_once()) return false;
    outcome_ = Outcome::kTimedOut;
    work_->NotePoll();
  }
  return work_->MayGoOn(outcome_);
}

template <class Bounding>
bool ReceiveOperation<Bounding>::await_suspend(std::coroutine_handle<> frame) {
  if (outcome_ != Outcome::kNone) {
    work_->Yield(frame);
    return true;
  }
  parked_ = true;
  waiter = work_;
  this->bounded = bounds_.MayEnd(*work_);
  work_->Prepare(
      frame,
      {.kind = WaitKind::kReceive, .channel = channel_, .bounded = this->bounded, .place = place_});
  const Outcome outcome = channel_->ParkReceive(*this);
  if (outcome == Outcome::kNone) {
    if constexpr (!Bounding::kBounded) return true;  // published: another thread may have it by now
    bounds_.Arm(*work_);
  } else {
    WakeList none;
    work_->Claim(outcome, none);
  }
  return work_->Suspend();
}

template <class Bounding>
Outcome ReceiveOperation<Bounding>::Finish() {
  if (parked_) {
    const Waiter::Result result = bounds_.Disarm(*work_);
    outcome_ = result.outcome;
    if (result.early || outcome_ != Outcome::kDone) channel_->UnlinkReceive(*this);
  }
  if constexpr (Bounding::kBounded) channel_->NoteBounded(work_->index(), outcome_);
  return outcome_;
}

template class ReceiveOperation<Unbounded>;
template class ReceiveOperation<Bounds>;

template <class Bounding>
bool ReceiveBatchOperation<Bounding>::await_ready() {
  // One that has to grow tells its channel of everything first, for there may be no memory to grow.
  if (lease_.channel_ != nullptr &&
      (lease_.channel_ != &this->channel() || this->max > lease_.buffer_.room()))
    lease_.Release();
  this->settle_first(lease_.Empty());
  lease_.buffer_.Reserve(this->max);
  this->buffer = &lease_.buffer_;
  this->into = lease_.buffer_.data();
  return ReceiveOperation<Bounding>::await_ready();
}

template <class Bounding>
bool ReceiveBatchOperation<Bounding>::await_resume() {
  this->Finish();
  lease_.buffer_.SetSize(this->got);
  lease_.position_ = ReceiveRequest::position;
  lease_.channel_ = &this->channel();
  lease_.work_ = &this->work();
  if (this->got > 0 && !lease_.open_) this->work().OpenLease(lease_);
  return this->got > 0;
}

template class ReceiveBatchOperation<Unbounded>;
template class ReceiveBatchOperation<Bounds>;

template <class Bounding>
bool SendOperation<Bounding>::await_ready() {
  outcome_ = bounds_.cancelled() ? Outcome::kCancelled : channel_->Put(*this);
  if (outcome_ == Outcome::kNone) {
    if (sender->policy != nullptr) [[unlikely]]
      return DecideByPolicy();
    if (!bounds_.tries_once()) return false;
    outcome_ = Outcome::kTimedOut;
    work_->NotePoll();
  }
  return work_->MayGoOn(outcome_);
}

template <class Bounding>
bool SendOperation<Bounding>::DecideByPolicy() {
  if (room_only) {
    outcome_ = Outcome::kDone;
    return work_->SpendBudget();
  }
  by_policy_ = SendByPolicy(*channel_, *this, bounds_.within(), bounds_.bound(), place_);
  by_policy_.BindTo(*work_);
  return false;
}

template <class Bounding>
bool SendOperation<Bounding>::await_suspend(std::coroutine_handle<> frame) {
  if (outcome_ != Outcome::kNone) {
    work_->Yield(frame);
    return true;
  }
  if (by_policy_.frame()) [[unlikely]] {
    by_policy_.await_suspend(frame);
    return true;
  }
  parked_ = true;
  waiter = work_;
  this->bounded = bounds_.MayEnd(*work_);
  work_->Prepare(
      frame,
      {.kind = WaitKind::kSend, .channel = channel_, .bounded = this->bounded, .place = place_});
  const Outcome outcome = channel_->ParkSend(*this);
  if (outcome == Outcome::kNone) {
    if constexpr (!Bounding::kBounded) return true;  // as above
    bounds_.Arm(*work_, channel_);
  } else {
    WakeList none;
    work_->Claim(outcome, none);
  }
  return work_->Suspend();
}

template <class Bounding>
absl::Status SendOperation<Bounding>::await_resume() {
  if (by_policy_.frame()) [[unlikely]]
    return by_policy_.await_resume();
  bool early = false;
  if (parked_) {
    const Waiter::Result result = bounds_.Disarm(*work_);
    outcome_ = result.outcome;
    early = result.early;
  }
  if (early || outcome_ != Outcome::kDone) channel_->UnlinkSend(*this);
  return outcome_ == Outcome::kDone ? absl::OkStatus() : ToStatus(outcome_);
}

template class SendOperation<Unbounded>;
template class SendOperation<Bounds>;

namespace {

// One step of SendByPolicy; for the rest SendOperation's.
class SendAny final : public Operation {
 public:
  SendAny(Channel& channel, SendRequest& request, absl::Duration within, Context* bound,
          const std::source_location& users_place)
      : channel_(channel), request_(request), users_place_(users_place), bounds_(within, bound) {
    request_.bounded = true;
    request_.alone = false;
  }

  bool await_ready() {
    outcome_ = bounds_.cancelled() ? Outcome::kCancelled : channel_.Put(request_);
    if (outcome_ == Outcome::kNone) {
      if (!bounds_.tries_once()) return false;
      outcome_ = Outcome::kTimedOut;
    }
    return work_->MayGoOn(outcome_);
  }

  bool await_suspend(std::coroutine_handle<> frame) {
    if (outcome_ != Outcome::kNone) {
      work_->Yield(frame);
      return true;
    }
    parked_ = true;
    request_.waiter = work_;
    // Without an end of its own, it may still be woken only by who receives.
    work_->Prepare(frame, {.kind = WaitKind::kSend,
                           .channel = &channel_,
                           .bounded = bounds_.MayEnd(*work_),
                           .place = users_place_});
    const Outcome outcome = channel_.ParkSend(request_);
    if (outcome == Outcome::kNone) {
      bounds_.Arm(*work_, &channel_);
    } else {
      WakeList none;
      work_->Claim(outcome, none);
    }
    return work_->Suspend();
  }

  Outcome await_resume() {
    if (parked_) {
      const Waiter::Result result = bounds_.Disarm(*work_);
      outcome_ = result.outcome;
      if (result.early || outcome_ != Outcome::kDone) channel_.UnlinkSend(request_);
    }
    return outcome_;
  }

 private:
  Channel& channel_;
  SendRequest& request_;
  const std::source_location users_place_;
  Bounds bounds_;
  Outcome outcome_ = Outcome::kNone;
  bool parked_ = false;
};

// The channels that a send comes to. At its end, also where a user's function throws, each is told what became of the items that were
// meant for it: those that a later one got went past it, and the rest stays with the sender.
struct Way {
  ~Way() {
    for (auto& [from, sent_then] : passed) {
      if (request.sent > sent_then) from->Divert(request.sent - sent_then);
      if (request.count > request.sent) from->Refuse(request.count - request.sent);
    }
    if (request.count > request.sent) channel->Refuse(request.count - request.sent);
  }

  SendRequest& request;
  Channel* channel;
  std::vector<std::pair<Channel*, size_t>> passed = {};  // and how much had been sent by then
};

}  // namespace

Task<absl::Status> SendByPolicy(Channel& first, SendRequest& request, absl::Duration within,
                                Context* bound, std::source_location place) {
  ThisWork this_work;
  Work& work = co_await this_work;
  const bool limited = within != absl::InfiniteDuration();
  const Instant deadline =
      limited && within > absl::ZeroDuration() ? work.clock().Now() + within : Instant();
  request.refusable = false;  // yet
  Way way{request, &first};
  Outcome outcome = Outcome::kNone;
  while (true) {
    const SendPolicy* policy = request.sender->policy;
    absl::Duration rest = within;
    if (limited && within > absl::ZeroDuration())
      rest = std::max(deadline - work.clock().Now(), absl::ZeroDuration());
    const absl::Duration patience = policy == nullptr ? absl::InfiniteDuration() : policy->patience;
    SendAny send(*way.channel, request, std::min(rest, patience), bound, place);
    outcome = co_await send;
    if (outcome != Outcome::kTimedOut || policy == nullptr || patience > rest) break;
    if (policy->when_full == WhenFull::kDivert) {
      way.passed.emplace_back(way.channel, request.sent);
      way.channel = &policy->divert_to->channel();
      request.sender = &policy->divert_to->sender();
      request.bytes.reset();
      continue;
    }
    outcome = way.channel->Overflow(request);
    break;
  }
  co_return ToStatus(outcome);
}

}  // namespace weir::internal
