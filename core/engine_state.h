// EngineState: what runs, Works and Contexts need of an engine, whether it runs on real threads or in simulation. The
// public face is Engine (engine.h).
#pragma once

#include <condition_variable>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/time/time.h"
#include "weir/core/blocking.h"
#include "weir/core/census.h"
#include "weir/core/clock.h"
#include "weir/core/engine.h"
#include "weir/core/executor.h"
#include "weir/core/fork.h"
#include "weir/core/mutex.h"

namespace weir::internal {

class RunState;
class Work;

using LogSink = std::function<void(std::string_view line)>;  // EngineOptions::log

class EngineState {
 public:
  explicit EngineState(const EngineOptions& options)
      : grace_(options.grace),
        log_(options.log),
        census_limit_(options.census_limit),
        made_in_(ForkGeneration()) {}
  virtual ~EngineState();

  virtual Executor& executor() = 0;
  virtual Clock& clock() = 0;
  virtual BlockingExecutor& blocking() = 0;
  virtual size_t armed_timers() const = 0;
  // Lets the caller's thread wait until `done`. FAILED_PRECONDITION, at once, on a thread that the engine needs for it.
  // A simulated engine takes its steps in here. `done` is asked again after every wake-up of `waker`, whose lock it needs.
  virtual absl::Status Await(Mutex& mutex, std::condition_variable& wake, Instant deadline,
                             const std::function<bool()>& done) = 0;
  // OK, or why the caller's thread must not wait for a run.
  virtual absl::Status MayWait() const = 0;
  // True in a child process of the one in which the engine was made, where it has none of its threads.
  bool forked() const { return has_threads() && ForkGeneration() != made_in_; }

  // So many Works more, or fewer if negative, may be posted from now on. Throws std::bad_alloc, so that Post need not.
  virtual void ExpectWorks(int64_t works) { (void)works; }

  // A number below `n`: drawn from the seed in simulation, else 0. For what may go either way.
  virtual uint64_t Choose(uint64_t n) {
    (void)n;
    return 0;
  }

  // A number below `n`, drawn at random: from the seed in simulation. For what has to be fair.
  virtual uint64_t Draw(uint64_t n) = 0;
  // True for a simulation with faults: then `BeforeWait` is called before a Work waits, and may throw in the stage's stead.
  virtual bool injects_faults() const { return false; }
  virtual void BeforeWait(const Work& work) { (void)work; }

  absl::Duration grace() const { return grace_; }
  void Log(const std::string& line) const;

  // The runs that are not over. The first and the last tell the engine that there is something to watch, or nothing.
  void AddRun(RunState& run);
  void RemoveRun(RunState& run);
  size_t active_runs() const;
  weir::Census Census() const;
  // Calls the monitor of leaks if there is reason to. By one thread.
  void WatchCensus();
  // Closes the back edges of loops in which nothing is left to do; true if there was one.
  bool CloseQuietLoops();
  // Fails the runs some of whose Works wait for each other and for nobody else; `remark` ends the verdict. True if there was one.
  // `incomplete`, unless it is null, is set if there was no memory to look at a run.
  bool FailWedged(std::string_view remark, bool* incomplete = nullptr);
  // Calls `visit` for each, which may not end a run.
  void VisitRuns(const std::function<void(RunState&)>& visit) const;

 protected:
  virtual void OnActive(bool active) { (void)active; }
  virtual bool has_threads() const { return false; }

 private:
  const absl::Duration grace_;
  const LogSink log_;
  EngineOptions::CensusLimit census_limit_;  // rises with each call. By the thread that watches
  const uint32_t made_in_;                   // ForkGeneration then
  mutable Mutex mutex_;
  std::vector<RunState*> runs_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace weir::internal
