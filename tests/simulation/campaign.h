// One generated graph, and what must hold after every schedule of it: every ledger balances, nothing is left, no sink has
// committed a cut-off input, what was dropped was told, Works unwind in order, and a seed that is run again gives the same
// trace. Knows no GoogleTest: a test and the finder of planted bugs (tests/planted) share it.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "tests/simulation/generated_graph.h"
#include "weir/weir.h"

namespace weir::testing {

struct Schedule {
  uint64_t seed = 0;
  // What happens before which step; never if it is UINT64_MAX.
  uint64_t cancel_at = UINT64_MAX;
  uint64_t drain_at = UINT64_MAX;
  Fault fault = {};
  absl::Duration deadline = absl::InfiniteDuration();

  std::string Describe() const;
};

class Campaign {
 public:
  explicit Campaign(uint64_t graph_seed);

  // Runs the graph as one that loses nothing, and completely once; the others are compared with these. Like `Run`, gives what
  // is wrong, with the seeds and the graph; empty if nothing is.
  std::string Begin();
  // The `number`-th schedule: complete, cancelled at some step, drained at some step, with a stage that fails, or past its
  // deadline.
  std::string Run(uint64_t number);

  // How many schedules have been run in this process, and which one now is: for who handles its sudden end.
  static uint64_t schedules();
  static const char* current();

 private:
  struct Outcome;

  // Runs one schedule and checks what must hold after any.
  Outcome RunSchedule(GeneratedGraph& generated, const Schedule& schedule);
  void Complete(uint64_t seed);
  void Cancelled(uint64_t seed, uint64_t step);
  void Drained(uint64_t seed, uint64_t step);
  void Failing(uint64_t seed);
  void PastDeadline(uint64_t seed);

  void Expect(bool holds, std::string_view otherwise);
  void ExpectNothingCutOff(const Outcome& outcome);
  void ExpectOrderOfTeardown(const Outcome& outcome);
  void ExpectCounts(const Report& report);
  // Of what the sink would have without losses, in the same order where it is ordered.
  void ExpectPart(size_t sink, const std::vector<uint64_t>& values);
  void ExpectAsComplete(size_t sink, const GeneratedGraph::Committed& committed);
  // What is wrong since the last time, with how to see it again.
  std::string Judge();

  const uint64_t graph_seed_;
  GeneratedGraph generated_;
  std::vector<GeneratedGraph::Committed> expected_;  // without losses
  size_t works_ = 0;                                 // at least so many
  uint64_t longest_ = 40;
  std::string wrong_;
};

}  // namespace weir::testing
