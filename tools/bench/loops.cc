#include "tools/bench/loops.h"

#include <cstdint>
#include <latch>
#include <thread>
#include <vector>

#include "tools/bench/bench.h"
#include "tools/bench/farm.h"

namespace weir::bench {
namespace {

Sample RunOneThread(const Params& params, int64_t warm_up_items, LoopBody body, FinishLoop finish) {
  FarmSink warm_up;
  body(params, 0, warm_up_items, warm_up);
  FarmSink sink;
  const Stopwatch stopwatch;
  body(params, 0, params.items, sink);
  return finish(stopwatch, params, sink);
}

Sample RunThreads(const Params& params, int64_t warm_up_items, LoopBody body, FinishLoop finish) {
  std::vector<FarmSink> sinks(params.threads);
  std::latch warm(params.threads + 1), begin(1);
  std::vector<std::thread> threads;
  for (int i = 0; i < params.threads; ++i) {
    threads.emplace_back([&, i] {
      FarmSink warm_up, own;  // on this thread's stack: the threads share no cache line
      body(params, 0, warm_up_items, warm_up);
      warm.count_down();
      begin.wait();
      body(params, params.items * i / params.threads, params.items * (i + 1) / params.threads, own);
      sinks[i] = own;
    });
  }
  warm.arrive_and_wait();
  const Stopwatch stopwatch;
  begin.count_down();
  for (std::thread& thread : threads) thread.join();
  FarmSink sink;
  for (const FarmSink& own : sinks) sink.Add(own);
  return finish(stopwatch, params, sink);
}

}  // namespace

void AddLoops(Suite& suite, const char* workload, int64_t (*warm_up_items)(const Params&),
              LoopBody body, FinishLoop finish) {
  suite.implementations.push_back(
      {.workload = workload, .name = "one_thread", .run = [=](const Params& params) {
         return RunOneThread(params, warm_up_items(params), body, finish);
       }});
  suite.implementations.push_back(
      {.workload = workload, .name = "two_threads", .run = [=](const Params& params) {
         return RunThreads(params, warm_up_items(params), body, finish);
       }});
}

}  // namespace weir::bench
