// The workload `timeouts`: 10,000 sends at once, on channels that are full and stay so, that give
// up after 10 ms, Params::items times in a row. It measures how late they learn of it, on the steady
// clock and by those who wait, from before the send to after it: the figures early (how many came
// back before their 10 ms were over: none may), p50_ms, p99_ms and max_ms. Times are per timeout;
// most of the wall time is the wait itself, so look at the CPU's.

#pragma once

#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "tools/bench/bench.h"

namespace weir::bench {

inline constexpr int kTimeoutsAtOnce = 10'000;
inline constexpr int kTimeoutChannels = 100;  // full ones, with as many senders each
inline constexpr std::chrono::milliseconds kTimeout(10);

// How late the timeouts of a sample were. Any thread may add.
class Latenesses {
 public:
  explicit Latenesses(int64_t timeouts) : late_ns_(timeouts) {}

  // A wait that began at `began` has timed out just now.
  void Add(std::chrono::steady_clock::time_point began) {
    const std::chrono::nanoseconds took = std::chrono::steady_clock::now() - began;
    const size_t index = count_.fetch_add(1, std::memory_order_relaxed);
    if (index < late_ns_.size()) late_ns_[index] = (took - kTimeout).count();
  }

  // When nobody adds any more: `sample` with its figures. It is ok if all timeouts are there and
  // none was early.
  Sample Finish(Sample sample) const;

 private:
  std::vector<int64_t> late_ns_;
  std::atomic<size_t> count_{0};
};

}  // namespace weir::bench
