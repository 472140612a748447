// Many schedules of many graphs: complete, cancelled at every step, drained at every step, and with a stage that fails. After
// each: every ledger balances, nothing is left, no sink has committed a cut-off input, and a seed that is run again gives
// the same trace.
#include <gtest/gtest.h>

#include <functional>
#include <string>

#include "absl/strings/str_cat.h"
#include "tests/simulation/generated_graph.h"
#include "tests/simulation/schedules.h"
#include "weir/core/simulator.h"
#include "weir/weir.h"

namespace weir::testing {
namespace {

constexpr int kGraphs = 64;

struct Schedule {
  uint64_t seed = 0;
  // What happens before which step; never if it is UINT64_MAX.
  uint64_t cancel_at = UINT64_MAX;
  uint64_t drain_at = UINT64_MAX;
  Fault fault = {};
  absl::Duration deadline = absl::InfiniteDuration();

  std::string Describe() const {
    std::string text = absl::StrCat("engine seed ", seed);
    if (cancel_at != UINT64_MAX) absl::StrAppend(&text, ", cancelled at step ", cancel_at);
    if (drain_at != UINT64_MAX) absl::StrAppend(&text, ", drained at step ", drain_at);
    if (fault.stage >= 0) {
      absl::StrAppend(&text, ", fault point ", fault.stage, " at ", fault.at_item,
                      fault.throws ? " by a throw" : "");
    }
    return text;
  }
};

struct Outcome {
  Report report;
  std::vector<GeneratedGraph::Committed> committed;
  uint64_t steps = 0;
  uint64_t digest = 0;
};

// Runs one schedule and checks what must hold after any.
Outcome RunSchedule(GeneratedGraph& generated, const Schedule& schedule) {
  const int64_t alive_before = Token::alive();
  generated.set_fault(schedule.fault);
  Outcome outcome;
  {
    Engine engine = Engine::Simulated(schedule.seed, {.log = [](std::string_view) {}});
    Run run(engine, generated.graph(), {.deadline = schedule.deadline});
    engine.simulator()->OnStep([&](uint64_t step) {
      if (step == schedule.cancel_at) run.Cancel(absl::AbortedError("cancelled on purpose"));
      if (step == schedule.drain_at) run.Drain();
    });
    outcome.report = run.Wait();
    outcome.steps = engine.simulator()->steps();
    outcome.digest = engine.simulator()->digest();
    EXPECT_TRUE(engine.Census().empty());
  }
  outcome.committed = generated.TakeCommitted();
  EXPECT_TRUE(outcome.report.over);
  EXPECT_TRUE(outcome.report.balanced());
  EXPECT_TRUE(outcome.report.teardown.overdue.empty());
  for (const ChannelReport& channel : outcome.report.channels) EXPECT_EQ(channel.ledger.queued, 0u);
  for (const StageReport& stage : outcome.report.stages) EXPECT_EQ(stage.ended, stage.workers);
  EXPECT_EQ(Token::alive(), alive_before);
  return outcome;
}

class Campaign {
 public:
  explicit Campaign(uint64_t graph_seed) : graph_seed_(graph_seed), generated_(graph_seed) {}

  // The first complete run, with which the others are compared.
  void Begin() {
    ASSERT_TRUE(generated_.graph().Check().ok()) << generated_.graph().Check();
    expected_ = RunSchedule(generated_, {.seed = 0});
    ASSERT_TRUE(expected_.report.ok())
        << expected_.report.status << " of " << ToDot(expected_.report);
    for (const auto& sink : expected_.committed) ASSERT_TRUE(sink.happened);
  }

  void Complete(uint64_t seed) {
    const Schedule schedule{.seed = seed};
    const Outcome outcome = RunSchedule(generated_, schedule);
    EXPECT_TRUE(outcome.report.ok()) << outcome.report.status;
    EXPECT_EQ(outcome.committed, expected_.committed);
    Judge(schedule);
    longest_ = std::max(longest_, outcome.steps);
    if (seed % 97 == 0) {
      const Outcome again = RunSchedule(generated_, schedule);
      EXPECT_EQ(again.digest, outcome.digest) << "the same seed gave another trace";
      Judge(schedule);
    }
  }

  void Cancelled(uint64_t seed, uint64_t step) {
    const Schedule schedule{.seed = seed, .cancel_at = step};
    const Outcome outcome = RunSchedule(generated_, schedule);
    if (!outcome.report.ok()) {
      EXPECT_TRUE(absl::IsAborted(outcome.report.status)) << outcome.report.status;
    }
    ExpectNothingCutOff(outcome);
    ExpectOrderOfUnwinding(outcome);
    Judge(schedule);
  }

  void Drained(uint64_t seed, uint64_t step) {
    const Schedule schedule{.seed = seed, .drain_at = step};
    const Outcome outcome = RunSchedule(generated_, schedule);
    EXPECT_TRUE(outcome.report.ok()) << outcome.report.status;
    for (const auto& sink : outcome.committed) EXPECT_TRUE(sink.happened);
    Judge(schedule);
  }

  void Failing(uint64_t seed) {
    if (generated_.fault_points() == 0) return Complete(seed);
    Schedule schedule{.seed = seed};
    schedule.fault.stage = static_cast<int>(seed % generated_.fault_points());
    schedule.fault.at_item = seed / 3 % 7;
    schedule.fault.throws = seed % 2 == 0;
    const Outcome outcome = RunSchedule(generated_, schedule);
    if (!outcome.report.ok()) {
      EXPECT_TRUE(absl::IsDataLoss(outcome.report.status) ||
                  absl::IsInternal(outcome.report.status))
          << outcome.report.status;
    }
    ExpectNothingCutOff(outcome);
    ExpectOrderOfUnwinding(outcome);
    Judge(schedule);
  }

  void PastDeadline(uint64_t seed) {
    const Schedule schedule{.seed = seed, .deadline = absl::Microseconds(seed % 2000)};
    const Outcome outcome = RunSchedule(generated_, schedule);
    if (!outcome.report.ok()) {
      EXPECT_TRUE(absl::IsDeadlineExceeded(outcome.report.status)) << outcome.report.status;
    }
    ExpectNothingCutOff(outcome);
    Judge(schedule);
  }

  uint64_t longest() const { return longest_; }

 private:
  void ExpectNothingCutOff(const Outcome& outcome) {
    for (size_t i = 0; i < outcome.committed.size(); ++i) {
      if (outcome.committed[i].happened) {
        EXPECT_EQ(outcome.committed[i], expected_.committed[i]);
      }
    }
  }

  void ExpectOrderOfUnwinding(const Outcome& outcome) {
    std::vector<std::string> order;
    for (const StageReport& stage : outcome.report.stages) {
      for (int i = 0; i < stage.workers; ++i) order.push_back(absl::StrCat(stage.name, "#", i));
    }
    auto at = order.begin();
    for (const std::string& work : outcome.report.teardown.unwound) {
      at = std::find(at, order.end(), work);
      ASSERT_NE(at, order.end()) << work << " has unwound out of turn";
    }
  }

  // Says how to see a failure again, once, and stops there.
  void Judge(const Schedule& schedule) {
    ASSERT_FALSE(::testing::Test::HasFailure())
        << "graph seed " << graph_seed_ << ", " << schedule.Describe() << "\n"
        << ToDot(Describe(generated_.graph()));
  }

  const uint64_t graph_seed_;
  GeneratedGraph generated_;
  Outcome expected_;
  uint64_t longest_ = 40;
};

class Simulation : public ::testing::TestWithParam<int> {};

TEST_P(Simulation, EverySchedule_Balances_LeavesNothing_CommitsNothingCutOff) {
  const uint64_t graph_seed = GetParam();
  Campaign campaign(graph_seed);
  ASSERT_NO_FATAL_FAILURE(campaign.Begin());
  const uint64_t schedules = Schedules(1'000'000) / kGraphs;
  for (uint64_t i = 0; i < schedules && !HasFailure(); ++i) {
    const uint64_t seed = graph_seed * 1'000'003 + i;
    switch (i % 8) {
      case 0:
      case 1: campaign.Complete(seed); break;
      case 2:
      case 3: campaign.Cancelled(seed, i / 8 % (campaign.longest() + 1)); break;
      case 4: campaign.Drained(seed, i / 8 % (campaign.longest() + 1)); break;
      case 5:
      case 6: campaign.Failing(seed); break;
      case 7: campaign.PastDeadline(seed); break;
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Graphs, Simulation, ::testing::Range(1, kGraphs + 1));

}  // namespace
}  // namespace weir::testing
