#include "weir/core/operations.h"

#include <algorithm>

#include "weir/core/engine_state.h"
#include "weir/core/run_state.h"

namespace weir::internal {

bool SleepOperation::await_ready() {
  if (context_.cancelled()) {
    outcome_ = Outcome::kCancelled;
    return work_->MayGoOn(outcome_);
  }
  if (duration_ <= absl::ZeroDuration() || context_.sleeps_ended()) outcome_ = Outcome::kDone;
  return outcome_ == Outcome::kDone && work_->SpendBudget();
}

bool SleepOperation::await_suspend(std::coroutine_handle<> frame) {
  if (outcome_ != Outcome::kNone) {
    work_->Yield(frame);
    return true;
  }
  parked_ = true;
  work_->Prepare(frame, {.kind = WaitKind::kSleep, .bounded = true, .place = place_});
  timer_.waiter = work_;
  link_.waiter = work_;
  if (duration_ != absl::InfiniteDuration()) {
    Clock& clock = work_->clock();
    clock.Arm(timer_, clock.Now() + duration_);
  }
  if (!context_.LinkSleep(link_)) {
    WakeList none;
    work_->Claim(context_.cancelled() ? Outcome::kCancelled : Outcome::kDone, none);
  }
  return work_->Suspend();
}

absl::Status SleepOperation::await_resume() {
  if (parked_) {
    work_->clock().Cancel(timer_);
    context_.UnlinkSleep(link_);
    outcome_ = work_->Resumed().outcome;
  }
  return outcome_ == Outcome::kCancelled ? ToStatus(outcome_) : absl::OkStatus();
}

void Turnstile::Advance(uint64_t number) {
  WakeList wakes;
  MutexLock lock(mutex_);
  now_ = std::max(now_, number);
  for (WaitLink* link = waiting_.front(); link != nullptr;) {
    WaitLink* next = WaitList::Next(*link);
    if (static_cast<TurnOperation*>(link)->number_ <= number) {
      waiting_.Remove(*link);
      link->waiter->Claim(Outcome::kDone, wakes);
    }
    link = next;
  }
}

void Turnstile::Reset() {
  MutexLock lock(mutex_);
  now_ = 0;
}

bool TurnOperation::await_ready() {
  if (context_.cancelled()) {
    outcome_ = Outcome::kCancelled;
    return work_->MayGoOn(outcome_);
  }
  MutexLock lock(turnstile_.mutex_);
  if (number_ <= turnstile_.now_) outcome_ = Outcome::kDone;
  return outcome_ == Outcome::kDone && work_->SpendBudget();
}

bool TurnOperation::await_suspend(std::coroutine_handle<> frame) {
  if (outcome_ != Outcome::kNone) {
    work_->Yield(frame);
    return true;
  }
  parked_ = true;
  waiter = work_;
  context_link_.waiter = work_;
  work_->Prepare(frame, {.kind = WaitKind::kTurn, .place = place_});
  {
    WakeList none;
    MutexLock lock(turnstile_.mutex_);
    if (number_ <= turnstile_.now_) {
      work_->Claim(Outcome::kDone, none);
    } else {
      turnstile_.waiting_.PushBack(*this);
    }
  }
  if (!context_.LinkSleep(context_link_)) {
    WakeList none;
    work_->Claim(context_.cancelled() ? Outcome::kCancelled : Outcome::kDone, none);
  }
  return work_->Suspend();
}

absl::Status TurnOperation::await_resume() {
  if (parked_) {
    {
      MutexLock lock(turnstile_.mutex_);
      turnstile_.waiting_.Remove(*this);
    }
    context_.UnlinkSleep(context_link_);
    outcome_ = work_->Resumed().outcome;
  }
  return ToStatus(outcome_);
}

bool BlockingOperationBase::await_suspend(std::coroutine_handle<> frame) {
  parked_ = true;
  work_->Prepare(frame, {.kind = WaitKind::kBlocking, .place = place_});
  link_.waiter = work_;
  if (!context_.Link(link_)) {
    WakeList none;
    work_->Claim(Outcome::kCancelled, none);
    return work_->Suspend();
  }
  return work_->run().engine().blocking().Suspend(*this, *work_);
}

Outcome BlockingOperationBase::Finish() {
  if (!parked_) return Outcome::kCancelled;
  work_->run().engine().blocking().Withdraw(*this);
  context_.Unlink(link_);
  return work_->Resumed().outcome;
}

}  // namespace weir::internal
