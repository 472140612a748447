// The workload `timeouts` by one thread that sleeps until the first of a heap of instants: nobody
// waits, and nobody is woken. What it is late is the operating system's and the heap's.

#include <chrono>
#include <cstdint>
#include <functional>
#include <queue>
#include <thread>
#include <vector>

#include "tools/bench/bench.h"
#include "tools/bench/timeouts.h"
#include "tools/bench/workloads.h"

namespace weir::bench {
namespace {

using Moment = std::chrono::steady_clock::time_point;

Sample Run(const Params& params) {
  Latenesses latenesses(params.items * kTimeoutsAtOnce);
  const Stopwatch stopwatch;
  for (int64_t i = 0; i < params.items; ++i) {
    std::priority_queue<Moment, std::vector<Moment>, std::greater<>> began;
    while (began.size() < kTimeoutsAtOnce) began.push(std::chrono::steady_clock::now());
    for (; !began.empty(); began.pop()) {
      if (std::chrono::steady_clock::now() < began.top() + kTimeout) {
        std::this_thread::sleep_until(began.top() + kTimeout);
      }
      latenesses.Add(began.top());
    }
  }
  return latenesses.Finish(stopwatch.Stop(params.items * kTimeoutsAtOnce));
}

}  // namespace

void AddTimeoutsBare(Suite& suite) {
  suite.implementations.push_back({.workload = "timeouts", .name = "bare", .run = Run});
}

}  // namespace weir::bench
