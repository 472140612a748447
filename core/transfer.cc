#include "weir/core/transfer.h"

#include <algorithm>
#include <coroutine>
#include <utility>
#include <vector>

#include "weir/core/operations.h"
#include "weir/core/port.h"

namespace weir::internal {
namespace {

// A send to a channel whose type of item is not known; for the rest SendOperation's (transfer.h).
class SendAny final : public Operation {
 public:
  SendAny(ChannelBase& channel, SendRequestBase& request, absl::Duration within, Context* bound,
          const std::source_location& users_place)
      : channel_(channel), request_(request), users_place_(users_place), bounds_(within, bound) {
    request_.bounded = true;
  }

  bool await_ready() {
    outcome_ = bounds_.cancelled() ? Outcome::kCancelled : channel_.PutAny(request_);
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
                           .bounded = !bounds_.endless(),
                           .place = users_place_});
    const Outcome outcome = channel_.ParkSendAny(request_);
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
  ChannelBase& channel_;
  SendRequestBase& request_;
  const std::source_location users_place_;
  Bounds bounds_;
  Outcome outcome_ = Outcome::kNone;
  bool parked_ = false;
};

}  // namespace

Task<absl::Status> SendByPolicy(ChannelBase& first, SendRequestBase& request, absl::Duration within,
                                Context* bound, std::source_location place) {
  ThisWork this_work;
  Work& work = co_await this_work;
  const bool limited = within != absl::InfiniteDuration();
  const Instant deadline =
      limited && within > absl::ZeroDuration() ? work.clock().Now() + within : Instant();
  request.refusable = false;                            // yet
  std::vector<std::pair<ChannelBase*, size_t>> passed;  // the channels that it was diverted from
  ChannelBase* channel = &first;
  Outcome outcome = Outcome::kNone;
  while (true) {
    const SendPolicyBase* policy = request.sender->policy;
    absl::Duration rest = within;
    if (limited && within > absl::ZeroDuration()) rest = deadline - work.clock().Now();
    const absl::Duration patience = policy == nullptr ? absl::InfiniteDuration() : policy->patience;
    SendAny send(*channel, request, std::min(rest, patience), bound, place);
    outcome = co_await send;
    if (outcome != Outcome::kTimedOut || policy == nullptr || patience > rest) break;
    if (policy->when_full == WhenFull::kDivert) {
      passed.emplace_back(channel, request.sent);
      channel = policy->divert_to->channel_base();
      request.sender = &policy->divert_to->sender();
      request.bytes.reset();
      continue;
    }
    outcome = channel->Overflow(request);
    break;
  }
  // Which channel an item was meant for, and got: those that came later went past the earlier.
  for (auto& [from, sent_then] : passed) {
    if (request.sent > sent_then) from->Divert(request.sent - sent_then);
    if (request.count > request.sent) from->Refuse(request.count - request.sent);
  }
  if (request.count > request.sent) channel->Refuse(request.count - request.sent);
  co_return ToStatus(outcome);
}

}  // namespace weir::internal
