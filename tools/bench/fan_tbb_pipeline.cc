// The workload `fan` on oneTBB's parallel_pipeline: a parallel filter between two serial ones. It
// has no workers of its own, so as many items are worked on at once as there are threads.

#include <cstdint>

#include "oneapi/tbb/parallel_pipeline.h"
#include "tools/bench/bench.h"
#include "tools/bench/fan.h"
#include "tools/bench/tbb_pool.h"
#include "tools/bench/workloads.h"

namespace weir::bench {
namespace {

namespace tbb = oneapi::tbb;

Sample RunPipeline(const Params& params) {
  FanSink sink;
  int64_t next = 0;
  const auto sink_mode =
      IsOrdered(params) ? tbb::filter_mode::serial_in_order : tbb::filter_mode::serial_out_of_order;
  const tbb::filter<void, void> pipeline =
      tbb::make_filter<void, FanItem>(tbb::filter_mode::serial_in_order,
                                      [&](tbb::flow_control& control) {
                                        if (next == params.items) {
                                          control.stop();
                                          return FanItem();
                                        }
                                        return MakeFanItem(next++);
                                      }) &
      tbb::make_filter<FanItem, FanItem>(tbb::filter_mode::parallel,
                                         [](FanItem item) {
                                           FanWork(item);
                                           return item;
                                         }) &
      tbb::make_filter<FanItem, void>(sink_mode, [&](const FanItem& item) { sink.Consume(item); });

  const Stopwatch stopwatch;
  tbb::parallel_pipeline(params.capacity, pipeline);
  return FinishFan(stopwatch, params, sink);
}

Sample Run(const Params& params) { return RunInArena(params, kFanWarmUpItems, RunPipeline); }

}  // namespace

void AddFanTbbPipeline(Suite& suite) {
  suite.implementations.push_back({.workload = "fan", .name = "tbb_parallel_pipeline", .run = Run});
}

}  // namespace weir::bench
