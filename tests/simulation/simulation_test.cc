// Many schedules of many graphs: complete, cancelled at every step, drained at every step, with a stage that fails, and past a
// deadline. What must hold after each is told in campaign.h; a failure prints the graph's seed and the engine's.
#include <gtest/gtest.h>

#include <cstdint>
#include <vector>

#include "tests/simulation/campaign.h"
#include "tests/simulation/generated_graph.h"
#include "tests/simulation/schedules.h"
#include "weir/explore.h"

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

// The same with what only the simulator can do to a run: a Work that is held back, a clock that leaps, a wait that throws, memory that
// runs out.
TEST_P(Simulation, EveryScheduleWithFaults_Balances_LeavesNothing_CommitsNothingCutOff) {
  const uint64_t graph_seed = GetParam();
  std::vector<GeneratedGraph::Committed> complete;
  const auto body = [&](Trial& trial) {
    const int64_t alive = Token::alive();
    {
      GeneratedGraph generated(graph_seed, /*lossless=*/true);
      const Report report = trial.Run(generated.graph());
      const auto committed = generated.TakeCommitted();
      if (complete.empty()) complete = committed;
      for (size_t i = 0; i < committed.size(); ++i) {
        trial.Expect(!committed[i].happened || report.drained || committed[i] == complete[i],
                     "a cut-off input was committed");
      }
    }
    trial.Expect(Token::alive() == alive, "items are alive after the run");
  };
  ASSERT_TRUE(Explore({.seeds = 1}, body).ok());
  ExploreOptions options;
  options.first_seed = graph_seed * 1'000'003;
  options.seeds = Schedules(100'000) / kGraphs;
  options.faults = true;
  const Exploration found = Explore(options, body);
  EXPECT_TRUE(found.ok()) << "graph seed " << graph_seed << ", " << found;
}

INSTANTIATE_TEST_SUITE_P(Graphs, Simulation, ::testing::Range(1, kGraphs + 1));

}  // namespace
}  // namespace weir::testing
