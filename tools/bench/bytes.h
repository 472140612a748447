// The workload `bytes`: items of Params::item_bytes pass through four stages, each of which reads and
// writes all of an item's bytes. It asks what large items cost in memory and latency, where a bound
// in items may hold much. Times are per item; the figures are those of stream_meter.h.
//
// An item is a string: so a library that knows how large strings are may bound them by that.

#pragma once

#include <cstdint>
#include <string>

#include "tools/bench/bench.h"
#include "tools/bench/stream_meter.h"

namespace weir::bench {

inline constexpr int kBytesStages = 4;

// How many items oneTBB lets be in flight at once: four for each thread.
inline constexpr int kBytesTokens = 8;

// Makes an item, which knows its number and when it was begun.
std::string MakeBytes(const Params& params, int64_t number);

// What each stage does.
void BytesWork(std::string& item);

// What every sink does. One thread at a time.
class BytesSink {
 public:
  void Consume(const std::string& item);
  uint64_t checksum() const { return checksum_; }
  bool IsInOrder() const { return overtaken_ == 0; }
  const StreamMeter& meter() const { return meter_; }

 private:
  uint64_t checksum_ = 0;
  uint64_t last_ = 0;
  int64_t overtaken_ = 0;
  StreamMeter meter_;
};

// How many items warm up.
int64_t BytesWarmUpItems(const Params& params);

// Stops the clock, and then verifies what the sink has received.
Sample FinishBytes(const Params& params, const BytesSink& sink);

}  // namespace weir::bench
