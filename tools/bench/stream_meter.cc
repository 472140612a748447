#include "tools/bench/stream_meter.h"

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <numeric>
#include <vector>

#include "tools/bench/bench.h"

namespace weir::bench {

StreamMeter::StreamMeter() {
  constexpr size_t kMostItems = 1 << 17;
  latencies_ns_.resize(kMostItems);  // resident now, so that it does not count as the items' memory
  latencies_ns_.clear();
  resident_kb_ = ResidentKb();
  stopwatch_ = Stopwatch();
}

int64_t StreamMeter::Now() {
  return std::chrono::nanoseconds(std::chrono::steady_clock::now().time_since_epoch()).count();
}

Sample StreamMeter::Stop(int64_t units, int64_t bytes) const {
  Sample sample = stopwatch_.Stop(units);
  // The kernel counts a few pages late.
  const double memory_mb = std::max(0.0, static_cast<double>(PeakRssKb() - resident_kb_) / 1024);
  std::vector<int64_t> sorted = latencies_ns_;
  std::sort(sorted.begin(), sorted.end());
  const auto count = static_cast<double>(std::max<size_t>(1, sorted.size()));
  const double mean_ns = std::accumulate(sorted.begin(), sorted.end(), 0.0) / count;
  const double p99_ns = sorted.empty() ? 0 : static_cast<double>(sorted[sorted.size() * 99 / 100]);
  sample.AddFigure("mb_per_s",
                   static_cast<double>(bytes) * 1e3 / static_cast<double>(sample.wall_ns));
  sample.AddFigure("mean_us", mean_ns / 1e3);
  sample.AddFigure("p99_us", p99_ns / 1e3);
  sample.AddFigure("memory_mb", memory_mb);
  return sample;
}

}  // namespace weir::bench
