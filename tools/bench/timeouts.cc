#include "tools/bench/timeouts.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "tools/bench/bench.h"
#include "tools/bench/workloads.h"

namespace weir::bench {

Sample Latenesses::Finish(Sample sample) const {
  std::vector<int64_t> sorted = late_ns_;
  std::sort(sorted.begin(), sorted.end());
  const auto quantile_ms = [&sorted](double q) {
    const size_t rank = static_cast<size_t>(q * static_cast<double>(sorted.size() - 1));
    return static_cast<double>(sorted[rank]) / 1e6;
  };
  const auto early = std::lower_bound(sorted.begin(), sorted.end(), 0) - sorted.begin();
  sample.ok = count_.load() == late_ns_.size() && early == 0;
  sample.AddFigure("early", static_cast<double>(early));
  sample.AddFigure("p50_ms", quantile_ms(0.5));
  sample.AddFigure("p99_ms", quantile_ms(0.99));
  sample.AddFigure("max_ms", quantile_ms(1));
  return sample;
}

void AddTimeouts(Suite& suite) {
  Params params;
  params.workload = "timeouts";
  params.threads = 2;
  params.items = 10;
  suite.workloads.push_back({.name = "timeouts", .unit = "timeout", .points = {params}});
}

}  // namespace weir::bench
