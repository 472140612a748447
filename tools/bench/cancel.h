// The workload `cancel`: stages that are all blocked on full channels are cancelled. It measures
// how fast a run can be ended: from Cancel to the end of the last stage (stopped_us), until what was
// in the channels is destroyed (discarded_us), until who waits for the run knows its report
// (over_us), and until all that the run had is freed (freed_us), where
// nobody asks for a report. These are medians over a sample's
// runs, Params::items of them, and slowest_us is the longest time to freed_us. Times are per run, and
// end where all is freed. The graph is built once, and graph_us is what it takes to free it.
//
// In the variant "runs=10000" the same is done so often that a cancellation that hangs now and then
// would show: it would end the sample by the time-out. (The peers' runs are fewer.)

#pragma once

#include <cstdint>
#include <vector>

#include "tools/bench/bench.h"

namespace weir::bench {

// The times of a sample's runs, each from the request to cancel on.
class CancelTimes {
 public:
  struct Run {
    double stopped_us = 0;
    double discarded_us = 0;
    double over_us = 0;
    double freed_us = 0;
  };

  // `freed` is what a Stopwatch told that was started with the request.
  void Add(const Run& run, const Sample& freed);

  // All runs together. `ok` if all of `runs` are there.
  Sample Total(int64_t runs, double graph_us) const;

 private:
  std::vector<Run> runs_;
  int64_t wall_ns_ = 0;
  int64_t cpu_ns_ = 0;
};

}  // namespace weir::bench
