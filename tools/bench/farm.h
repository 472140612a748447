// The workload `farm`: a source counts, several workers do the same work of Params::work_ns on each
// number, a sink folds the results into a checksum. It asks whether a function that is declared to
// have workers uses the cores: the figure `efficiency` is 1 where all threads did nothing but the
// work, and 0.5 where two did as much as one; `cpu_per_work` is the CPU time, of all threads,
// divided by the work's. Times are per item. In the variant "ordered" the results arrive as their
// numbers were sent.
//
// `one_thread` and `two_threads` are the bounds: a loop, and as many independent loops as the
// others have threads, which exchange nothing. Their times depend on neither order, workers nor
// capacity.

#pragma once

#include <cstdint>

#include "tools/bench/bench.h"

namespace weir::bench {

// The tokens of a parallel_pipeline, and half of those of a flow graph (which stand for two
// channels), where the point leaves the capacity to the implementation's own default.
inline constexpr int kFarmTokens = 64;

struct FarmItem {
  uint64_t number = 0;
  uint64_t result = 0;
};

FarmItem FarmWork(const Params& params, uint64_t number);

// Enough to start every thread, and short beside the sample.
int64_t FarmWarmUpItems(const Params& params);

int FarmTokens(const Params& params);

// What every sink does with what it receives. One thread at a time.
class FarmSink {
 public:
  void Consume(const FarmItem& item) {
    checksum_ += (item.number + 1) * item.result;
    overtaken_ += item.number < last_;
    last_ = item.number;
  }

  // Adds what another sink has received of the same items.
  void Add(const FarmSink& other) {
    checksum_ += other.checksum_;
    overtaken_ += other.overtaken_;
  }

  uint64_t checksum() const { return checksum_; }
  bool IsInOrder() const { return overtaken_ == 0; }

 private:
  uint64_t checksum_ = 0;
  uint64_t last_ = 0;
  uint64_t overtaken_ = 0;
};

// Stops the clock, and then verifies what `sink` has received and adds the figures, where the work
// of an item takes `work_ns`.
Sample FinishWork(const Stopwatch& stopwatch, const Params& params, double work_ns,
                  const FarmSink& sink);

// The same for farm, where the sink must have received its items in order if that was asked for.
Sample FinishFarm(const Stopwatch& stopwatch, const Params& params, const FarmSink& sink);

}  // namespace weir::bench
