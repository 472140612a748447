#include "weir/core/run_state.h"

#include <algorithm>
#include <cassert>
#include <utility>

#include "absl/strings/str_cat.h"
#include "weir/core/if_room.h"

namespace weir::internal {

RunState::RunState(EngineState& engine, Graph& graph, const RunOptions& options)
    : engine_(engine),
      executor_(engine.executor()),
      graph_(graph),
      options_(options),
      owner_(ContextOfWorkAbove(options.parent)),
      began_(engine.clock().Now()),
      tree_{engine, graph.name(), {}},
      root_(tree_, signals_.draining) {
  root_.deadline_ = began_ + options.deadline;  // for who asks; the run's own timer cancels at it
}

const Context* RunState::ContextOfWorkAbove(const Context* context) {
  while (context != nullptr && context->parent_ != nullptr && context->parent_->parent_ != nullptr)
    context = context->parent_;
  return context;
}

RunState::~RunState() {
  assert(over());
  {
    MutexLock lock(mutex_);
    if (!graph_knows_) return;
  }
  MutexLock lock(graph_.over_mutex_);
  std::erase(graph_.over_, this);
}

const std::atomic<bool>& RunState::DrainingFor(const Stage& stage) const {
  return RecordOf(stage).draining;
}

// --- Holding it open ---

void RunState::Hold() {
  MutexLock lock(mutex_);
  ++holds_;
}

bool RunState::TryHold() {
  MutexLock lock(mutex_);
  if (phase_ == Phase::kFinishing || phase_ == Phase::kOver) return false;
  ++holds_;
  return true;
}

void RunState::Release() {
  {
    MutexLock lock(mutex_);
    if (--holds_ > 0) return;
    phase_ = Phase::kFinishing;
  }
  Finish();
}

void RunState::RunTimer::ArmAt(Instant when) {
  run_.Hold();
  run_.engine_.clock().Arm(*this, when);
}

void RunState::RunTimer::Disarm() {
  if (run_.engine_.clock().Cancel(*this)) run_.Release();
}

void RunState::RunTimer::Wake() {
  (run_.*action_)();
  run_.Release();
}

void RunState::ParentWatch::Wake() {
  run_.Cancel(run_.options_.parent->cause());
  run_.Release();
}

// The last Work has ended: what could still end the run is called off.
void RunState::StopWatching() {
  deadline_.Disarm();
  drain_deadline_.Disarm();
  grace_.Disarm();
  if (options_.parent != nullptr) {
    options_.parent->Unlink(parent_watch_.link);
    // Nobody can claim the watch any more; whoever has claimed it gives its hold back.
    if (!parent_watch_.claimed()) Release();
  }
}

// --- Loops ---

// With all of a loop's channels locked nobody can send into it, so what is seen is true of one moment; and a quiet loop stays
// quiet, because all who could change that are asleep in it or have ended.
bool RunState::IsQuiet(const LoopRecord& loop) const {
  // Without the channels' locks first: as long as something goes round, one of the Works runs, or is about to, and mostly it is
  // not far from where one was seen last.
  for (size_t i = 0; i < loop.stages.size(); ++i) {
    const size_t at = (loop.busy + i) % loop.stages.size();
    const StageRecord& stage = *loop.stages[at];
    for (int k = 0; k < stage.workers; ++k) {
      const Work& work = WorkOf(stage, k);
      if (work.ended_ || work.parked()) continue;
      loop.busy = at;
      return false;
    }
  }
  int live = 0;
  for (const StageRecord* stage : loop.stages) live += stage->live;
  for (const ChannelRecord* record : loop.channels) record->channel->LockForLoop();
  bool quiet = true;
  int waiting = 0;
  for (const ChannelRecord* record : loop.channels) {
    const int here = record->channel->WaitingForItemsOnly();
    quiet = quiet && here >= 0;
    waiting += here;
  }
  for (const OutBase* out : loop.outside) quiet = quiet && out->sender().closed;
  for (const ChannelRecord* record : loop.channels) record->channel->UnlockForLoop();
  return quiet && waiting == live;
}

bool RunState::CloseQuietLoops(WakeList& wakes) {
  bool found = false;
  MutexLock lock(mutex_);
  if (phase_ != Phase::kRunning) return false;  // what it was made of may be gone by now
  for (LoopRecord& loop : loops_) {
    if (loop.closed || !IsQuiet(loop)) continue;
    loop.closed = true;
    found = true;
    for (OutBase* out : loop.feedback) out->Close(wakes);
  }
  return found;
}

// --- The end ---

void RunState::Tell(const std::function<void(const Report&)>& callback, const Report& report) {
  try {
    callback(report);
  } catch (...) {
    const absl::Status thrown = ToStatus(std::current_exception());
    try {
      engine_.Log(absl::StrCat(graph_.name(), ": a callback of OnDone threw: ", thrown.message()));
    } catch (const std::bad_alloc&) {  // not even for the line
    }
  }
}

void RunState::Finish() ABSL_NO_THREAD_SAFETY_ANALYSIS {
  const Instant works_ended = engine_.clock().Now();
  bool started = false;
  {
    MutexLock lock(mutex_);
    started = started_;
  }
  std::vector<size_t> discarded;
  for (size_t i = 0; i < channels_.size(); ++i) {
    if (channels_[i].channel->Discard()) AppendIfRoom(discarded, i);
  }
  if (started) {
    for (size_t i = 0; i < begun_; ++i) stages_[i]->stage->EndRun();
  }

  {
    MutexLock lock(mutex_);
    const Instant now = engine_.clock().Now();
    teardown_.discarded = std::move(discarded);
    if (teardown_.happened) teardown_.discards = now - works_ended;
    elapsed_ = now - began_;
    RefreshHeads();
    CountLast(std::exchange(unchanged_samples_, 0));
    for (ChannelRecord& record : channels_) {
      record.last = record.channel->ledger();
      retired_channels_.push_back(std::move(record.channel));
    }
    figures_final_ = true;
  }
  for (ChannelRecord& record : channels_) {
    record.plan.in->Attach(nullptr);
    for (OutBase* out : record.plan.outs) out->Attach(nullptr, false);
  }
  tree_.over = true;
  while (!works_.empty()) works_.pop_back();
  loops_.clear();
  while (!retired_channels_.empty()) retired_channels_.pop_back();
  if (started) {
    {
      MutexLock lock(mutex_);
      if (teardown_.happened) teardown_.records = engine_.clock().Now() - began_ - elapsed_;
    }
    {
      MutexLock known(graph_.over_mutex_);
      graph_.over_.push_back(this);
      MutexLock lock(mutex_);
      graph_knows_ = true;
    }
    graph_.running_.store(false);
    engine_.RemoveRun(*this);
    engine_.ExpectWorks(-static_cast<int64_t>(reserved_works_));
  }
  std::vector<std::function<void(const Report&)>> callbacks;
  std::unique_lock<std::mutex> lock(mutex_);
  while (!callbacks_.empty()) {
    callbacks.swap(callbacks_);
    lock.unlock();
    const Report report = SnapshotIfRoom();
    for (auto& callback : callbacks) Tell(callback, report);
    callbacks.clear();
    lock.lock();
  }
  phase_ = Phase::kOver;
  const std::vector<std::function<void()>> over_callbacks = std::move(over_callbacks_);
  finished_.notify_all();
  lock.unlock();  // as the last touch: whoever waits may destroy this
  for (const auto& callback : over_callbacks) callback();
}

bool RunState::over() const {
  MutexLock lock(mutex_);
  return phase_ == Phase::kOver;
}

absl::Status RunState::MayWait() const {
  if (absl::Status may = engine_.MayWait(); !may.ok()) return may;
  const Work* const caller = BlockingCaller();
  if (caller == nullptr) return absl::OkStatus();
  // Its own, or that of the Work that waits for its own.
  const RunState& callers = caller->run_;
  const bool below = callers.owner_ != nullptr && &callers.owner_->tree_ == &tree_;
  if (&callers != this && !below) return absl::OkStatus();
  return absl::FailedPreconditionError(
      "weir: a blocking call of a run cannot wait for that run, which waits for the call; wait on a "
      "thread of the program");
}

absl::Status RunState::Await(Instant deadline) {
  if (absl::Status may = MayWait(); !may.ok()) return may;
  return engine_.Await(mutex_, finished_, deadline,
                       [this]() ABSL_NO_THREAD_SAFETY_ANALYSIS { return phase_ == Phase::kOver; });
}

void RunState::OnDone(std::function<void(const Report&)> callback) {
  {
    MutexLock lock(mutex_);
    if (phase_ != Phase::kOver) {
      callbacks_.push_back(std::move(callback));
      return;
    }
  }
  callback(Snapshot());
}

void RunState::OnOver(std::function<void()> callback) {
  {
    MutexLock lock(mutex_);
    if (phase_ != Phase::kOver) {
      over_callbacks_.push_back(std::move(callback));
      return;
    }
  }
  callback();
}

}  // namespace weir::internal
