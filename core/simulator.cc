#include "weir/core/simulator.h"

#include <algorithm>
#include <cassert>
#include <new>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "weir/core/block_pool.h"
#include "weir/core/run_state.h"

namespace weir::internal {

Simulator::Simulator(uint64_t seed, const EngineOptions& options)
    : EngineState(options), choices_(seed), seed_(seed), now_(Instant::FromNanoseconds(1)) {}

Simulator::~Simulator() = default;

void Simulator::ExpectWorks(int64_t works) {
  MutexLock lock(mutex_);
  const int64_t wanted = works_ + works;
  ready_.Reserve(static_cast<size_t>(wanted));
  works_ = wanted;
}

void Simulator::Record(std::string_view what, std::string_view name) {
  for (std::string_view part : {what, name}) {
    for (char c : part) digest_ = (digest_ ^ static_cast<unsigned char>(c)) * 1099511628211ull;
  }
  if (keep_trace_) {
    absl::StrAppend(&trace_, steps_, " ", now_.nanoseconds(), " ", std::string(what), " ",
                    std::string(name), "\n");
  }
}

// The job has been taken out, and so it runs, whether there is memory to tell of it or not.
void Simulator::RecordIfRoom(std::string_view what, const Job& job) {
  try {
    Record(what, job.Name());
  } catch (const std::bad_alloc&) {
  }
}

void Simulator::Post(Job& job) {
  {
    MutexLock lock(mutex_);
    const bool was_queued = job.queued_.exchange(true, std::memory_order_relaxed);
    assert(!was_queued && "weir: a job was posted twice");
    (void)was_queued;
    ready_.PushBack({.job = &job});
    // With the lock: once it is let go, the job may run and end all that there is to do, and the engine with it.
    posted_.notify_one();
  }
}

void Simulator::Arm(Timer& timer, Instant when) { timers_.Arm(timer, when); }
bool Simulator::Cancel(Timer& timer) { return timers_.Cancel(timer); }

bool Simulator::Suspend(BlockingTask& task, Work& work) {
  task.caller_ = &work;
  if (!work.Publish()) return work.SuspendDecided();
  task.queued_ = true;
  MutexLock lock(mutex_);
  ready_.PushBack({.call = &task});
  return true;
}

void Simulator::Withdraw(BlockingTask& task) {
  if (!task.queued_) return;
  task.queued_ = false;
  MutexLock lock(mutex_);
  for (size_t i = 0; i < ready_.size(); ++i) {
    if (ready_[i].call == &task) return static_cast<void>(ready_.Remove(i));
  }
}

void Simulator::MakeCall(BlockingTask& task) {
  task.queued_ = false;
  WakeList wakes;
  RecordIfRoom("call", *task.caller_);
  if (!task.caller_->Claim(Outcome::kDone, wakes)) return;
  now_ = now_ + absl::Microseconds(choices_.Pick(1000));
  task.Execute();
}

void Simulator::RunJob(Job& job) {
  job.queued_.store(false, std::memory_order_relaxed);
  RecordIfRoom("run", job);
  Fault* const fault = Due(FaultKind::kOutOfMemory, UINT64_MAX);
  if (fault == nullptr) {
    job.Run();
  } else {
    const std::string name = job.Name();  // it may be gone afterwards
    const uint64_t left = fault->at - allocations_;
    FailAllocation(left);
    job.Run();
    const uint64_t left_now = FailAllocation(kNoFailure);
    fault->happened = left_now == kNoFailure;
    fault->work = name;
    if (fault->happened) {
      Record("fault", fault->ToString());
    } else {
      allocations_ += left - left_now;
    }
  }
  VisitRuns([](RunState& run) { run.Sample(true); });
}

void Simulator::FireTimer(bool idle) {
  WakeList wakes;
  Record("fire", "timer");
  const Instant when = timers_.FireEarliest(idle, wakes);
  now_ = std::max(now_, when);
}

bool Simulator::Step() {
  if (on_step_) on_step_(steps_);
  if (faulty_) Strike();
  // Some may be stuck while others go on.
  if (++steps_ >= next_search_) {
    size_t works = 0;
    VisitRuns([&](RunState& run) { works += run.live_works(); });
    next_search_ = steps_ + std::max(kStepsPerSearch, works);
    WatchCensus();
    if (CloseQuietLoops() || SearchForWedge()) return true;
  }
  Ready next;
  {
    std::unique_lock<std::mutex> lock(mutex_);
    const bool timer_may_fire = timers_.HasFireable(false);
    if (!held_.empty()) LetGo(ready_.size() == 0 && !(timer_may_fire && choices_.Pick(2) == 1));
    size_t choices = ready_.size();
    if (choices == 0) {
      lock.unlock();
      if (CloseQuietLoops()) return true;
      lock.lock();
      choices = ready_.size();
    }
    const bool idle = choices == 0 && held_.empty();
    if (idle && timers_.size() == (patience_armed_ ? 1 : 0)) return false;
    if (timers_.HasFireable(idle) && (choices == 0 || choices_.Pick(16) == 15)) {
      lock.unlock();
      FireTimer(idle);
      return true;
    }
    if (choices == 0) return false;
    next = ready_.Remove(choices_.Pick(choices));
  }
  if (next.call != nullptr) {
    MakeCall(*next.call);
  } else if (!faulty_ || !HoldBack(next)) {
    RunJob(*next.job);
  }
  return true;
}

// --- Faults ---

Fault* Simulator::Due(FaultKind kind, uint64_t count) {
  for (Fault& fault : faults_) {
    if (fault.kind == kind && !fault.happened && fault.at <= count) return &fault;
  }
  return nullptr;
}

void Simulator::Strike() {
  if (steps_ == 0) faults_ = DrawFaults(choices_);
  if (Fault* fault = Due(FaultKind::kClockJump, steps_)) {
    fault->happened = true;
    Record("fault", fault->ToString());
    // From a microsecond to an hour, roughly as long as often.
    now_ = now_ + absl::Microseconds(1 + DrawMoment(choices_)) * (1 + DrawMoment(choices_));
  }
  for (FaultKind kind : {FaultKind::kDrain, FaultKind::kCancel}) {
    Fault* const fault = Due(kind, steps_);
    if (fault == nullptr) continue;
    RunState* first = nullptr;  // the one that others are made by
    VisitRuns([&](RunState& run) {
      if (first == nullptr && run.TryHold()) first = &run;
    });
    if (first == nullptr) continue;
    fault->happened = true;
    Record("fault", fault->ToString());
    if (kind == FaultKind::kDrain) {
      first->Drain(absl::InfiniteDuration(), Partial::kKeep);
    } else {
      first->Cancel(absl::AbortedError(absl::StrCat("the simulator ", fault->ToString())));
    }
    first->Release();
  }
}

void Simulator::BeforeWait(const Work& work) {
  Fault* const fault = Due(FaultKind::kThrow, waits_++);
  if (fault == nullptr) return;
  fault->happened = true;
  fault->work = work.Name();
  Record("fault", fault->ToString());
  throw InjectedError(absl::StrCat("the simulator ", fault->ToString()));
}

bool Simulator::HoldBack(const Ready& ready) {
  if (ready.was_held) return false;
  const std::string name = ready.job->Name();
  bool holds = false;
  for (Fault& fault : faults_) {
    if (fault.kind != FaultKind::kDelay && fault.kind != FaultKind::kSlow) continue;
    if (!fault.happened && fault.at <= steps_) {
      fault.happened = true;
      fault.work = name;
      Record("fault", fault.ToString());
      holds = true;
    } else if (fault.kind == FaultKind::kSlow && fault.work == name) {
      holds = true;
    }
  }
  if (!holds) return false;
  Record("hold", name);
  held_.push_back(ready);
  held_.back().held_until = steps_ + kStepsHeld;
  return true;
}

void Simulator::LetGo(bool nothing_else) {
  for (auto at = held_.begin(); at != held_.end();) {
    if (!nothing_else && steps_ < at->held_until) {
      ++at;
      continue;
    }
    at->was_held = true;
    ready_.PushBack(*at);
    at = held_.erase(at);
    nothing_else = false;
  }
}

// --- When nothing can go on ---

bool Simulator::SearchForWedge() {
  try {
    return FailWedged(absl::StrCat(" (seed ", seed_, ")"));
  } catch (const std::bad_alloc&) {  // it is looked for again
    return false;
  }
}

bool Simulator::Judge(bool patience) {
  if (FailWedged(absl::StrCat(" (seed ", seed_, ")"))) return true;
  bool external = false;
  std::vector<RunState*> stuck;
  VisitRuns([&](RunState& run) {
    if (run.WaitsForExternal()) external = true;
    stuck.push_back(&run);
  });
  if (external) {
    std::unique_lock<std::mutex> lock(mutex_);
    posted_.wait(lock, [this] { return ready_.size() > 0; });
    return true;
  }
  if (patience) return false;
  // What is left waits for the program, or for another run.
  bool judged = false;
  for (RunState* run : stuck) {
    if (run->tearing_down()) continue;
    judged = true;
    std::vector<CensusEntry> works;
    run->AppendCensus(works);
    std::vector<std::string> lines;
    for (const CensusEntry& entry : works)
      lines.push_back(absl::StrCat(entry.work, " ", entry.waits));
    run->Cancel(absl::FailedPreconditionError(
        absl::StrCat("deadlock: nothing in the simulation can go on (seed ", seed_,
                     "): ", absl::StrJoin(lines, "; "))));
  }
  return judged;
}

absl::Status Simulator::MayWait() const {
  if (!stepping_) return absl::OkStatus();
  return absl::FailedPreconditionError(
      "weir: a stage of a simulated engine cannot wait for a run of the same engine on its thread; "
      "co_await run.Finished()");
}

absl::Status Simulator::Await(Mutex& mutex, std::condition_variable&, Instant deadline,
                              const std::function<bool()>& done) {
  if (absl::Status may = MayWait(); !may.ok()) return may;
  // The caller's patience is a timer like the others: it ends after the earlier ones, and also while there is always work.
  struct Patience final : Timer {
    bool over = false;
    void Fire(WakeList&) override { over = true; }
  } patience;
  const bool bounded = deadline != Instant::InfiniteFuture();
  if (bounded) Arm(patience, deadline);
  patience_armed_ = bounded;
  absl::Status status;
  while (true) {
    {
      MutexLock lock(mutex);
      if (done()) break;
    }
    if (patience.over) {
      status = absl::DeadlineExceededError("");
      break;
    }
    stepping_ = true;
    const bool stepped = Step() || Judge(bounded);
    stepping_ = false;
    if (stepped) continue;
    // Nothing can happen any more, so time passes until the caller's patience ends.
    if (!bounded) {
      status = absl::FailedPreconditionError(
          "weir: nothing is left to simulate, and what is waited for has not happened");
      break;
    }
    now_ = std::max(now_, deadline);
    patience.over = true;
  }
  patience_armed_ = false;
  Cancel(patience);
  return status;
}

}  // namespace weir::internal
