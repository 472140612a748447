// The workload `chain` on oneTBB's parallel_pipeline: one serial, in-order filter per stage,
// `capacity` tokens. A token is an item in flight anywhere in the pipeline, so this one is bounded
// by capacity as a whole, where channels hold capacity each.

#include <cstdint>

#include "oneapi/tbb/parallel_pipeline.h"
#include "tools/bench/bench.h"
#include "tools/bench/chain.h"
#include "tools/bench/tbb_pool.h"
#include "tools/bench/workloads.h"

namespace weir::bench {
namespace {

namespace tbb = oneapi::tbb;

Sample RunPipeline(const Params& params) {
  ChainSink sink;
  int64_t next = 0;
  constexpr auto kInOrder = tbb::filter_mode::serial_in_order;

  auto stages = tbb::make_filter<void, uint64_t>(kInOrder, [&](tbb::flow_control& control) {
    if (next == params.items) {
      control.stop();
      return uint64_t{0};
    }
    return static_cast<uint64_t>(next++);
  });
  for (int i = 0; i < params.stages; ++i) {
    stages =
        stages & tbb::make_filter<uint64_t, uint64_t>(kInOrder, [](uint64_t item) { return item; });
  }
  const tbb::filter<void, void> pipeline =
      stages &
      tbb::make_filter<uint64_t, void>(kInOrder, [&](uint64_t item) { sink.Consume(item); });

  const Stopwatch stopwatch;
  tbb::parallel_pipeline(params.capacity, pipeline);
  return FinishChain(stopwatch, params, sink);
}

Sample Run(const Params& params) { return RunInArena(params, kChainWarmUpItems, RunPipeline); }

}  // namespace

void AddChainTbbPipeline(Suite& suite) {
  suite.implementations.push_back(
      {.workload = "chain", .name = "tbb_parallel_pipeline", .run = Run});
}

}  // namespace weir::bench
