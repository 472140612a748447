// The workload `farm` without a library: one loop on one thread, which is what workers must never
// be slower than, and independent loops on as many threads as the others have, each over its share
// of the numbers, which is the most that can be had.

#include <cstdint>
#include <latch>
#include <thread>
#include <vector>

#include "tools/bench/bench.h"
#include "tools/bench/farm.h"
#include "tools/bench/workloads.h"

namespace weir::bench {
namespace {

void Loop(const Params& params, int64_t begin, int64_t end, FarmSink& sink) {
  for (int64_t number = begin; number < end; ++number) sink.Consume(FarmWork(params, number));
}

Sample RunOneThread(const Params& params) {
  FarmSink warm_up;
  Loop(params, 0, FarmWarmUpItems(params), warm_up);
  FarmSink sink;
  const Stopwatch stopwatch;
  Loop(params, 0, params.items, sink);
  return FinishFarm(stopwatch, params, sink);
}

Sample RunIndependentThreads(const Params& params) {
  struct alignas(64) Share {
    FarmSink sink;
  };
  std::vector<Share> shares(params.threads);
  std::latch warm(params.threads + 1), begin(1);
  std::vector<std::thread> threads;
  for (int i = 0; i < params.threads; ++i) {
    threads.emplace_back([&, i] {
      FarmSink warm_up, own;
      Loop(params, 0, FarmWarmUpItems(params), warm_up);
      warm.count_down();
      begin.wait();
      Loop(params, params.items * i / params.threads, params.items * (i + 1) / params.threads, own);
      shares[i].sink = own;
    });
  }
  warm.arrive_and_wait();
  const Stopwatch stopwatch;
  begin.count_down();
  for (std::thread& thread : threads) thread.join();
  FarmSink sink;
  for (const Share& share : shares) sink.Add(share.sink);
  return FinishFarm(stopwatch, params, sink);
}

}  // namespace

void AddFarmLoops(Suite& suite) {
  suite.implementations.push_back({.workload = "farm", .name = "one_thread", .run = RunOneThread});
  suite.implementations.push_back(
      {.workload = "farm", .name = "two_threads", .run = RunIndependentThreads});
}

}  // namespace weir::bench
