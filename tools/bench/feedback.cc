#include "tools/bench/feedback.h"

#include <cstdint>
#include <vector>

#include "tools/bench/bench.h"
#include "tools/bench/workloads.h"

namespace weir::bench {

Sample FinishFeedback(const Stopwatch& stopwatch, const Params& params, uint64_t hops) {
  Sample sample = stopwatch.Stop(static_cast<int64_t>(hops));
  const auto stages = static_cast<uint64_t>(params.stages);
  const uint64_t rounds = (static_cast<uint64_t>(params.items) + stages - 1) / stages;
  sample.ok = hops == rounds * stages;
  return sample;
}

void AddFeedback(Suite& suite) {
  std::vector<Params> points;
  for (const int stages : {4, 100}) {
    Params params;
    params.workload = "feedback";
    params.stages = stages;
    params.capacity = 64;
    params.threads = 2;
    params.items = 200'000;
    points.push_back(params);
  }
  suite.workloads.push_back({.name = "feedback", .unit = "hop", .points = points});
}

}  // namespace weir::bench
