// The workload `fan`: a source sends items of 64 bytes, four workers do about 50 ns of work on
// each, a sink folds them into a checksum. It measures what it costs to divide the work and to
// bring it together again; times are per item. In the variant "ordered" the items arrive as they
// were sent.

#pragma once

#include <cstddef>
#include <cstdint>

#include "tools/bench/bench.h"

namespace weir::bench {

inline constexpr int kFanWorkers = 4;
inline constexpr int64_t kFanWarmUpItems = 2'000;

struct FanItem {
  uint64_t number = 0;
  uint64_t words[7] = {};
};
static_assert(sizeof(FanItem) == 64);

FanItem MakeFanItem(uint64_t number);

// Keeps the multiplier busy all the time, so that it takes as long whether the processor overlaps
// it with the next item's or not.
void FanWork(FanItem& item);

// What every sink does with what it receives.
class FanSink {
 public:
  void Consume(const FanItem& item) {
    checksum_ += item.number * item.words[0];
    overtaken_ += item.number < last_;
    last_ = item.number;
  }

  // What the sum must be when each of the items 0 .. items-1 has arrived once, with its work done.
  // Does the work again.
  static uint64_t ChecksumOf(int64_t items);

  bool IsComplete(int64_t items) const { return checksum_ == ChecksumOf(items); }
  bool IsInOrder() const { return overtaken_ == 0; }

 private:
  uint64_t checksum_ = 0;
  uint64_t last_ = 0;
  uint64_t overtaken_ = 0;
};

// Stops the clock, and then verifies what `sink` has received.
Sample FinishFan(const Stopwatch& stopwatch, const Params& params, const FanSink& sink);

}  // namespace weir::bench
