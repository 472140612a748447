#include "weir/stages/fuse.h"

#include "weir/core/run_state.h"
#include "weir/core/stage.h"

namespace weir::internal {

FusedBody::FusedBody(const InBase& in, Work& head)
    : own_work_(head.run().WorkOf(in.stage(), head.index())), channel_(*in.channel_base()) {}

void FusedBody::FailRun() { own_work_.run().FusedBodyFailed(own_work_, error_); }

bool SendOnward::await_ready() {
  if (tail_ != nullptr) return tail_->SendReady(*work_);
  cancelled_ = channel_.run_cancelled();
  return cancelled_ ? !work_->MustTakeTurn() : work_->SpendBudget();
}

bool SendOnward::await_suspend(std::coroutine_handle<> frame) {
  if (tail_ != nullptr) return tail_->SendSuspend(frame);
  work_->Yield(frame);
  return true;
}

absl::Status SendOnward::await_resume() {
  if (tail_ != nullptr) return tail_->SendResume();
  return cancelled_ ? absl::CancelledError("") : absl::OkStatus();
}

}  // namespace weir::internal
