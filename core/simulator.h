// Simulator: an engine's seams on one thread, in virtual time, with every choice drawn from a seed. The same seed gives the
// same run, step by step: a failure replays exactly.
//
// A step runs one ready job, makes one blocking call, or fires one timer. Timers may fire while work is ready: a real one
// may be early or late against the work beside it, and a clock that advances only when idle never finds what that breaks.
#pragma once

#include <condition_variable>
#include <cstdint>
#include <functional>
#include <random>
#include <string>
#include <vector>

#include "weir/core/engine_state.h"
#include "weir/core/mutex.h"
#include "weir/core/timer.h"

namespace weir::internal {

class Simulator final : public EngineState,
                        private Executor,
                        private Clock,
                        private BlockingExecutor {
 public:
  Simulator(uint64_t seed, const EngineOptions& options);
  ~Simulator() override;

  // EngineState.
  Executor& executor() override { return *this; }
  Clock& clock() override { return *this; }
  BlockingExecutor& blocking() override { return *this; }
  absl::Status Await(Mutex& mutex, std::condition_variable& wake, Instant deadline,
                     const std::function<bool()>& done) override;
  absl::Status MayWait() const override;
  void ExpectWorks(int64_t works) override;
  uint64_t Choose(uint64_t n) override { return Pick(n); }
  uint64_t Draw(uint64_t n) override { return Pick(n); }

  // Called before every step, with its number; it may cancel a run, which is how tests do so at each step.
  void OnStep(std::function<void(uint64_t step)> hook) { on_step_ = std::move(hook); }
  // A line per step: what was chosen. Kept only if asked for before the first step.
  void KeepTrace(bool keep) { keep_trace_ = keep; }
  const std::string& trace() const { return trace_; }
  uint64_t steps() const { return steps_; }
  // A digest of the trace, kept always.
  uint64_t digest() const { return digest_; }
  size_t armed_timers() const override { return timers_.size(); }
  Instant Now() const override { return now_; }

 private:
  // Executor, Clock, BlockingExecutor.
  void Post(Job& job) override;
  void Arm(Timer& timer, Instant when) override;
  bool Cancel(Timer& timer) override;
  bool Suspend(BlockingTask& task, Work& work) override;
  void Withdraw(BlockingTask& task) override;

  // A search looks at each Work, so it waits for as many steps as there are Works at least.
  static constexpr size_t kStepsPerSearch = 64;

  // A number below `n`, drawn from the seed.
  uint64_t Pick(uint64_t n);
  // One step; false if nothing is left to do.
  bool Step();
  void FireTimer(bool idle);
  void MakeCall(size_t index);
  void Record(std::string_view what, std::string_view name);
  bool SearchForWedge();
  // Nothing is ready and no timer is armed: says who waits for whom, and fails the runs that cannot go on.
  bool Judge();

  std::mt19937_64 random_;
  const uint64_t seed_;
  Instant now_;
  TimerHeap timers_;
  bool stepping_ = false;
  bool patience_armed_ = false;  // one of the timers is that of the thread that waits for a run
  uint64_t steps_ = 0;
  uint64_t next_search_ = kStepsPerSearch;
  uint64_t digest_ = 14695981039346656037ull;
  bool keep_trace_ = false;
  std::string trace_;
  std::function<void(uint64_t)> on_step_;
  std::vector<BlockingTask*> calls_;
  int64_t works_ = 0;  // how many may be in ready_ or calls_: there is room for them

  // An External awaitable may post from a thread of its own.
  Mutex mutex_;
  std::condition_variable posted_;
  std::vector<Job*> ready_;  // guarded by mutex_
};

}  // namespace weir::internal
