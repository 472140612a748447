#include "weir/core/select.h"

#include <algorithm>

#include "absl/container/inlined_vector.h"
#include "weir/core/engine_state.h"
#include "weir/core/operations.h"
#include "weir/core/run_state.h"

namespace weir::internal {

uint64_t ReceiveCaseBase::bit() const { return InputBit(in_.place()); }
Outcome ReceiveCaseBase::Try() {
  request_.got = 0;
  request_.won = false;
  return in_.channel().Take(request_);
}
bool ReceiveCaseBase::Park(Waiter& waiter, bool bounded) {
  request_.waiter = &waiter;
  request_.bounded = bounded;
  return in_.channel().SelectReceive(request_);
}
void ReceiveCaseBase::Unlink() { in_.channel().UnlinkReceive(request_); }
void ReceiveCaseBase::Note(int worker, Outcome outcome) {
  in_.channel().NoteBounded(worker, outcome);
}

uint64_t LeaseCase::bit() const { return InputBit(in_.place()); }
Outcome LeaseCase::Try() {
  constexpr size_t kMost = 64;
  lease_.Release();
  request_.max = std::min(kMost, in_.channel().capacity());
  lease_.buffer_.Reserve(request_.max);
  request_.into = lease_.buffer_.data();
  request_.lease = true;
  request_.got = 0;
  request_.won = false;
  return in_.channel().Take(request_);
}
bool LeaseCase::Park(Waiter& waiter, bool bounded) {
  request_.waiter = &waiter;
  request_.bounded = bounded;
  return in_.channel().SelectReceive(request_);
}
void LeaseCase::Unlink() { in_.channel().UnlinkReceive(request_); }
void LeaseCase::Note(int worker, Outcome outcome) { in_.channel().NoteBounded(worker, outcome); }
void LeaseCase::Complete(Work& work) {
  lease_.buffer_.SetSize(request_.got);
  lease_.position_ = request_.position;
  lease_.channel_ = &in_.channel();
  lease_.work_ = &work;
  work.OpenLease(lease_);
}

SendCase::SendCase(OutBase& out, void* item) : out_(out) {
  request_.items = item;
  request_.count = 1;
  request_.sender = &out.sender();
  request_.refusable = false;  // not chosen is not refused
}
uint64_t SendCase::bit() const { return OutputBit(out_.place()); }
Outcome SendCase::Try() {
  request_.sent = 0;
  request_.won = false;
  request_.bytes.reset();
  return out_.channel().Put(request_);
}
bool SendCase::Park(Waiter& waiter, bool bounded) {
  request_.waiter = &waiter;
  request_.bounded = bounded;
  return out_.channel().SelectSend(request_);
}
void SendCase::Unlink() { out_.channel().UnlinkSend(request_); }

SelectOperation::SelectOperation(absl::Span<SelectCase* const> cases, absl::Duration within,
                                 Context* bound, bool biased)
    : cases_(cases), biased_(biased), bounds_(within, bound), which_(cases.size()) {}

bool SelectOperation::await_ready() {
  if (bounds_.cancelled() || work_->run().tearing_down()) {
    outcome_ = Outcome::kCancelled;
    return work_->MayGoOn(outcome_);
  }
  absl::InlinedVector<size_t, 8> order(cases_.size());
  for (size_t i = 0; i < order.size(); ++i) order[i] = i;
  if (!biased_) {
    EngineState& engine = work_->run().engine();
    for (size_t i = order.size(); i > 1; --i) std::swap(order[i - 1], order[engine.Draw(i)]);
  }
  // What has ended will not change: it can wait until it is known that no other can go on.
  bool none_enabled = true;
  for (const size_t i : order) {
    if (!cases_[i]->enabled_) continue;
    none_enabled = false;
    const Outcome outcome = cases_[i]->Try();
    if (outcome == Outcome::kNone) continue;
    if (outcome == Outcome::kDone) {
      Decide(i, outcome);
      break;
    }
    if (outcome_ == Outcome::kNone) Decide(i, outcome);
  }
  if (outcome_ == Outcome::kNone) {
    if (!none_enabled && !bounds_.tries_once()) return false;
    outcome_ = none_enabled ? Outcome::kClosed : Outcome::kTimedOut;
    work_->NotePoll();
  }
  return work_->MayGoOn(outcome_);
}

bool SelectOperation::await_suspend(std::coroutine_handle<> frame) {
  if (outcome_ != Outcome::kNone) {
    work_->Yield(frame);
    return true;
  }
  parked_ = true;
  uint64_t ports = 0;
  const SelectCase* last = nullptr;
  for (const SelectCase* select_case : cases_) {
    if (!select_case->enabled_) continue;
    ports |= select_case->bit();
    last = select_case;
  }
  // For Channel::WaitingForItemsOnly the last case speaks for all, so that the Work counts once, and when all are linked.
  const bool bounded = bounds_.MayEnd(*work_);
  const bool items_only = !bounded && ports < OutputBit(0);
  work_->Prepare(frame,
                 {.kind = WaitKind::kSelect, .bounded = bounded, .ports = ports, .place = place_});
  bool linked = true;
  try {
    for (SelectCase* select_case : cases_) {
      if (!select_case->enabled_ || !linked) continue;
      linked = select_case->Park(*work_, !items_only || select_case != last);
    }
  } catch (...) {  // no memory for a send that is to wait; those before it are linked, and one may have been claimed
    WakeList none;
    if (work_->Claim(Outcome::kExhausted, none)) {
      for (SelectCase* select_case : cases_) select_case->Unlink();
      work_->Resumed();
      throw;
    }
    linked = false;
  }
  if (linked) bounds_.Arm(*work_);
  return work_->Suspend();
}

Selected SelectOperation::await_resume() {
  if (parked_) {
    outcome_ = bounds_.Disarm(*work_).outcome;
    for (size_t i = 0; i < cases_.size(); ++i) {
      if (!cases_[i]->enabled_) continue;
      cases_[i]->Unlink();
      if (cases_[i]->won()) which_ = i;
    }
  }
  const bool cut_off = outcome_ == Outcome::kTimedOut || outcome_ == Outcome::kCancelled;
  for (size_t i = 0; i < cases_.size(); ++i) {
    if (cases_[i]->enabled_ && (cut_off || i == which_)) cases_[i]->Note(work_->index(), outcome_);
  }
  if (outcome_ == Outcome::kDone) cases_[which_]->Complete(*work_);
  if (outcome_ == Outcome::kCancelled) which_ = cases_.size();
  if (outcome_ == Outcome::kClosed && which_ == cases_.size()) {
    return {which_,
            absl::FailedPreconditionError(
                "weir: Select with every case left out (When(false)): nothing could end it")};
  }
  return {which_, ToStatus(outcome_)};
}

}  // namespace weir::internal
