// The workload `latency` without a library: four functions that the sending thread calls.

#include "tools/bench/bench.h"
#include "tools/bench/latency.h"
#include "tools/bench/workloads.h"

namespace weir::bench {
namespace {

Sample Run(const Params& params) {
  LatencyLog log(params);
  const auto pass = [&log](LatencyItem item) {
    for (int i = 0; i < kLatencyStages; ++i) item = LatencyWork(item);
    log.Arrived(item);
  };
  const Stopwatch stopwatch;
  if (IsClosedLoop(params)) {
    SendInClosedLoop(params, pass);
  } else {
    SendPaced(params, pass);
  }
  return FinishLatency(stopwatch, params, log);
}

}  // namespace

void AddLatencyBare(Suite& suite) {
  suite.implementations.push_back({.workload = "latency", .name = "bare", .run = Run});
}

}  // namespace weir::bench
