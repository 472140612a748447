// The workloads `farm_sleep` and `farm_blocking` on oneTBB's parallel_pipeline, with as many threads
// as there are workers and as many tokens as two channels hold, but at least two for each worker.

#include <algorithm>
#include <cstdint>

#include "oneapi/tbb/parallel_pipeline.h"
#include "tools/bench/bench.h"
#include "tools/bench/farm.h"
#include "tools/bench/farm_sleep.h"
#include "tools/bench/tbb_pool.h"
#include "tools/bench/workloads.h"

namespace weir::bench {
namespace {

namespace tbb = oneapi::tbb;

Sample RunPipeline(const Params& params) {
  const SleepingCalls calls(params);
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
          tbb::filter_mode::parallel, [&calls](uint64_t number) { return calls.Make(number); }) &
      tbb::make_filter<FarmItem, void>(sink_mode,
                                       [&](const FarmItem& item) { sink.Consume(item); });

  const Stopwatch stopwatch;
  tbb::parallel_pipeline(std::max(2 * FarmTokens(params), 2 * params.workers), pipeline);
  return FinishFarmSleep(stopwatch, params, calls, sink);
}

Sample Run(Params params) {
  SleepPrecisely();
  params.threads = params.workers;
  return RunInArena(params, 2 * params.workers, RunPipeline);
}

}  // namespace

void AddFarmSleepTbbPipeline(Suite& suite) {
  AddFarmSleepImplementation(suite, "tbb_parallel_pipeline",
                             [](const Params& params) { return Run(params); });
}

}  // namespace weir::bench
