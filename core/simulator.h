// Simulator: an engine's seams on one thread, in virtual time, with every choice drawn from a seed. The same seed gives the
// same run, step by step: a failure replays exactly. So does the list of the choices that were made, which can be shortened
// (weir/explore.h).
//
// A step runs one ready job, makes one blocking call, or fires one timer. Timers may fire while work is ready: a real one
// may be early or late against the work beside it, and a clock that advances only when idle never finds what that breaks.
#pragma once

#include <condition_variable>
#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "weir/core/choices.h"
#include "weir/core/engine_state.h"
#include "weir/core/faults.h"
#include "weir/core/mutex.h"
#include "weir/core/ring.h"
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
  uint64_t Choose(uint64_t n) override { return choices_.Pick(n); }
  uint64_t Draw(uint64_t n) override { return choices_.Pick(n); }
  bool injects_faults() const override { return faulty_; }
  void BeforeWait(const Work& work) override;

  // Before the first run begins. The list replaces the seed; `choices().Keep()` keeps those that are made.
  Choices& choices() { return choices_; }
  // Faults are drawn, and happen. Before the first run begins.
  void InjectFaults() { faulty_ = true; }
  const std::vector<Fault>& faults() const { return faults_; }
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
  static constexpr uint64_t kStepsHeld = 256;  // at most

  // Either is set. What is ready is a queue, of which any may be chosen.
  struct Ready {
    Job* job = nullptr;
    BlockingTask* call = nullptr;
    bool was_held = false;
    uint64_t held_until = 0;  // a step
  };

  // A queue that needs no memory for as many as there are Works. The first leaves it in order, so that whoever always takes the first
  // takes all in turn; into the place of another comes the last.
  class ReadyQueue {
   public:
    size_t size() const { return end_ - first_; }
    Ready& operator[](size_t i) { return ring_.At<Ready>(first_ + i); }
    void Reserve(size_t count) { ring_.Reserve(count, first_, end_); }
    void PushBack(Ready ready) {
      Reserve(size() + 1);
      ring_.MoveIn(end_++, ready);
    }
    Ready Remove(size_t i) {
      const Ready removed = (*this)[i];
      if (i == 0) {
        ++first_;
      } else {
        (*this)[i] = (*this)[size() - 1];
        --end_;
      }
      return removed;
    }

   private:
    Ring ring_{kItemType<Ready>};
    uint64_t first_ = 0, end_ = 0;
  };

  // One step; false if nothing is left to do.
  bool Step();
  void FireTimer(bool idle);
  void MakeCall(BlockingTask& task);
  void RunJob(Job& job);
  // The faults that wait for this step.
  void Strike();
  // The fault of the kind that has not happened and is due at `count`; or null.
  Fault* Due(FaultKind kind, uint64_t count);
  // True if a fault holds it back.
  bool HoldBack(const Ready& ready);
  // Puts those back that have been held for long enough, or one if `nothing_else` can go on.
  void LetGo(bool nothing_else);
  void Record(std::string_view what, std::string_view name);
  void RecordIfRoom(std::string_view what, const Job& job);
  bool SearchForWedge();
  // Nothing is ready and no timer is armed: says who waits for whom, and fails the runs that cannot go on. One that waits for the
  // program is not judged while the program has patience: it may have something for it yet.
  bool Judge(bool patience);

  Choices choices_;
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
  bool faulty_ = false;
  std::vector<Fault> faults_;
  uint64_t waits_ = 0, allocations_ = 0;  // counted while there are faults
  std::vector<Ready> held_;

  // An External awaitable may post from a thread of its own.
  Mutex mutex_;
  std::condition_variable posted_;
  ReadyQueue ready_;   // guarded by mutex_
  int64_t works_ = 0;  // guarded by mutex_: how many may be in it
};

}  // namespace weir::internal
