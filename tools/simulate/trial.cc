// One schedule: what is asked of its runs, and what ends one that goes round in circles.
#include <algorithm>
#include <cctype>
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "tools/simulate/schedules.h"
#include "weir/core/run_state.h"
#include "weir/core/simulator.h"

namespace weir {
namespace {

using internal::Fault;
using internal::FaultKind;

// Whether what was injected explains that a run ended so. A deadlock is explained by nothing.
bool IsExcused(const absl::Status& status, const std::vector<Fault>& faults) {
  if (status.ok()) return true;
  if (absl::IsFailedPrecondition(status) && absl::StartsWith(status.message(), "deadlock: "))
    return false;
  return std::any_of(faults.begin(), faults.end(), [&](const Fault& fault) {
    if (!fault.happened) return false;
    if (fault.kind == FaultKind::kClockJump) return absl::IsDeadlineExceeded(status);
    // Nothing but the cancellation may be the cause of a run that was cancelled; and a stage for which half of its input is no
    // result may end so where it is drained.
    if (fault.kind == FaultKind::kCancel || fault.kind == FaultKind::kDrain)
      return absl::IsAborted(status);
    return fault.excuses_failure();
  });
}

std::string WithoutNumbers(std::string text) {
  std::erase_if(text, [](unsigned char c) { return std::isdigit(c); });
  return text;
}

void CancelRuns(internal::Simulator& simulator, const absl::Status& cause) {
  std::vector<internal::RunState*> runs;
  simulator.VisitRuns([&](internal::RunState& run) {
    if (run.TryHold()) runs.push_back(&run);
  });
  for (internal::RunState* run : runs) {
    run->Cancel(cause);
    run->Release();
  }
}

// Cancels a schedule that has taken too many steps; if it goes on regardless, there is no way to end it but to end the process.
void Bound(internal::Simulator& simulator, const Schedule& schedule, uint64_t step) {
  if (step == 2 * schedule.most_steps) {
    std::fprintf(stderr,
                 "weir: seed %llu: not over after %llu steps, nor after it was cancelled:\n%s",
                 static_cast<unsigned long long>(schedule.seed),
                 static_cast<unsigned long long>(step), simulator.Census().ToString().c_str());
    std::abort();
  }
  if (step == schedule.most_steps)
    CancelRuns(simulator,
               absl::DeadlineExceededError(absl::StrCat("not over after ", step, " steps")));
}

}  // namespace

Report Trial::Run(Graph& graph, RunOptions options) {
  for (const NextCapacity& grown : *capacities_) {
    const absl::Status set = grown.bytes > 0 ? graph.SetBytes(grown.input, grown.bytes)
                                             : graph.SetCapacity(grown.input, grown.capacity);
    if (!set.ok()) Expect(false, set.ToString());
  }
  const Report report = weir::Run(*engine_, graph, options).Wait();
  Check(report);
  return report;
}

void Trial::Check(const Report& report) {
  if (!IsExcused(report.status, engine_->simulator()->faults())) {
    if (failure_.empty()) next_ = NextCapacityOf(report.status);
    Expect(false,
           absl::StrCat("the run of '", report.graph, "' ended with ", report.status.ToString()));
  }
  const std::string left = LeftBehind(report);
  Expect(left.empty(), left);
  Expect(report.teardown.overdue.empty(),
         absl::StrCat("the run of '", report.graph, "' has Works that did not stop"));
}

void Trial::Expect(bool holds, std::string_view sentence) {
  if (!holds && failure_.empty()) failure_ = std::string(sentence);
}

std::string LeftBehind(const Report& report) {
  const std::string run = absl::StrCat("the run of '", report.graph, "' ");
  if (!report.over) return absl::StrCat(run, "is not over: ", report.status.ToString());
  for (const ChannelReport& channel : report.channels) {
    if (channel.ledger.queued > 0)
      return absl::StrCat(run, "has left ", channel.ledger.queued, " in ", channel.name);
    if (channel.ledger.high_water > channel.capacity) {
      return absl::StrCat(run, "had ", channel.ledger.high_water, " in ", channel.name,
                          ", which holds ", channel.capacity);
    }
  }
  if (!report.balanced())
    return absl::StrCat(run, "has a ledger that does not balance: ", ToJson(report));
  for (const StageReport& stage : report.stages) {
    if (stage.ended != stage.workers) {
      return absl::StrCat(run, "has ended ", stage.ended, " of ", stage.workers, " Works of '",
                          stage.name, "'");
    }
  }
  return "";
}

bool ScheduleResult::FailsLike(const ScheduleResult& other) const {
  return !failure.empty() && WithoutNumbers(failure) == WithoutNumbers(other.failure);
}

ScheduleResult Schedules::Run(const Schedule& schedule) const {
  Trial trial;
  ScheduleResult result;
  Engine engine = Engine::Simulated(schedule.seed, {.log = [](std::string_view) {}});
  internal::Simulator& simulator = *engine.simulator();
  simulator.OnStep([&](uint64_t step) {
    Bound(simulator, schedule, step);
    if (!stop_ || !stop_()) return;
    result.stopped = true;
    CancelRuns(simulator, absl::CancelledError("stopped from outside"));
  });
  if (faults_) simulator.InjectFaults();
  if (schedule.choices != nullptr) simulator.choices().Replay(*schedule.choices);
  if (schedule.keep) {
    simulator.choices().Keep();
    simulator.KeepTrace(true);
  }
  trial.engine_ = &engine;
  trial.capacities_ = &capacities_;
  try {
    body_(trial);
  } catch (const std::exception& error) {
    trial.Expect(false, absl::StrCat("an exception has left the trial: ", error.what()));
  }
  trial.Expect(engine.Census().empty(), absl::StrCat("alive on the engine after all of its runs:\n",
                                                     engine.Census().ToString()));
  result.failure = std::move(trial.failure_);
  result.next = std::move(trial.next_);
  for (const Fault& fault : simulator.faults()) {
    if (fault.happened) result.faults.push_back(fault.ToString());
  }
  result.choices = simulator.choices().made();
  result.trace = simulator.trace();
  result.steps = simulator.steps();
  result.digest = simulator.digest();
  return result;
}

}  // namespace weir
