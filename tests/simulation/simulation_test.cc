// Many schedules of many graphs: complete, cancelled at every step, drained at every step, with a stage that fails, and past a
// deadline. What must hold after each is told in campaign.h; a failure prints the graph's seed and the engine's.
#include <gtest/gtest.h>

#include "tests/simulation/campaign.h"
#include "tests/simulation/schedules.h"

namespace weir::testing {
namespace {

constexpr int kGraphs = 64;

class Simulation : public ::testing::TestWithParam<int> {};

TEST_P(Simulation, EverySchedule_Balances_LeavesNothing_CommitsNothingCutOff) {
  Campaign campaign(GetParam());
  ASSERT_EQ(campaign.Begin(), "");
  const uint64_t schedules = Schedules(1'000'000) / kGraphs;
  for (uint64_t i = 0; i < schedules; ++i) ASSERT_EQ(campaign.Run(i), "");
}

INSTANTIATE_TEST_SUITE_P(Graphs, Simulation, ::testing::Range(1, kGraphs + 1));

}  // namespace
}  // namespace weir::testing
