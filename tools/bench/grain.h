// The workload `grain`: four stages in a row that each work for Params::work_ns on every number. It
// asks from which grain on a chain of serial stages uses the cores, and what that costs. Times are
// per item; the figures are those of farm.h, where an item's work is that of all four stages.
// `one_thread` and `two_threads` are the bounds, as in farm.

#pragma once

#include <cstdint>

#include "tools/bench/bench.h"
#include "tools/bench/farm.h"
#include "tools/bench/spin.h"

namespace weir::bench {

inline constexpr int kGrainStages = 4;

// What each stage does, one after the other, beginning with {number, 0}.
inline FarmItem GrainWork(const Params& params, FarmItem item) {
  item.result += Spin(item.number + item.result, params.work_rounds);
  return item;
}

int64_t GrainWarmUpItems(const Params& params);

// Stops the clock, and then verifies what `sink` has received and adds the figures.
Sample FinishGrain(const Stopwatch& stopwatch, const Params& params, const FarmSink& sink);

}  // namespace weir::bench
