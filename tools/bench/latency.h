// The workload `latency`: how long an item takes from the program around a graph, through four
// stages, to the last. A point measures one of two things, which no table mixes:
//
// - "rate=10000": a thread sends so many items per second, whatever becomes of them. An item's
//   latency begins when it was due, or when the thread has woken up for it (at most each 100 us,
//   for all items that are due by then): so it counts when a send had to wait, and it does not
//   count how late the kernel ends a sleep.
// - "closed_loop": the program sends an item and waits for it to come out before it sends the next.
//
// The times are the median of the latency in ns, and the CPU time per item of the whole process,
// the sending thread included. The figures are p50, p99 and p99.9 in us, and the CPU time as a part
// of one core's. `bare` calls four functions on the sending thread: what the others' CPU times have
// in common.

#pragma once

#include <cstdint>
#include <functional>
#include <vector>

#include "tools/bench/bench.h"

namespace weir::bench {

inline constexpr int kLatencyStages = 4;

struct LatencyItem {
  int64_t begun_ns = 0;
  uint64_t number = 0;
};

// What each stage does.
inline LatencyItem LatencyWork(LatencyItem item) { return item; }

bool IsClosedLoop(const Params& params);

// Takes down when items arrive. One thread at a time.
class LatencyLog {
 public:
  explicit LatencyLog(const Params& params) { latencies_ns_.reserve(params.items); }

  void Arrived(const LatencyItem& item);

  // True if each item has arrived once.
  bool IsComplete(const Params& params) const;
  bool IsInOrder() const { return overtaken_ == 0; }
  // The latency that this part of the items, such as 0.99, does not exceed; without the first tenth
  // of the items, which warm up.
  double PercentileNs(double part) const;

 private:
  std::vector<int64_t> latencies_ns_;
  uint64_t numbers_ = 0;  // their sum
  uint64_t last_ = 0;
  int64_t overtaken_ = 0;
};

// Calls `send` for each of the items when it is due, on this thread.
void SendPaced(const Params& params, const std::function<void(LatencyItem)>& send);

// Calls `exchange`, which sends an item and returns when it has come out, for one after the other.
void SendInClosedLoop(const Params& params, const std::function<void(LatencyItem)>& exchange);

// Stops the clock, and then verifies what has arrived and adds the figures.
Sample FinishLatency(const Stopwatch& stopwatch, const Params& params, const LatencyLog& log);

}  // namespace weir::bench
