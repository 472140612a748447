#include "weir/core/run_state.h"

#include <algorithm>
#include <cassert>
#include <new>
#include <utility>

#include "absl/strings/str_cat.h"

namespace weir::internal {
namespace {

// A run can end without memory: what only tells of it is left out then.
template <class Message>
absl::Status Spelled(absl::StatusCode code, Message&& message) {
  try {
    return absl::Status(code, message());
  } catch (const std::bad_alloc&) {
    return absl::Status(code, "");
  }
}
template <class List, class Entry>
void AppendIfRoom(List& list, Entry&& entry) {
  try {
    list.push_back(std::forward<Entry>(entry));
  } catch (const std::bad_alloc&) {
  }
}

absl::Status InStage(const Stage& stage, const absl::Status& error) {
  return Spelled(error.code(), [&] {
    return absl::StrCat("stage '", stage.name(), "': ",
                        error.message().empty() ? absl::StatusCodeToString(error.code())
                                                : std::string(error.message()));
  });
}

constexpr size_t kKeptErrors = 16;

}  // namespace

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
  return stage.ins().empty() ? signals_.draining : never_draining_;
}

// --- Beginning ---

void RunState::Refuse(absl::Status why) {
  MutexLock lock(mutex_);
  cause_ = std::move(why);
  phase_ = Phase::kFinishing;
}

void RunState::Start(absl::Status refused) {
  try {
    if (!Prepare(std::move(refused))) return;
  } catch (...) {
    Undo();
    throw;
  }
  for (const auto& work : works_) work->Wake();
  Release();
}

// What Prepare has done when it throws.
void RunState::Undo() {
  for (ChannelRecord& record : channels_) {
    record.plan.in->Attach(nullptr);
    for (OutBase* out : record.plan.outs) out->Attach(nullptr, false);
  }
  tree_.over = true;
  works_.clear();
  loops_.clear();
  channels_.clear();
  if (reserved_works_ > 0) engine_.ExpectWorks(-static_cast<int64_t>(reserved_works_));
  if (runs_graph_) graph_.running_.store(false);
  MutexLock lock(mutex_);
  phase_ = Phase::kOver;
}

bool RunState::Prepare(absl::Status refused) {
  const std::vector<Stage*> order = graph_.TopologicalOrder();
  refused.Update(graph_.Check(order));
  if (refused.ok() && graph_.running_.exchange(true)) {
    refused = absl::FailedPreconditionError(
        absl::StrCat("graph '", graph_.name(), "' runs already; a graph runs once at a time"));
  }
  if (!refused.ok()) {
    Refuse(std::move(refused));
    Finish();
    return false;
  }
  runs_graph_ = true;

  size_t works = 0;
  for (const Stage* stage : order) works += stage->workers();
  engine_.ExpectWorks(static_cast<int64_t>(works));
  reserved_works_ = works;
  ReserveToFill(works_, works);
  ReserveToFill(stages_, order.size());
  place_of_.resize(order.size());
  for (Stage* stage : order) {
    auto record = std::make_unique<StageRecord>();
    record->stage = stage;
    record->workers = stage->workers();
    record->live = stage->workers();
    record->open.store(stage->workers(), std::memory_order_relaxed);
    record->first_work = static_cast<uint32_t>(works_.size());
    for (int i = 0; i < stage->workers(); ++i) {
      works_.push_back(std::make_unique<Work>(*this, *stage, i, static_cast<int>(works_.size())));
    }
    place_of_[stage->index_] = static_cast<uint32_t>(stages_.size());
    stages_.push_back(std::move(record));
  }
  const std::vector<std::vector<Stage*>> loops = graph_.Loops();
  std::vector<bool> looping(order.size());
  for (const std::vector<Stage*>& stages : loops) {
    for (const Stage* stage : stages) looping[stage->index_] = true;
  }
  // Whether a loop is quiet is asked under the locks of its channels, and the stages at a graph's edge are used by any thread.
  const auto one_work = [](const Stage& stage) {
    return stage.workers() == 1 && !stage.used_by_any_thread();
  };
  std::vector<Graph::Channel> plans = graph_.Channels(order);
  ReserveToFill(channels_, plans.size());
  for (Graph::Channel& plan : plans) {
    const Stage& receiver = plan.in->stage();
    const bool single = plan.outs.size() == 1 && one_work(plan.outs[0]->stage()) &&
                        one_work(receiver) && !looping[receiver.index_];
    auto channel = plan.in->MakeChannel(plan.capacity, plan.bytes, signals_);
    const bool overwrites = std::any_of(plan.outs.begin(), plan.outs.end(), [](OutBase* out) {
      return out->policy() != nullptr && out->policy()->when_full == WhenFull::kDropOldest;
    });
    channel->SetEnds({.senders = static_cast<int>(plan.outs.size()),
                      .receivers = receiver.workers(),
                      .single = single,
                      .overwrites = overwrites,
                      .place = channels_.size()});
    channels_.push_back({std::move(plan), std::move(channel)});
    const ChannelRecord& record = channels_.back();
    record.plan.in->Attach(record.channel.get());
    for (OutBase* out : record.plan.outs)
      out->Attach(record.channel.get(), out->stage().ins().empty());
    if (record.plan.outs.size() == 1 && !looping[receiver.index_]) Fuse(record.plan);
  }
  retired_channels_.reserve(channels_.size());
  for (const std::vector<Stage*>& stages : loops) {
    LoopRecord& loop = loops_.emplace_back();
    for (Stage* stage : stages) loop.stages.push_back(&RecordOf(*stage));
    for (ChannelRecord& record : channels_) {
      if (std::find(stages.begin(), stages.end(), &record.plan.in->stage()) == stages.end())
        continue;
      loop.channels.push_back(&record);
      loop.feedback.insert(loop.feedback.end(), record.plan.feedback.begin(),
                           record.plan.feedback.end());
    }
  }
  const int live = static_cast<int>(works_.size());
  {
    MutexLock lock(mutex_);
    started_ = true;
    live_ = live;
    holds_ = live + 1;  // and this function
  }
  {
    // Room for itself, once it is over.
    MutexLock known(graph_.over_mutex_);
    if (graph_.over_.size() == graph_.over_.capacity())
      graph_.over_.reserve(2 * graph_.over_.size() + 1);
  }
  engine_.AddRun(*this);
  absl::Status begun;
  for (auto& record : stages_) {
    try {
      record->stage->BeginRun(*this);
    } catch (...) {
      begun = InStage(*record->stage, ToStatus(std::current_exception()));
      break;
    }
    ++begun_;
  }
  if (options_.deadline != absl::InfiniteDuration()) deadline_.ArmAt(began_ + options_.deadline);
  if (options_.parent != nullptr) {
    Hold();
    parent_watch_.link.waiter = &parent_watch_;
    parent_watch_.Prepare();
    if (!options_.parent->Link(parent_watch_.link)) {
      WakeList none;
      parent_watch_.Claim(Outcome::kCancelled, none);
    }
    if (!parent_watch_.Publish()) parent_watch_.Wake();
  }
  if (!begun.ok()) Cancel(std::move(begun));
  return true;
}

// Two neighbours of the same number of workers, of which the one can run the other. In simulation the seed chooses whether they
// are fused at all, and after how many batches that ends, so that all of it is explored.
void RunState::Fuse(const Graph::Channel& plan) {
  OutBase& out = *plan.outs[0];
  Stage& sender = out.stage();
  Stage& receiver = plan.in->stage();
  if (!sender.can_run_next() || !receiver.can_run_in_previous()) return;
  // A bounded number of bytes, or items that are dropped, are observable.
  if (plan.bytes > 0 || out.policy() != nullptr) return;
  if (sender.workers() != receiver.workers()) return;
  const uint64_t choice = engine_.Choose(4);
  if (choice == 3) return;
  out.Fuse(plan.in, choice == 2 ? static_cast<uint32_t>(engine_.Choose(8)) : UINT32_MAX);
  StageRecord& record = RecordOf(receiver);
  record.previous = &RecordOf(sender);
  record.fused_by = &out;
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

// --- Cancelling and draining ---

void RunState::Keep(const absl::Status& error) {
  if (errors_.size() < kKeptErrors) {
    AppendIfRoom(errors_, error);
  } else {
    ++more_errors_;
  }
}

void RunState::Cancel(absl::Status cause) {
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

void RunState::Drain(absl::Duration deadline) {
  {
    MutexLock lock(mutex_);
    if (phase_ != Phase::kRunning || drained_) return;
    drained_ = true;
    ++holds_;
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
  {
    WakeList wakes;
    MutexLock lock(tree_.mutex);
    for (const auto& work : works_) {
      if (work->is_source()) work->context().WakeSleepersLocked(wakes);
    }
  }
  for (ChannelRecord& record : channels_) record.channel->Drain();
  Release();
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
    for (const auto& work : works_) {
      if (work->ended_) continue;
      if (work->at_gate_) {
        work->at_gate_ = false;
        work->granted_.store(true, std::memory_order_release);
        ready.Add(*work);
      } else {
        work->overdue_ = true;
        const Work* other = work->runs_for();  // whose body does not return
        if (other == nullptr) other = work.get();
        AppendIfRoom(teardown_.overdue, WorkId{&other->stage_, other->index_});
        try {
          lines.push_back(absl::StrCat(graph_.name(), ".", other->Name(), " has not stopped ",
                                       absl::FormatDuration(engine_.grace()),
                                       " after the run was cancelled", DescribeOverdue(*other)));
        } catch (const std::bad_alloc&) {
        }
      }
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
    for (InBase* in : stage.ins()) in->channel().CloseReceiver();
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

// --- Loops ---

// With all of a loop's channels locked nobody can send into it, so what is seen is true of one moment; and a quiet loop stays
// quiet, because all who could change that are asleep in it or have ended.
bool RunState::IsQuiet(const LoopRecord& loop) const {
  int live = 0;
  for (const StageRecord* stage : loop.stages) live += stage->live;
  for (const ChannelRecord* record : loop.channels) record->channel->LockForLoop();
  bool quiet = true;
  int waiting = 0;
  for (const ChannelRecord* record : loop.channels) {
    const int here = record->channel->WaitingForItemsOnly();
    quiet = quiet && here >= 0;
    waiting += here;
    for (const OutBase* out : record->plan.outs) {
      const bool inside =
          std::any_of(loop.stages.begin(), loop.stages.end(),
                      [&](const StageRecord* stage) { return stage->stage == &out->stage(); });
      quiet = quiet && (inside || out->sender().closed);
    }
  }
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

absl::Status RunState::Await(Instant deadline) {
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
