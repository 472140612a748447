// How a run is stopped: a cause is set, or its sources are drained; its Works unwind one at a time and end (run_state.h has the steps).
#include <algorithm>
#include <new>
#include <utility>

#include "absl/strings/str_cat.h"
#include "weir/core/if_room.h"
#include "weir/core/run_state.h"

namespace weir::internal {
namespace {

constexpr size_t kKeptErrors = 16;

}  // namespace

absl::Status InStage(const Stage& stage, const absl::Status& error) {
  return Spelled(error.code(), [&] {
    return absl::StrCat("stage '", stage.name(), "': ",
                        error.message().empty() ? absl::StatusCodeToString(error.code())
                                                : std::string(error.message()));
  });
}

// --- Cancelling and draining ---

void RunState::Keep(const absl::Status& error) {
  if (errors_.size() < kKeptErrors) {
    AppendIfRoom(errors_, error);
  } else {
    ++more_errors_;
  }
}

void RunState::Cancel(absl::Status cause) {
  if (cause.ok()) cause = CauseOfOk();
  {
    MutexLock lock(mutex_);
    if (phase_ == Phase::kFinishing || phase_ == Phase::kOver) return;
    if (phase_ == Phase::kUnwinding) {
      if (!absl::IsCancelled(cause)) Keep(cause);
      return;
    }
    if (live_ == 0) return;  // complete: what comes now comes too late
    phase_ = Phase::kUnwinding;
    cause_ = std::move(cause);
    cause_set_ = engine_.clock().Now();
    teardown_.happened = true;
    signals_.cancelled.store(true, std::memory_order_release);
    ++holds_;
  }
  BeginTeardown();
  Release();
}

void RunState::BeginTeardown() {
  absl::Status cause;
  {
    MutexLock lock(mutex_);
    cause = cause_;
  }
  grace_.ArmAt(engine_.clock().Now() + engine_.grace());
  root_.Cancel(cause);
  for (ChannelRecord& record : channels_) record.channel->Cancel();
  Work* next = nullptr;
  bool all_ended = false;
  {
    MutexLock lock(mutex_);
    gate_open_ = true;
    signals_sent_ = engine_.clock().Now();
    teardown_.signals = signals_sent_ - cause_set_;
    next = NextAtGate();
    all_ended = live_ == 0;
  }
  if (next != nullptr) next->Wake();
  if (all_ended) grace_.Disarm();  // armed after the last Work had called it off
}

void RunState::DeadlinePassed() {
  Cancel(Spelled(absl::StatusCode::kDeadlineExceeded, [this] {
    return absl::StrCat("the run's deadline of ", absl::FormatDuration(options_.deadline),
                        " has passed");
  }));
}

void RunState::DrainDeadlinePassed() {
  Cancel(Spelled(absl::StatusCode::kDeadlineExceeded,
                 [] { return "the run did not drain before the deadline that was given"; }));
}

void RunState::Drain(absl::Duration deadline, Partial partial) {
  {
    MutexLock lock(mutex_);
    if (phase_ != Phase::kRunning || drained_) return;
    drained_ = true;
    ++holds_;
    // A source that has not ended may have had more to give. Whether it had is known to nobody
    // else, and soon not even to it.
    const bool cut = std::any_of(stages_.begin(), stages_.end(), [](const auto& record) {
      return record->stage->ins().empty() && record->open.load(std::memory_order_acquire) > 0;
    });
    if (partial == Partial::kDiscard) tree_.discards_partial.store(true, std::memory_order_release);
    if (cut) tree_.input_cut.store(true, std::memory_order_release);
  }
  signals_.draining.store(true, std::memory_order_release);
  if (deadline != absl::InfiniteDuration()) {
    drain_deadline_.ArmAt(engine_.clock().Now() + deadline);
    bool all_ended = false;
    {
      MutexLock lock(mutex_);
      all_ended = live_ == 0;
    }
    if (all_ended) drain_deadline_.Disarm();
  }
  // Downstream first: a stage whose input ends because of the drain sees that the run drains.
  for (auto record = stages_.rbegin(); record != stages_.rend(); ++record)
    (*record)->draining.store(true, std::memory_order_release);
  for (const auto& record : stages_) {
    if (record->stage->ins().empty()) WakeSleepers(*record);
  }
  for (ChannelRecord& record : channels_) record.channel->Drain();
  Release();
}

void RunState::WakeSleepers(const StageRecord& record) {
  WakeList wakes;
  MutexLock lock(tree_.mutex);
  for (int i = 0; i < record.workers; ++i) WorkOf(record, i).context().WakeSleepersLocked(wakes);
}

void RunState::EndUnwanted(const Channel& channel) {
  for (const OutBase* closed : channels_[channel.place()].plan.outs) {
    const Stage& stage = closed->stage();
    const bool source = stage.ins().empty();
    if (!source && !stage.ends_when_unwanted()) continue;
    if (std::any_of(stage.outs().begin(), stage.outs().end(),
                    [](const OutBase* out) { return !out->refused(); }))
      continue;
    StageRecord& record = RecordOf(stage);
    record.draining.store(true, std::memory_order_release);
    WakeSleepers(record);
    for (const InBase* in : stage.ins()) in->channel().EndInput();
  }
}

// --- Unwinding, one at a time ---

Work* RunState::NextAtGate() {
  if (!gate_open_) return nullptr;
  while (turn_ < works_.size()) {
    Work& work = *works_[turn_];
    if (!work.ended_ && !work.overdue_) {
      // Running, or let through already: the next one waits for its end.
      if (!work.at_gate_) return nullptr;
      work.at_gate_ = false;
      work.granted_.store(true, std::memory_order_release);
      return &work;
    }
    ++turn_;
  }
  return nullptr;
}

void RunState::ArriveAtGate(Work& work) {
  Work* next = nullptr;
  {
    MutexLock lock(mutex_);
    if (grace_over_) {
      work.granted_.store(true, std::memory_order_release);
      next = &work;
    } else {
      work.at_gate_ = true;
      next = NextAtGate();
      // One that goes on at once still waits for what it waited for until it runs: while that is of the outside, a simulator
      // does not take the run for stuck.
      if (next != &work) work.waiting_kind_.store(WaitKind::kGate, std::memory_order_relaxed);
    }
  }
  if (next != nullptr) next->Wake();
}

void RunState::GraceIsOver() {
  std::vector<std::string> lines;
  {
    WakeList ready;
    MutexLock lock(mutex_);
    if (phase_ != Phase::kUnwinding) return;
    grace_over_ = true;
    // First those that do not come to a wait or out of a call; then those that are ready, and have no thread because of them.
    const Work* culprit = nullptr;
    const auto name = [&](Work& work, bool waits_for_thread) ABSL_NO_THREAD_SAFETY_ANALYSIS {
      work.overdue_ = true;
      const Work* other = work.runs_for();  // whose body does not return
      if (other == nullptr) other = &work;
      if (culprit == nullptr && !waits_for_thread) culprit = other;
      AppendIfRoom(teardown_.overdue, WorkId{&other->stage_, other->index_});
      try {
        std::string line = absl::StrCat(graph_.name(), ".", other->Name(), " has not stopped ",
                                        absl::FormatDuration(engine_.grace()),
                                        " after the run was cancelled");
        if (!waits_for_thread) {
          line += DescribeOverdue(*other, work);
        } else {
          line += ": is ready, and waits for a thread";
          if (culprit != nullptr) absl::StrAppend(&line, ", as ", culprit->Name(), " holds one");
        }
        lines.push_back(std::move(line));
      } catch (const std::bad_alloc&) {
      }
    };
    for (const auto& work : works_) {
      if (!work->ended_ && !work->at_gate_ && !work->queued()) name(*work, false);
    }
    for (const auto& work : works_) {
      if (!work->ended_ && !work->at_gate_ && !work->overdue_) name(*work, true);
    }
    for (const auto& work : works_) {
      if (work->ended_ || !work->at_gate_) continue;
      work->at_gate_ = false;
      work->granted_.store(true, std::memory_order_release);
      ready.Add(*work);
    }
  }
  for (const std::string& line : lines) engine_.Log(line);  // the program may ask for the run there
}

bool RunState::EndedEarly(const Stage& stage, const absl::Status& result) const {
  if (!absl::IsOutOfRange(result)) return false;
  if (!result.message().empty()) return false;  // not a port's, but an error of the program's own
  return std::any_of(stage.outs().begin(), stage.outs().end(),
                     [](const OutBase* out) { return out->refused(); });
}

void RunState::WorkEnded(Work& work, absl::Status result) {
  Stage& stage = work.stage();
  StageRecord& record = RecordOf(stage);
  if (EndedEarly(stage, result)) result = absl::OkStatus();
  const bool unwound = work.granted_.load(std::memory_order_acquire);
  // The cause is set before a port closes: nobody downstream takes the end for a complete input.
  if (!result.ok() && !(absl::IsCancelled(result) && tearing_down())) {
    result = InStage(stage, result);
    Cancel(result);
  }

  // One that unwinds closes nothing: all channels are cancelled for good, and that outcome comes before any end.
  if (!unwound) {
    if (record.open.fetch_sub(1, std::memory_order_acq_rel) == 1) {
      WakeList wakes;
      for (OutBase* out : stage.outs()) out->Close(wakes);
    }
    for (InBase* in : stage.ins()) {
      if (in->channel().CloseReceiver()) EndUnwanted(in->channel());
    }
  }

  Work* next = nullptr;
  bool last = false;
  {
    MutexLock lock(mutex_);
    if (record.outcome.ok() || (absl::IsCancelled(record.outcome) && !result.ok()))
      record.outcome = result;
    --record.live;
    work.ended_ = true;
    if (phase_ == Phase::kUnwinding) {
      AppendIfRoom(unwound ? teardown_.unwound : teardown_.ended, WorkId{&stage, work.index_});
      next = NextAtGate();
    }
    last = --live_ == 0;
    if (last && teardown_.happened) {
      // The last may end before all have been told.
      const Instant from = gate_open_ ? signals_sent_ : cause_set_;
      teardown_.works = engine_.clock().Now() - from;
    }
    if (!last) --holds_;  // others are left that hold it open, `next` among them
  }
  if (next != nullptr) next->Wake();
  if (!last) return;
  StopWatching();
  Release();
}

// The cause is set before anything else: nobody takes what follows for the end of a complete input.
void RunState::FusedBodyFailed(Work& work, const absl::Status& error) {
  const absl::Status result = InStage(work.stage(), error);
  Cancel(result);
  MutexLock lock(mutex_);
  absl::Status& outcome = RecordOf(work.stage()).outcome;
  if (outcome.ok() || absl::IsCancelled(outcome)) outcome = result;
}

}  // namespace weir::internal
