// Measures one point of a workload with several implementations, in interleaved rounds.

#pragma once

#include <string>
#include <utility>
#include <vector>

#include "tools/bench/bench.h"
#include "tools/bench/statistics.h"

namespace weir::bench {

// All rounds of one implementation at one point.
struct Result {
  std::string impl;
  Params params;  // with this implementation's items
  int rounds = 0;
  Spread ns;               // wall time per unit, over the rounds that were ok
  double cpu_ns = 0;       // CPU time per unit, median
  double peak_rss_kb = 0;  // median
  std::vector<std::pair<std::string, double>> figures;  // what the samples had, medians
  bool ok = false;                                      // every round was verified
};

// Runs `rounds` rounds; in each, every implementation takes one sample in a fresh process, in an
// order that is rotated from round to round. So slow drifts of the machine (heat, neighbours) fall
// on all implementations alike. The results are in the order of `implementations`. The calling
// process must have no other threads.
std::vector<Result> Measure(const Params& params,
                            const std::vector<const Implementation*>& implementations, int rounds,
                            int timeout_seconds);

}  // namespace weir::bench
