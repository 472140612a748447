// What is measured beside the time where items are large: how long they take from the source to the
// sink, and how much memory they hold meanwhile.

#pragma once

#include <cstdint>
#include <vector>

#include "tools/bench/bench.h"

namespace weir::bench {

// Begins to measure when it is made, and is the sink's from then on.
class StreamMeter {
 public:
  StreamMeter();

  // What a source writes into an item that it makes.
  static int64_t Now();

  // An item that was begun at that time has reached the sink. One thread at a time.
  void Arrived(int64_t begun_ns) { latencies_ns_.push_back(Now() - begun_ns); }

  // Stops the clock; `bytes` have come from the source. Adds the figures mb_per_s, mean_us and
  // p99_us of the latency, and memory_mb, the most resident memory over what there was before.
  Sample Stop(int64_t units, int64_t bytes) const;

 private:
  std::vector<int64_t> latencies_ns_;
  int64_t resident_kb_;
  Stopwatch stopwatch_;
};

}  // namespace weir::bench
