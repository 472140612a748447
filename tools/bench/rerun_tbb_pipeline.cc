// The workload `rerun` on oneTBB's parallel_pipeline: the filters are made once, and given to it
// each time.

#include <cstdint>

#include "oneapi/tbb/parallel_pipeline.h"
#include "tools/bench/bench.h"
#include "tools/bench/build_and_teardown.h"
#include "tools/bench/chain.h"
#include "tools/bench/tbb_pool.h"
#include "tools/bench/workloads.h"

namespace weir::bench {
namespace {

namespace tbb = oneapi::tbb;

Sample RunPipeline(const Params& params) {
  constexpr auto kInOrder = tbb::filter_mode::serial_in_order;
  ChainSink* current = nullptr;  // the sink of the run that is under way
  int64_t next = 0;
  auto stages = tbb::make_filter<void, uint64_t>(kInOrder, [&](tbb::flow_control& control) {
    if (next == kBuildItems) {
      control.stop();
      return uint64_t{0};
    }
    return static_cast<uint64_t>(next++);
  });
  for (int i = 1; i < params.stages - 1; ++i) {
    stages =
        stages & tbb::make_filter<uint64_t, uint64_t>(kInOrder, [](uint64_t item) { return item; });
  }
  const tbb::filter<void, void> pipeline =
      stages &
      tbb::make_filter<uint64_t, void>(kInOrder, [&](uint64_t item) { current->Consume(item); });
  return RepeatRuns(params, ChainOrder::kKept, [&](ChainSink& sink) {
    current = &sink;
    next = 0;
    tbb::parallel_pipeline(params.capacity, pipeline);
    return true;
  });
}

Sample Run(const Params& params) { return RunInArena(params, kBuildWarmUpRuns, RunPipeline); }

}  // namespace

void AddRerunTbbPipeline(Suite& suite) {
  suite.implementations.push_back(
      {.workload = "rerun", .name = "tbb_parallel_pipeline", .run = Run});
}

}  // namespace weir::bench
