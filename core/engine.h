// Engine: a fixed pool of threads, a clock with its timers, and a bounded set of threads for calls that block. Shared by any
// number of runs; it must outlive them.
//
// Forks: a child process has a copy of its parent's engines, and none of their threads. There a Run on such an engine is refused
// with FAILED_PRECONDITION, so is a wait for one that was begun before the fork, and the destructors of engines and runs leave
// everything as it is. A child that needs an engine makes one of its own.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "weir/core/census.h"
#include "weir/core/clock.h"

namespace weir {

namespace internal {
class EngineState;
class ManualClock;
class Simulator;
}  // namespace internal

struct EngineOptions {
  static constexpr int kMaxThreads = 256;

  // Threads that run Works, 1 to 256; 0 takes one for each core.
  int threads = 0;
  // Threads for `Context::Blocking`, at most; started when they are needed. 1 to 256.
  int blocking_threads = 16;
  // How long the Works of a cancelled run may take to unwind before they are named and no longer waited for in turn.
  absl::Duration grace = absl::Seconds(5);
  // Where Context::Log and the engine's own warnings go, a line at a time, from any thread. Standard error by default.
  std::function<void(std::string_view line)> log = nullptr;
  // A monitor for leaks: `on_growth` is called with the census when more than `works` Works are alive, and again each time that there
  // are more than ever before. On the clock's thread; it may not wait for a run.
  struct CensusLimit {
    size_t works = SIZE_MAX;
    std::function<void(const weir::Census&)> on_growth = nullptr;
  };
  CensusLimit census_limit = {};
  // A hand-turned clock instead of the steady one: for tests. It must outlive the engine.
  internal::ManualClock* clock = nullptr;
};

class Engine {
 public:
  explicit Engine(EngineOptions options = {});
  // The same engine on one thread, in virtual time, with every scheduling choice drawn from `seed`. It takes its steps on
  // the thread that waits for a run.
  static Engine Simulated(uint64_t seed, EngineOptions options = {});
  Engine(const Engine&) = delete;
  Engine& operator=(const Engine&) = delete;
  // Safe once all of its runs are over. Waits for threads of the program that are still inside the engine: what they did, such as
  // resuming what a Work waited for, may have ended the last run.
  ~Engine();

  // INVALID_ARGUMENT if the options were not valid, RESOURCE_EXHAUSTED if the system gave it no thread at all; every run on such an
  // engine is refused with it. One that gets fewer threads than it was to have works with those.
  const absl::Status& status() const { return status_; }
  // How many threads it has; fewer than asked for where the host program has limited oneTBB.
  int threads() const;
  Instant Now() const;

  // What is alive on the engine. Empty when no run is active: then nothing of any run is left. Any thread.
  weir::Census Census() const;

  // Null unless the engine is simulated.
  internal::Simulator* simulator() const { return simulator_; }

 private:
  friend class Run;
  struct SimulatedTag {};
  Engine(SimulatedTag, uint64_t seed, EngineOptions options);

  absl::Status status_;
  std::unique_ptr<internal::EngineState> state_;
  internal::Simulator* simulator_ = nullptr;
};

}  // namespace weir
