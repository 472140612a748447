// The workload `rerun`: like build_and_teardown, but the chain is built once, and runs again and
// again. Peers run again what they can, and build the rest: a flow graph is reset, a filter of
// parallel_pipeline is called again, fibers and their channels are made each time. Times are per
// run.

#include <cstdint>
#include <vector>

#include "tools/bench/bench.h"
#include "tools/bench/workloads.h"

namespace weir::bench {

void AddRerun(Suite& suite) {
  constexpr int64_t kStagesPerSample = 30'000;
  std::vector<Params> points;
  for (int stages : {3, 16}) {
    Params params;
    params.workload = "rerun";
    params.stages = stages;
    params.capacity = 64;
    params.threads = 2;
    params.items = kStagesPerSample / stages;
    points.push_back(params);
  }
  suite.workloads.push_back({.name = "rerun", .unit = "run", .points = points});
}

}  // namespace weir::bench
