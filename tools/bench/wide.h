// The workload `wide`: 10,000 stages, sources and sinks among them, in chains of Params::stages
// each: one chain of 10,000, or 100 of 100. They are made, pass Params::items numbers through each
// chain, and are freed. It measures what a stage costs that has little to do; times are per stage,
// of all three phases. The figures build_ms, run_ms and free_ms add up to the time of all stages,
// and rss_mb is the most resident memory over what there was before.

#pragma once

#include <cstdint>
#include <vector>

#include "tools/bench/bench.h"
#include "tools/bench/chain.h"

namespace weir::bench {

inline constexpr int kWideStages = 10'000;

int WideChains(const Params& params);

// The clock and the memory of one sample, which begins when it is made; call the others in their
// order, each at the end of its phase.
class WidePhases {
 public:
  WidePhases();
  void Built() { built_ns_ = stopwatch_.Stop(1).wall_ns; }
  void Ran() { ran_ns_ = stopwatch_.Stop(1).wall_ns; }
  // Verifies what the sinks have received, each from one chain.
  Sample Freed(const Params& params, const std::vector<ChainSink>& sinks, ChainOrder order);

 private:
  const int64_t resident_kb_;
  const Stopwatch stopwatch_;
  int64_t built_ns_ = 0;
  int64_t ran_ns_ = 0;
};

}  // namespace weir::bench
