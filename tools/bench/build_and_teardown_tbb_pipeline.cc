// The workload `build_and_teardown` on oneTBB's parallel_pipeline: a serial, in-order filter per
// stage.

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

bool RunOnce(const Params& params, ChainSink& sink) {
  constexpr auto kInOrder = tbb::filter_mode::serial_in_order;
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
      tbb::make_filter<uint64_t, void>(kInOrder, [&](uint64_t item) { sink.Consume(item); });
  tbb::parallel_pipeline(params.capacity, pipeline);
  return true;
}

Sample RunPipelines(const Params& params) {
  return RepeatRuns(params, ChainOrder::kKept,
                    [&](ChainSink& sink) { return RunOnce(params, sink); });
}

Sample Run(const Params& params) { return RunInArena(params, kBuildWarmUpRuns, RunPipelines); }

}  // namespace

void AddBuildAndTeardownTbbPipeline(Suite& suite) {
  suite.implementations.push_back(
      {.workload = "build_and_teardown", .name = "tbb_parallel_pipeline", .run = Run});
}

}  // namespace weir::bench
