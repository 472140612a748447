#include "tests/conformance/reference_run.h"

#include <cstdio>
#include <cstdlib>

#include "absl/strings/str_cat.h"
#include "weir/core/simulator.h"

namespace weir::testing {

std::string Schedule::Describe() const {
  std::string text = absl::StrCat("engine seed ", seed);
  if (cancel_at != kNever) absl::StrAppend(&text, ", cancelled at step ", cancel_at);
  if (drain_at != kNever) absl::StrAppend(&text, ", drained at step ", drain_at);
  if (throw_at_point >= 0) {
    absl::StrAppend(&text, ", fault point ", throw_at_point, " throws at item ", throw_at_item);
  }
  return text;
}

void ExpectCleanEnd(const Report& report, const Engine& engine) {
  EXPECT_TRUE(report.over) << report.status;
  EXPECT_TRUE(report.balanced()) << ToJson(report);
  EXPECT_TRUE(report.teardown.overdue.empty());
  for (const ChannelReport& channel : report.channels) {
    EXPECT_EQ(channel.ledger.queued, 0u) << ToJson(report);
    EXPECT_LE(channel.ledger.high_water, channel.capacity) << channel.name;
  }
  for (const StageReport& stage : report.stages) EXPECT_EQ(stage.ended, stage.workers);
  EXPECT_TRUE(engine.Census().empty()) << engine.Census();
}

Outcome RunSchedule(ReferenceGraph& graph, const Schedule& schedule, uint64_t most_steps) {
  const int64_t alive_before = CountedItems::alive();
  graph.faults().Disarm();
  if (schedule.throw_at_point >= 0) {
    graph.faults().Arm(schedule.throw_at_point, schedule.throw_at_item);
  }
  Outcome outcome;
  {
    Engine engine = Engine::Simulated(schedule.seed, {.log = [](std::string_view) {}});
    graph.Prepare(engine);
    Run run(engine, graph.graph());
    engine.simulator()->OnStep([&](uint64_t step) {
      if (step == schedule.cancel_at) run.Cancel(absl::AbortedError("cancelled on purpose"));
      if (step == schedule.drain_at) run.Drain();
      if (step > most_steps) {
        std::fprintf(stderr, "'%s' does not end: %s\n", graph.graph().name().c_str(),
                     schedule.Describe().c_str());
        std::abort();
      }
    });
    outcome.report = run.Wait();
    outcome.steps = engine.simulator()->steps();
    ExpectCleanEnd(outcome.report, engine);
  }
  outcome.committed = graph.committed();
  EXPECT_EQ(CountedItems::alive(), alive_before);
  return outcome;
}

}  // namespace weir::testing
