// The workloads `farm_sleep` and `farm_blocking` by threads that take the next number from a
// counter: what the kernel's own sleep costs, and the most that can be had. They keep no order, and
// put each result where it belongs instead.

#include <atomic>
#include <cstdint>
#include <latch>
#include <thread>
#include <vector>

#include "tools/bench/bench.h"
#include "tools/bench/farm.h"
#include "tools/bench/farm_sleep.h"
#include "tools/bench/workloads.h"

namespace weir::bench {
namespace {

Sample Run(const Params& params) {
  SleepPrecisely();
  const SleepingCalls calls(params);
  std::vector<FarmItem> results(params.items);
  std::atomic<int64_t> next{0};
  std::latch ready(params.workers + 1), begin(1);
  std::vector<std::thread> threads;
  for (int i = 0; i < params.workers; ++i) {
    threads.emplace_back([&] {
      ready.count_down();
      begin.wait();
      for (int64_t number; (number = next.fetch_add(1)) < params.items;) {
        results[number] = calls.Make(number);
      }
    });
  }
  ready.arrive_and_wait();
  const Stopwatch stopwatch;
  begin.count_down();
  for (std::thread& thread : threads) thread.join();
  FarmSink sink;
  for (const FarmItem& item : results) sink.Consume(item);
  return FinishFarmSleep(stopwatch, params, calls, sink);
}

}  // namespace

void AddFarmSleepThreads(Suite& suite) { AddFarmSleepImplementation(suite, "threads", Run); }

}  // namespace weir::bench
