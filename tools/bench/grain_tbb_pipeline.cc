// The workload `grain` on oneTBB's parallel_pipeline: a serial, in-order filter per stage.

#include <cstdint>

#include "oneapi/tbb/parallel_pipeline.h"
#include "tools/bench/bench.h"
#include "tools/bench/farm.h"
#include "tools/bench/grain.h"
#include "tools/bench/tbb_pool.h"
#include "tools/bench/workloads.h"

namespace weir::bench {
namespace {

namespace tbb = oneapi::tbb;

Sample RunPipeline(const Params& params) {
  constexpr auto kInOrder = tbb::filter_mode::serial_in_order;
  FarmSink sink;
  int64_t next = 0;
  auto stages = tbb::make_filter<void, FarmItem>(kInOrder, [&](tbb::flow_control& control) {
    if (next == params.items) {
      control.stop();
      return FarmItem();
    }
    return FarmItem{.number = static_cast<uint64_t>(next++)};
  });
  for (int i = 0; i < kGrainStages; ++i) {
    stages = stages & tbb::make_filter<FarmItem, FarmItem>(
                          kInOrder, [&params](FarmItem item) { return GrainWork(params, item); });
  }
  const tbb::filter<void, void> pipeline =
      stages &
      tbb::make_filter<FarmItem, void>(kInOrder, [&](const FarmItem& item) { sink.Consume(item); });

  const Stopwatch stopwatch;
  tbb::parallel_pipeline(params.capacity, pipeline);
  Sample sample = FinishGrain(stopwatch, params, sink);
  sample.ok = sample.ok && sink.IsInOrder();
  return sample;
}

Sample Run(const Params& params) {
  return RunInArena(params, GrainWarmUpItems(params), RunPipeline);
}

}  // namespace

void AddGrainTbbPipeline(Suite& suite) {
  suite.implementations.push_back(
      {.workload = "grain", .name = "tbb_parallel_pipeline", .run = Run});
}

}  // namespace weir::bench
