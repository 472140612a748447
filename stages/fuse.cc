#include "weir/stages/fuse.h"

#include <exception>
#include <utility>

#include "absl/strings/str_cat.h"
#include "weir/core/run_state.h"
#include "weir/core/stage.h"

namespace weir::internal {

FusedStage::FusedStage(const InBase& in, ItemBuffer& input, Work& head)
    : own_work_(head.run().WorkOf(in.stage(), head.index())),
      channel_(in.channel()),
      out_(in.stage().outs().empty() ? nullptr : in.stage().outs()[0]),
      input_(input),
      body_(static_cast<FunctionStage&>(in.stage()).MakeBody(own_work_.context())) {}

bool FusedStage::Run(bool count_now) {
  if (input_.empty()) return false;
  size_t taken = 0;
  Verdict verdict = Verdict::kNext;
  bool goes_on = true;
  // Once, unless the batch is stopped: then the rest follows, for nothing may be left between two bodies, or the run is over.
  while (goes_on) {
    size_t more = 0;
    try {
      verdict = body_->Process(input_.type().At(input_.data(), taken), input_.size() - taken, more,
                               error_);
    } catch (...) {
      error_ = ToStatus(std::current_exception());
    }
    taken += more;
    goes_on = taken < input_.size() && verdict == Verdict::kNext && error_.ok() &&
              !channel_.run_cancelled();
  }
  const FusedTake take{&channel_, taken, input_.size() - taken, verdict == Verdict::kFailed};
  input_.Clear();
  if (count_now) {
    Count(take);
  } else {
    uncounted_ = take;
  }
  return true;
}

inline void FusedStage::Count(const FusedTake& take) {
  const uint64_t first = channel_.Pass(take.taken);
  if (take.left > 0) channel_.Refuse(take.left);
  if (take.last_failed) error_ = AtItem(first + take.taken - 1, error_);
}

void FusedStage::Count() { Count(std::exchange(uncounted_, FusedTake{&channel_})); }

void FusedStage::FailRun(const absl::Status& error) {
  own_work_.run().FusedBodyFailed(own_work_, error);
}

bool SendOnward::ReadyWithNothing() {
  cancelled_ = channel().run_cancelled();
  return cancelled_ ? !work_->MustTakeTurn() : work_->SpendBudget();
}

bool SendOnward::await_suspend(std::coroutine_handle<> frame) {
  if (waits_) return SendOperation::await_suspend(frame);
  work_->Yield(frame);
  return true;
}

absl::Status SendOnward::Finish() {
  if (!waits_) return cancelled_ ? absl::CancelledError("") : absl::OkStatus();
  absl::Status sent = SendOperation::await_resume();
  if (items_ != nullptr) items_->Clear();
  return sent;
}

void Onward::RunFused() {
  if (items_ == nullptr || items_->empty()) return;
  if (!looked_) Look();
  if (fused_.empty()) return;
  for (const auto& stage : fused_) {
    work_.RunFor(&stage->own_work());
    if (!stage->Run(!in_turn_)) break;
    failed_ = failed_ || !stage->error().ok();
  }
  work_.RunFor(nullptr);
}

void Onward::CountFused() {
  for (const auto& stage : fused_) stage->Count();
}

void Onward::LeaveIn(std::unique_ptr<HeldRound>& round) {
  if (!looked_) Look();  // a round without outputs has not needed to know the row
  const ItemBuffer& like = last_items_ != nullptr ? *last_items_ : *items_;
  if (round == nullptr) round = std::make_unique<HeldRound>(like.type());
  round->fused.resize(fused_.size());
  if (last_items_ != nullptr) round->items.Swap(*last_items_);
  for (size_t i = 0; i < fused_.size(); ++i)
    round->fused[i] = std::exchange(fused_[i]->uncounted(), FusedTake{});
}

void Onward::TakeFrom(HeldRound& round) {
  if (!looked_) Look();
  if (last_items_ != nullptr) round.items.Swap(*last_items_);
  for (size_t i = 0; i < fused_.size(); ++i) fused_[i]->uncounted() = round.fused[i];
  round.fused.clear();
}

absl::Status Onward::Refused(absl::Status sent) {
  if (absl::IsResourceExhausted(sent)) {
    sent = absl::ResourceExhaustedError(absl::StrCat(
        "the channel of its output '", last_out_->name(), "' is full, and its policy is to fail"));
  }
  if (fused_.empty() || absl::IsCancelled(sent)) return sent;
  if (absl::IsOutOfRange(sent)) {
    WakeList wakes;
    out_->Close(wakes);
    return sent;
  }
  fused_.back()->FailRun(sent);
  return absl::CancelledError("");
}

absl::Status Onward::Fail(const absl::Status& own) {
  for (const auto& stage : fused_) {
    if (!stage->error().ok()) stage->FailRun(stage->error());
  }
  return own.ok() ? absl::CancelledError("") : own;
}

// Not at the Work's beginning: one that sleeps all the time, because another runs its body, needs none of this.
void Onward::Look() {
  looked_ = true;
  for (OutBase* out = out_; out != nullptr && out->fused() != nullptr; out = fused_.back()->out()) {
    fused_.push_back(std::make_unique<FusedStage>(*out->fused(), *last_items_, work_));
    if (fused_.back()->out() != nullptr) last_out_ = fused_.back()->out();
    last_items_ = fused_.back()->outputs();
  }
}

void Onward::Split() {
  for (const auto& stage : fused_) {
    if (stage->out() != nullptr) stage->out()->Split();
  }
  out_->Split();
  fused_.clear();
  last_out_ = out_;
  last_items_ = items_;
}

}  // namespace weir::internal
