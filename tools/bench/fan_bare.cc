// The workload `fan` by one thread and one loop: what is left of it with two threads is the least
// that an item can cost.

#include <cstdint>

#include "tools/bench/bench.h"
#include "tools/bench/fan.h"
#include "tools/bench/workloads.h"

namespace weir::bench {
namespace {

Sample Run(const Params& params) {
  FanSink sink;
  const Stopwatch stopwatch;
  for (int64_t number = 0; number < params.items; ++number) {
    FanItem item = MakeFanItem(number);
    FanWork(item);
    sink.Consume(item);
  }
  return FinishFan(stopwatch, params, sink);
}

}  // namespace

void AddFanBare(Suite& suite) {
  suite.implementations.push_back({.workload = "fan", .name = "bare", .run = Run, .scale = 4});
}

}  // namespace weir::bench
