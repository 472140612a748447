#include "weir/core/simulator.h"

#include <algorithm>
#include <cassert>
#include <new>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "weir/core/run_state.h"

namespace weir::internal {

Simulator::Simulator(uint64_t seed, const EngineOptions& options)
    : EngineState(options), random_(seed), seed_(seed), now_(Instant::FromNanoseconds(1)) {}

Simulator::~Simulator() = default;

void Simulator::ExpectWorks(int64_t works) {
  MutexLock lock(mutex_);
  const size_t wanted = static_cast<size_t>(works_ + works);
  ready_.reserve(wanted);
  calls_.reserve(wanted);
  works_ += works;
}

uint64_t Simulator::Pick(uint64_t n) { return n <= 1 ? 0 : random_() % n; }

void Simulator::Record(std::string_view what, std::string_view name) {
  for (std::string_view part : {what, name}) {
    for (char c : part) digest_ = (digest_ ^ static_cast<unsigned char>(c)) * 1099511628211ull;
  }
  if (keep_trace_) {
    absl::StrAppend(&trace_, steps_, " ", now_.nanoseconds(), " ", std::string(what), " ",
                    std::string(name), "\n");
  }
}

void Simulator::Post(Job& job) {
  {
    MutexLock lock(mutex_);
    const bool was_queued = job.queued_.exchange(true, std::memory_order_relaxed);
    assert(!was_queued && "weir: a job was posted twice");
    (void)was_queued;
    ready_.push_back(&job);
  }
  posted_.notify_one();
}

void Simulator::Arm(Timer& timer, Instant when) { timers_.Arm(timer, when); }
bool Simulator::Cancel(Timer& timer) { return timers_.Cancel(timer); }

bool Simulator::Suspend(BlockingTask& task, Work& work) {
  task.caller_ = &work;
  if (!work.Publish()) return work.SuspendDecided();
  task.queued_ = true;
  calls_.push_back(&task);
  return true;
}

void Simulator::Withdraw(BlockingTask& task) {
  if (!task.queued_) return;
  std::erase(calls_, &task);
  task.queued_ = false;
}

void Simulator::MakeCall(size_t index) {
  BlockingTask& task = *calls_[index];
  calls_.erase(calls_.begin() + index);
  task.queued_ = false;
  WakeList wakes;
  try {
    Record("call", task.caller_->Name());
  } catch (const std::bad_alloc&) {  // it has been taken out, and so it is made
  }
  if (!task.caller_->Claim(Outcome::kDone, wakes)) return;
  now_ = now_ + absl::Microseconds(Pick(1000));
  task.Execute();
}

void Simulator::FireTimer(bool idle) {
  WakeList wakes;
  Record("fire", "timer");
  const Instant when = timers_.FireEarliest(idle, wakes);
  now_ = std::max(now_, when);
}

bool Simulator::Step() {
  if (on_step_) on_step_(steps_);
  // Some may be stuck while others go on.
  if (++steps_ >= next_search_) {
    size_t works = 0;
    VisitRuns([&](RunState& run) { works += run.live_works(); });
    next_search_ = steps_ + std::max(kStepsPerSearch, works);
    WatchCensus();
    if (SearchForWedge()) return true;
  }
  Job* job = nullptr;
  {
    std::unique_lock<std::mutex> lock(mutex_);
    const size_t choices = ready_.size() + calls_.size();
    if (choices == 0) {
      lock.unlock();
      bool closed = false;
      WakeList wakes;
      VisitRuns([&](RunState& run) { closed |= run.CloseQuietLoops(wakes); });
      if (closed) return true;
      lock.lock();
    }
    if (choices == 0 && timers_.size() == (patience_armed_ ? 1 : 0)) return false;
    if (timers_.HasFireable(choices == 0) && (choices == 0 || Pick(16) == 0)) {
      lock.unlock();
      FireTimer(choices == 0);
      return true;
    }
    if (choices == 0) return false;
    const size_t choice = Pick(choices);
    if (choice >= ready_.size()) {
      const size_t call = choice - ready_.size();
      lock.unlock();
      MakeCall(call);
      return true;
    }
    job = ready_[choice];
    ready_[choice] = ready_.back();
    ready_.pop_back();
    job->queued_.store(false, std::memory_order_relaxed);
  }
  try {
    Record("run", job->Name());
  } catch (const std::bad_alloc&) {  // it has been taken out, and so it runs
  }
  job->Run();
  VisitRuns([](RunState& run) { run.Sample(); });
  return true;
}

bool Simulator::SearchForWedge() {
  try {
    return FailWedged(absl::StrCat(" (seed ", seed_, ")"));
  } catch (const std::bad_alloc&) {  // it is looked for again
    return false;
  }
}

bool Simulator::Judge() {
  if (FailWedged(absl::StrCat(" (seed ", seed_, ")"))) return true;
  bool external = false;
  std::vector<RunState*> stuck;
  VisitRuns([&](RunState& run) {
    if (run.WaitsForExternal()) external = true;
    stuck.push_back(&run);
  });
  if (external) {
    std::unique_lock<std::mutex> lock(mutex_);
    posted_.wait(lock, [this] { return !ready_.empty(); });
    return true;
  }
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
    const bool stepped = Step() || Judge();
    stepping_ = false;
    if (stepped) continue;
    // Nothing can happen any more, so time passes until the caller's patience ends.
    if (!bounded) {
      status = absl::FailedPreconditionError(
          "weir: nothing is left to simulate, and what is waited for has not happened");
      break;
    }
    now_ = deadline;
    patience.over = true;
  }
  patience_armed_ = false;
  Cancel(patience);
  return status;
}

}  // namespace weir::internal
