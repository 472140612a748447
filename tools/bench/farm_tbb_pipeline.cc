// The workload `farm` on oneTBB's parallel_pipeline: a parallel filter between two serial ones. It
// has no workers of its own, so as many items are worked on at once as there are threads.

#include <cstdint>

#include "oneapi/tbb/parallel_pipeline.h"
#include "tools/bench/bench.h"
#include "tools/bench/farm.h"
#include "tools/bench/tbb_pool.h"
#include "tools/bench/workloads.h"

namespace weir::bench {
namespace {

namespace tbb = oneapi::tbb;

Sample RunPipeline(const Params& params) {
  FarmSink sink;
  int64_t next = 0;
  const auto sink_mode =
      IsOrdered(params) ? tbb::filter_mode::serial_in_order : tbb::filter_mode::serial_out_of_order;
  const tbb::filter<void, void> pipeline =
      tbb::make_filter<void, uint64_t>(tbb::filter_mode::serial_in_order,
                                       [&](tbb::flow_control& control) -> uint64_t {
                                         if (next == params.items) {
                                           control.stop();
                                           return 0;
                                         }
                                         return next++;
                                       }) &
      tbb::make_filter<uint64_t, FarmItem>(
          tbb::filter_mode::parallel,
          [&params](uint64_t number) { return FarmWork(params, number); }) &
      tbb::make_filter<FarmItem, void>(sink_mode,
                                       [&](const FarmItem& item) { sink.Consume(item); });

  const Stopwatch stopwatch;
  tbb::parallel_pipeline(FarmTokens(params), pipeline);
  return FinishFarm(stopwatch, params, sink);
}

Sample Run(const Params& params) {
  return RunInArena(params, FarmWarmUpItems(params), RunPipeline);
}

}  // namespace

void AddFarmTbbPipeline(Suite& suite) {
  suite.implementations.push_back(
      {.workload = "farm", .name = "tbb_parallel_pipeline", .run = Run});
}

}  // namespace weir::bench
