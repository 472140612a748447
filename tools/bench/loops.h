// The bounds of a workload that only computes: what one loop takes, and what independent loops on
// as many threads as the others have take, each over its share of the items.

#pragma once

#include <cstdint>

#include "tools/bench/bench.h"
#include "tools/bench/farm.h"

namespace weir::bench {

// Does the work for the numbers begin .. end-1, and lets `sink` consume the results.
using LoopBody = void (*)(const Params& params, int64_t begin, int64_t end, FarmSink& sink);

// As FinishFarm.
using FinishLoop = Sample (*)(const Stopwatch& stopwatch, const Params& params,
                              const FarmSink& sink);

// Adds `one_thread` and `two_threads` to `workload`.
void AddLoops(Suite& suite, const char* workload, int64_t (*warm_up_items)(const Params&),
              LoopBody body, FinishLoop finish);

}  // namespace weir::bench
