#include <cstdint>
#include <vector>

#include "tools/bench/bench.h"
#include "tools/bench/chain.h"
#include "tools/bench/workloads.h"

namespace weir::bench {
namespace {

constexpr int64_t kHopsPerSample = 4'000'000;

std::vector<Params> CustomPoints() {
  std::vector<Params> points;
  for (int stages : {4, 16, 64}) {
    Params params;
    params.workload = "custom";
    params.stages = stages;
    params.capacity = 64;
    params.threads = 2;
    params.items = kHopsPerSample / ChainHops(params);
    points.push_back(params);
  }
  return points;
}

}  // namespace

void AddCustom(Suite& suite) {
  suite.workloads.push_back({.name = "custom", .unit = "item and hop", .points = CustomPoints()});
}

}  // namespace weir::bench
