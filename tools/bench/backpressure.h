// The workload `backpressure`: a consumer that works for 1 us on each item, and a producer that
// makes one in a tenth of that. It measures what it costs to hold the producer back, and whether it
// is held back at all; times are per item. `bare` is the consumer's loop alone: its figure in the
// column "x weir" is the fraction of its throughput that weir reaches.
//
// The work is a chain of multiplications, of as many rounds as took 1 us before the first sample:
// waiting for a clock would hide what the library does meanwhile. The most items that were in
// flight, made and not yet worked off, is a figure, in_flight.

#pragma once

#include <atomic>
#include <cstdint>

#include "tools/bench/bench.h"

namespace weir::bench {

inline constexpr int64_t kBackpressureWarmUpItems = 2'000;

struct BackpressureItem {
  uint64_t number = 0;
  uint64_t made = 0;
};

// What producer and consumer do, and what they count while they do it: the same for every
// implementation.
class BackpressureBodies {
 public:
  explicit BackpressureBodies(const Params& params)
      : items_(params.items),
        produce_rounds_(params.work_rounds / 10),
        consume_rounds_(params.work_rounds) {}

  // The producer's, one thread at a time.
  bool HasMore() const { return produced_ < items_; }
  BackpressureItem Produce();

  // The consumer's, one thread at a time.
  void Consume(const BackpressureItem& item);

  // When both have ended.
  int64_t in_flight() const { return in_flight_; }
  uint64_t checksum() const { return checksum_; }

 private:
  const int64_t items_;
  const int64_t produce_rounds_;
  const int64_t consume_rounds_;

  // The producer's.
  alignas(64) int64_t produced_ = 0;
  int64_t in_flight_ = 0;  // the most that it saw

  // The consumer's.
  alignas(64) int64_t worked_off_ = 0;
  uint64_t checksum_ = 0;

  // The same count for the producer, on a line that the consumer writes only, so that it does not wait for it. It orders nothing.
  alignas(64) std::atomic<int64_t> consumed_{0};
};

// Stops the clock, and then verifies what the consumer has received.
Sample FinishBackpressure(const Stopwatch& stopwatch, const Params& params,
                          const BackpressureBodies& bodies);

}  // namespace weir::bench
