// Measures one point of a workload with several implementations, in interleaved rounds.

#pragma once

#include <functional>
#include <string>
#include <utility>
#include <vector>

#include "tools/bench/bench.h"
#include "tools/bench/statistics.h"

namespace weir::bench {

// All rounds of one implementation at one point. Those that count are those that were ok, and quiet
// where at least half of them were; see Measure.
struct Result {
  std::string impl;
  Params params;  // with this implementation's items
  int rounds = 0;
  bool probed = false;      // somebody looked whether the cores were quiet; the next three say it
  int quiet_rounds = 0;     // in which nothing disturbed the cores
  int thrown_away = 0;      // samples that were disturbed, and taken again
  std::string disturbance;  // the last one; empty if there was none
  Spread ns;                // wall time per unit, over the rounds that count
  double cpu_ns = 0;        // CPU time per unit, median
  double peak_rss_kb = 0;   // median
  std::vector<std::pair<std::string, double>> figures;  // what the samples had, medians
  bool ok = false;                                      // every round was verified
};

struct MeasureOptions {
  int rounds = 7;
  int timeout_seconds = 120;  // for one sample
  // Calls `measure` once, and says what has disturbed the cores meanwhile; empty if nothing has.
  // May be null: then all rounds count. See core_probe.h.
  std::function<std::string(const std::function<void()>& measure)> observe = nullptr;
};

// Runs `options.rounds` rounds; in each, every implementation takes one sample in a fresh process, in an
// order that is rotated from round to round. So slow drifts of the machine (heat, neighbours) fall
// on all implementations alike. The results are in the order of `implementations`. The calling
// process must have no other threads.
//
// A sample that was disturbed is thrown away and taken again, unless its result was wrong. At most
// as many samples of an implementation are thrown away as it has rounds; after that a disturbed one
// is kept. Where at least half of the rounds were quiet, a result is of these alone.
std::vector<Result> Measure(const Params& params,
                            const std::vector<const Implementation*>& implementations,
                            const MeasureOptions& options);

}  // namespace weir::bench
