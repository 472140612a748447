#include "weir/core/engine.h"

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <new>
#include <system_error>
#include <thread>
#include <utility>

#include "absl/strings/str_cat.h"
#include "weir/core/blocking_pool.h"
#include "weir/core/engine_state.h"
#include "weir/core/pool.h"
#include "weir/core/run_state.h"
#include "weir/core/simulator.h"
#include "weir/core/steady_clock.h"
#include "weir/core/timer.h"

namespace weir {
namespace internal {

EngineState::~EngineState() = default;

void EngineState::Log(const std::string& line) const {
  if (log_) {
    log_(line);
  } else {
    std::fprintf(stderr, "weir: %s\n", line.c_str());
  }
}

void EngineState::AddRun(RunState& run) {
  MutexLock lock(mutex_);
  runs_.push_back(&run);
  if (runs_.size() == 1) OnActive(true);
}

void EngineState::RemoveRun(RunState& run) {
  MutexLock lock(mutex_);
  std::erase(runs_, &run);
  if (runs_.empty()) OnActive(false);
}

size_t EngineState::active_runs() const {
  MutexLock lock(mutex_);
  return runs_.size();
}

void EngineState::VisitRuns(const std::function<void(RunState&)>& visit) const {
  MutexLock lock(mutex_);
  for (RunState* run : runs_) visit(*run);
}

weir::Census EngineState::Census() const {
  weir::Census census;
  VisitRuns([&](RunState& run) { run.AppendCensus(census.works); });
  census.timers = armed_timers();
  return census;
}

void EngineState::WatchCensus() {
  if (census_limit_.on_growth == nullptr) return;
  size_t works = 0;
  VisitRuns([&](RunState& run) { works += run.live_works(); });
  if (works <= census_limit_.works) return;
  census_limit_.works = works;
  census_limit_.on_growth(Census());
}

bool EngineState::CloseQuietLoops() {
  bool closed = false;
  WakeList wakes;
  VisitRuns([&](RunState& run) { closed |= run.CloseQuietLoops(wakes); });
  return closed;
}

bool EngineState::FailWedged(std::string_view remark, bool* incomplete) {
  std::vector<std::pair<RunState*, absl::Status>> verdicts;
  VisitRuns([&](RunState& run) {
    try {
      absl::Status verdict = run.FindWedge();
      if (verdict.ok()) return;
      verdicts.emplace_back(
          &run, absl::Status(verdict.code(), absl::StrCat(verdict.message(), std::string(remark))));
    } catch (const std::bad_alloc&) {  // it is looked for again
      if (incomplete != nullptr) *incomplete = true;
      return;
    }
    if (!run.TryHold()) verdicts.pop_back();
  });
  for (auto& [run, verdict] : verdicts) {
    run->Cancel(std::move(verdict));
    run->Release();
  }
  return !verdicts.empty();
}

namespace {

// The engine on real threads.
class ThreadedEngine final : public EngineState {
 public:
  ThreadedEngine(int threads, const EngineOptions& options)
      : EngineState(options),
        manual_(options.clock),
        pool_(threads),
        blocking_(options.blocking_threads),
        steady_(kWatchPeriod, [this] { Tick(); }) {}

  Executor& executor() override { return pool_; }
  Clock& clock() override { return manual_ != nullptr ? static_cast<Clock&>(*manual_) : steady_; }
  BlockingExecutor& blocking() override { return blocking_; }
  int width() const { return pool_.width(); }
  size_t armed_timers() const override {
    return manual_ != nullptr ? manual_->armed() : steady_.armed();
  }

  // Marsaglia's xorshift; each thread has its own, from its own beginning.
  uint64_t Draw(uint64_t n) override {
    thread_local uint64_t state = 0;
    if (state == 0) state = 0x9e3779b97f4a7c15u ^ reinterpret_cast<uintptr_t>(&state);
    state ^= state << 13;
    state ^= state >> 7;
    state ^= state << 17;
    return n <= 1 ? 0 : state % n;
  }
  absl::Status MayWait() const override {
    if (forked()) {
      return absl::FailedPreconditionError(
          "weir: this engine was made before the process was forked, and a child process has none of "
          "its threads; make an engine in the child");
    }
    if (!pool_.OnOwnThread() && !steady_.OnOwnThread()) return absl::OkStatus();
    return absl::FailedPreconditionError(
        "weir: a thread of an engine cannot wait for a run of that engine, which may need the "
        "thread; "
        "co_await run.Finished() instead");
  }
  absl::Status Await(Mutex& mutex, std::condition_variable& wake, Instant deadline,
                     const std::function<bool()>& done) override {
    if (absl::Status may = MayWait(); !may.ok()) return may;
    std::unique_lock<std::mutex> lock(mutex);
    if (deadline == Instant::InfiniteFuture()) {
      wake.wait(lock, done);
      return absl::OkStatus();
    }
    // A program's thread waits in real time, whatever clock the runs are on.
    const std::chrono::nanoseconds rest(absl::ToInt64Nanoseconds(deadline - clock().Now()));
    const bool is_done = wake.wait_until(lock, std::chrono::steady_clock::now() + rest, done);
    return is_done ? absl::OkStatus() : absl::DeadlineExceededError("");
  }

 private:
  static constexpr absl::Duration kWatchPeriod = absl::Milliseconds(2);
  static constexpr int kTicksPerSample = 3;
  static constexpr int kTicksPerSearch = 50;
  // While no job runs, a tick is for this many: to wake the clock's thread is most of what it costs.
  static constexpr int kTicksWhileIdle = kTicksPerSample;

  // Something that is done now and then, takes longer the more Works there are, and comes to nothing while no Work has run: it is
  // left out then, and takes a 200th of the time at most otherwise.
  struct Periodic {
    uint64_t jobs = UINT64_MAX;  // that had been run when it was last done
    Instant not_before;
    // True: it is worth doing again. `busy`: something changes that is not counted yet.
    bool Due(uint64_t jobs_now, Instant now, bool busy = false) const {
      return (busy || jobs_now != jobs) && now >= not_before;
    }
    void Done(uint64_t jobs_then, Instant began, Instant now) {
      jobs = jobs_then;
      not_before = now + 200 * (now - began);
    }
  };

  void OnActive(bool active) override { steady_.SetTicking(active); }
  bool has_threads() const override { return true; }

  void Tick() {
    pool_.Watch();
    blocking_.Watch();
    // Before anything is looked at: what changes meanwhile is looked at the next time.
    const uint64_t jobs = pool_.JobsRun();
    const Instant began = steady_.Now();
    bool closed = false;
    if (quiet_loops_.Due(jobs, began)) {
      closed = CloseQuietLoops();
      quiet_loops_.Done(jobs, began, steady_.Now());
    }
    ticks_ += ticks_ahead_;
    if (ticks_ - sampled_ >= kTicksPerSample) {
      sampled_ = ticks_;
      const Instant from = steady_.Now();
      // A job that has not ended is not counted yet.
      const bool changed = samples_.Due(jobs, from, !pool_.Idle());
      VisitRuns([changed](RunState& run) { run.Sample(changed); });
      if (changed) samples_.Done(jobs, from, steady_.Now());
      WatchCensus();
    }
    // While others work, some may be stuck; but there is no hurry then.
    const Instant from = steady_.Now();
    if (!closed && searches_.Due(jobs, from) &&
        (pool_.Idle() || ticks_ - searched_ >= kTicksPerSearch)) {
      searched_ = ticks_;
      bool incomplete = false;
      FailWedged("", &incomplete);
      searches_.Done(incomplete ? UINT64_MAX : jobs, from, steady_.Now());
    }
    const bool idle = pool_.Idle() && std::exchange(jobs_ticked_, jobs) == jobs;
    ticks_ahead_ = idle ? kTicksWhileIdle : 1;
    steady_.SetPeriod(ticks_ahead_ * kWatchPeriod);
  }

  ManualClock* const manual_;
  Pool pool_;
  BlockingPool blocking_;  // after the pool, to which its threads post until they are joined
  // This and what follows by the clock's thread alone.
  uint64_t ticks_ = 0, sampled_ = 0, searched_ = 0;
  int ticks_ahead_ = 1;  // what the next tick counts for
  uint64_t jobs_ticked_ = 0;
  Periodic quiet_loops_, samples_, searches_;
  SteadyClock steady_;  // last: its thread uses the others
};

absl::Status CheckOptions(const EngineOptions& options) {
  for (auto [what, value, least] : {std::tuple{"threads", options.threads, 0},
                                    std::tuple{"blocking_threads", options.blocking_threads, 1}}) {
    if (value < least || value > EngineOptions::kMaxThreads) {
      return absl::InvalidArgumentError(absl::StrCat("an engine cannot have ", value, " ", what,
                                                     "; give it 1 to ",
                                                     EngineOptions::kMaxThreads));
    }
  }
  return absl::OkStatus();
}

}  // namespace
}  // namespace internal

Engine::Engine(EngineOptions options) : status_(internal::CheckOptions(options)) {
  if (!status_.ok()) options = EngineOptions{.threads = 1, .log = options.log};
  const int cores = std::max(1, static_cast<int>(std::thread::hardware_concurrency()));
  const int threads =
      options.threads > 0 ? options.threads : std::min(cores, EngineOptions::kMaxThreads);
  try {
    state_ = std::make_unique<internal::ThreadedEngine>(threads, options);
  } catch (const std::system_error& error) {
    status_ = absl::ResourceExhaustedError(absl::StrCat(
        "weir: the system gives the engine no thread for its clock (", error.what(),
        "); raise the limit of threads, or make the engine before others take them"));
    state_ = std::make_unique<internal::Simulator>(0, options);  // on which nothing is run
  }
}

Engine::Engine(SimulatedTag, uint64_t seed, EngineOptions options) {
  auto simulator = std::make_unique<internal::Simulator>(seed, options);
  simulator_ = simulator.get();
  state_ = std::move(simulator);
}

Engine Engine::Simulated(uint64_t seed, EngineOptions options) {
  return Engine(SimulatedTag{}, seed, std::move(options));
}

Engine::~Engine() {
  if (state_->forked()) {  // a copy in a child process: there is no thread to join
    (void)state_.release();
    return;
  }
  if (state_->active_runs() == 0) return;
  std::fputs("weir: an Engine was destroyed while runs were active; it must outlive its Runs\n",
             stderr);
  std::abort();
}

int Engine::threads() const {
  const auto* threaded = dynamic_cast<const internal::ThreadedEngine*>(state_.get());
  return threaded == nullptr ? 1 : threaded->width();
}

Instant Engine::Now() const { return state_->clock().Now(); }

weir::Census Engine::Census() const { return state_->Census(); }

}  // namespace weir
