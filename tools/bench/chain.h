// The workload `chain`: a source sends the numbers 0 .. items-1, S stages pass each on unchanged, a
// sink folds them into a checksum. It measures what it costs to move an item from one stage to the
// next, and nothing else.
//
// S stages between a source and a sink are joined by S + 1 channels, so an item makes S + 1 hops;
// times are per item and hop. For libraries without channels (oneTBB) a hop is an item's way from
// one body to the next. Stages must stay stages: an implementation that fuses neighbours measures
// something else and needs a name of its own.

#pragma once

#include <cstdint>

#include "tools/bench/bench.h"

namespace weir::bench {

// Enough to start every thread and to touch every stage and channel.
inline constexpr int64_t kChainWarmUpItems = 2'000;

int64_t ChainHops(const Params& params);

// What every sink does with what it receives. Cheap, so that it does not hide the hops.
class ChainSink {
 public:
  void Consume(uint64_t item) {
    checksum_ += Mix(item);
    overtaken_ += item < last_;
    last_ = item;
  }

  // What the sum must be when each of 0 .. items-1 has arrived once: a lost, doubled or changed item
  // changes it.
  static uint64_t ChecksumOf(int64_t items);

  bool IsComplete(int64_t items) const { return checksum_ == ChecksumOf(items); }
  bool IsInOrder() const { return overtaken_ == 0; }

 private:
  static uint64_t Mix(uint64_t item) {
    return (item ^ 0x9E3779B97F4A7C15) * (item + 0xBF58476D1CE4E5B9);
  }

  uint64_t checksum_ = 0;
  uint64_t last_ = 0;
  uint64_t overtaken_ = 0;
};

enum class ChainOrder {
  kKept,  // the library promises first in, first out; it is verified
  kAny,   // it does not, and its sinks see items overtake each other
};

// Stops the clock, and then verifies what `sink` has received.
Sample FinishChain(const Stopwatch& stopwatch, const Params& params, const ChainSink& sink,
                   ChainOrder order = ChainOrder::kKept);

}  // namespace weir::bench
