// Twenty reference graphs are cancelled at every step, drained at every step, and thrown in at every item of every function,
// under one seed after the other. After each: the run is over, every ledger balances, nothing is left, and no sink has
// committed a cut-off input (tests/promises/every_run_ends_clean.md).
//
// A million schedules by default. More of them, here and in simulation_test:
//   WEIR_SCHEDULES=50000000 bazel test --config=opt --test_env=WEIR_SCHEDULES --test_timeout=86400
//     //tests/conformance:every_step_test //tests/simulation:simulation_test
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdint>
#include <memory>

#include "tests/conformance/reference_run.h"
#include "tests/simulation/schedules.h"

namespace weir::testing {
namespace {

// Nothing that ends by itself comes near.
constexpr uint64_t kMostSteps = 20'000;

class EveryStep : public ::testing::TestWithParam<ReferenceGraphKind> {
 protected:
  void SetUp() override {
    ASSERT_TRUE(graph_->graph().Check().ok()) << graph_->graph().Check();
    const Outcome first = RunSchedule(*graph_, {.seed = 0}, kMostSteps);
    ASSERT_TRUE(first.report.ok()) << first.report.status;
    expected_ = first.committed;
    for (const auto& sink : expected_) ASSERT_TRUE(sink.happened);
  }

  // One seed: the complete run, and everything that can happen on its way. Returns how many schedules that was.
  uint64_t Sweep(uint64_t seed);

  uint64_t longest_ = 0;

 private:
  void ExpectNothingCutOff(const Outcome& outcome) {
    for (size_t i = 0; i < expected_.size(); ++i) {
      if (outcome.committed[i].happened) {
        EXPECT_EQ(outcome.committed[i], expected_[i]);
      }
    }
  }
  bool Judge(const Schedule& schedule) {
    if (!HasFailure()) return true;
    ADD_FAILURE() << "'" << graph_->graph().name() << "', " << schedule.Describe();
    return false;
  }

  const std::unique_ptr<ReferenceGraph> graph_ = GetParam().Make();
  std::vector<ReferenceGraph::Committed> expected_;
};

uint64_t EveryStep::Sweep(uint64_t seed) {
  uint64_t schedules = 1;
  const Outcome complete = RunSchedule(*graph_, {.seed = seed}, kMostSteps);
  EXPECT_TRUE(complete.report.ok()) << complete.report.status;
  EXPECT_EQ(complete.committed, expected_);
  if (!Judge({.seed = seed})) return schedules;
  longest_ = std::max(longest_, complete.steps);
  uint64_t passed[FaultPoints::kMost];
  for (int point = 0; point < FaultPoints::kMost; ++point) {
    passed[point] = graph_->faults().passed(point);
  }

  for (uint64_t step = 0; step <= complete.steps; ++step, ++schedules) {
    const Schedule schedule{.seed = seed, .cancel_at = step};
    const Outcome outcome = RunSchedule(*graph_, schedule, kMostSteps);
    if (!outcome.report.ok()) {
      EXPECT_TRUE(absl::IsAborted(outcome.report.status)) << outcome.report.status;
    }
    ExpectNothingCutOff(outcome);
    if (!Judge(schedule)) return schedules;
  }
  for (uint64_t step = 0; step <= complete.steps; ++step, ++schedules) {
    const Schedule schedule{.seed = seed, .drain_at = step};
    const Outcome outcome = RunSchedule(*graph_, schedule, kMostSteps);
    EXPECT_TRUE(outcome.report.ok()) << outcome.report.status;
    for (const auto& sink : outcome.committed) EXPECT_TRUE(sink.happened);
    if (!Judge(schedule)) return schedules;
  }
  for (int point = 0; point < FaultPoints::kMost; ++point) {
    for (uint64_t item = 0; item < passed[point]; ++item, ++schedules) {
      const Schedule schedule{.seed = seed, .throw_at_point = point, .throw_at_item = item};
      const Outcome outcome = RunSchedule(*graph_, schedule, kMostSteps);
      EXPECT_TRUE(absl::IsInternal(outcome.report.status)) << outcome.report.status;
      EXPECT_NE(outcome.report.status.message().find("thrown on purpose"), absl::string_view::npos);
      ExpectNothingCutOff(outcome);
      if (!Judge(schedule)) return schedules;
    }
  }
  return schedules;
}

TEST_P(EveryStep, CancelDrainOrThrow_EndsClean_CommitsNothingCutOff) {
  const uint64_t wanted = Schedules(1'000'000) / kReferenceGraphs;
  uint64_t schedules = 0, seed = 0;
  while (schedules < wanted && !HasFailure()) schedules += Sweep(++seed);
  RecordProperty("schedules", std::to_string(schedules));
  RecordProperty("seeds", std::to_string(seed));
  RecordProperty("longest", std::to_string(longest_));
}

INSTANTIATE_TEST_SUITE_P(Graphs, EveryStep, ::testing::ValuesIn(ReferenceGraphs()),
                         [](const auto& info) { return std::string(info.param.name); });

}  // namespace
}  // namespace weir::testing
