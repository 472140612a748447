// The workload `feedback`: one item goes round a loop of Params::stages stages until it has made
// Params::items hops. It measures a hop where there is nothing to batch and no second item to work
// on meanwhile; times are per hop.

#pragma once

#include <cstdint>

#include "tools/bench/bench.h"

namespace weir::bench {

// Long enough to start every thread.
inline constexpr int64_t kFeedbackWarmUpHops = 2'000;

// Stops the clock, and then verifies that the item has made as many hops as it should: as many as
// the items of the point, rounded up to whole rounds.
Sample FinishFeedback(const Stopwatch& stopwatch, const Params& params, uint64_t hops);

}  // namespace weir::bench
