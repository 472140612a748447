#include "tools/bench/build_and_teardown.h"

#include <cstdint>
#include <vector>

#include "tools/bench/bench.h"
#include "tools/bench/workloads.h"

namespace weir::bench {
namespace {

// A sample makes this many stages, however many a chain has.
constexpr int64_t kStagesPerSample = 30'000;

std::vector<Params> BuildPoints() {
  std::vector<Params> points;
  for (int stages : {3, 16, 256}) {
    Params params;
    params.workload = "build_and_teardown";
    params.stages = stages;
    params.capacity = 64;
    params.threads = 2;
    params.items = kStagesPerSample / stages;
    points.push_back(params);
  }
  return points;
}

}  // namespace

void AddBuildAndTeardown(Suite& suite) {
  suite.workloads.push_back({.name = "build_and_teardown", .unit = "run", .points = BuildPoints()});
}

}  // namespace weir::bench
