// One simulated run of a reference graph, with something happening to it on the way, and what must hold after any run.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "tests/conformance/reference_graphs.h"

namespace weir::testing {

struct Schedule {
  static constexpr uint64_t kNever = UINT64_MAX;

  uint64_t seed = 0;
  // Before which step something happens.
  uint64_t cancel_at = kNever;
  uint64_t drain_at = kNever;
  // Which fault point throws, and at which item.
  int throw_at_point = -1;
  uint64_t throw_at_item = 0;

  std::string Describe() const;
};

struct Outcome {
  Report report;
  std::vector<ReferenceGraph::Committed> committed;
  uint64_t steps = 0;
};

// Runs it, and expects that the run is over, that its ledgers balance with nothing queued, that all Works have ended and none
// was overdue, that the engine's census is empty and that as many Counted items are alive as before. A run that takes more
// than `most_steps` ends the program with a message: it would not end by itself.
Outcome RunSchedule(ReferenceGraph& graph, const Schedule& schedule, uint64_t most_steps);

// The same expectations, of a report and an engine.
void ExpectCleanEnd(const Report& report, const Engine& engine);

}  // namespace weir::testing
