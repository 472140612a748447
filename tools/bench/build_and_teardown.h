// The workload `build_and_teardown`: a chain is made, ten numbers pass through it, and it is freed,
// Params::items times in a row. It measures what a short run costs where the threads are there
// already; times are per run. Params::stages counts all of the chain's stages, the source and the
// sink too.

#pragma once

#include <cstdint>

#include "tools/bench/bench.h"
#include "tools/bench/chain.h"

namespace weir::bench {

inline constexpr int64_t kBuildWarmUpRuns = 20;
inline constexpr int64_t kBuildItems = 10;  // in each run

// Calls `run(sink)` Params::items times, and verifies what each sink has received. A run that has
// failed returns false.
template <typename Run>
Sample RepeatRuns(const Params& params, ChainOrder order, Run run) {
  bool ok = true;
  const Stopwatch stopwatch;
  for (int64_t i = 0; i < params.items; ++i) {
    ChainSink sink;
    const bool completed = run(sink);
    ok = ok && completed && sink.IsComplete(kBuildItems) &&
         (order == ChainOrder::kAny || sink.IsInOrder());
  }
  Sample sample = stopwatch.Stop(params.items);
  sample.ok = ok;
  return sample;
}

}  // namespace weir::bench
