// The workload `backpressure` on oneTBB's parallel_pipeline: two serial filters, `capacity` tokens.

#include "oneapi/tbb/parallel_pipeline.h"
#include "tools/bench/backpressure.h"
#include "tools/bench/bench.h"
#include "tools/bench/tbb_pool.h"
#include "tools/bench/workloads.h"

namespace weir::bench {
namespace {

namespace tbb = oneapi::tbb;

Sample RunPipeline(const Params& params) {
  BackpressureBodies bodies(params);
  constexpr auto kInOrder = tbb::filter_mode::serial_in_order;
  const tbb::filter<void, void> pipeline =
      tbb::make_filter<void, BackpressureItem>(kInOrder,
                                               [&](tbb::flow_control& control) {
                                                 if (!bodies.HasMore()) {
                                                   control.stop();
                                                   return BackpressureItem();
                                                 }
                                                 return bodies.Produce();
                                               }) &
      tbb::make_filter<BackpressureItem, void>(
          kInOrder, [&](const BackpressureItem& item) { bodies.Consume(item); });

  const Stopwatch stopwatch;
  tbb::parallel_pipeline(params.capacity, pipeline);
  return FinishBackpressure(stopwatch, params, bodies);
}

Sample Run(const Params& params) {
  return RunInArena(params, kBackpressureWarmUpItems, RunPipeline);
}

}  // namespace

void AddBackpressureTbbPipeline(Suite& suite) {
  suite.implementations.push_back(
      {.workload = "backpressure", .name = "tbb_parallel_pipeline", .run = Run});
}

}  // namespace weir::bench
