// The workload `move_only` on oneTBB's parallel_pipeline, whose filters pass unique_ptrs on.

#include <cstdint>

#include "oneapi/tbb/parallel_pipeline.h"
#include "tools/bench/bench.h"
#include "tools/bench/move_only.h"
#include "tools/bench/tbb_pool.h"
#include "tools/bench/workloads.h"

namespace weir::bench {
namespace {

namespace tbb = oneapi::tbb;

Sample RunPipeline(const Params& params) {
  ParcelSink sink;
  int64_t next = 0;
  constexpr auto kInOrder = tbb::filter_mode::serial_in_order;

  auto stages = tbb::make_filter<void, ParcelPtr>(kInOrder, [&](tbb::flow_control& control) {
    if (next == params.items) {
      control.stop();
      return ParcelPtr();
    }
    return MakeParcel(next++);
  });
  for (int stage = 0; stage < params.stages; ++stage) {
    stages = stages & tbb::make_filter<ParcelPtr, ParcelPtr>(kInOrder, [stage](ParcelPtr parcel) {
               Stamp(*parcel, stage);
               return parcel;
             });
  }
  const tbb::filter<void, void> pipeline =
      stages &
      tbb::make_filter<ParcelPtr, void>(kInOrder, [&](ParcelPtr parcel) { sink.Consume(*parcel); });

  const Stopwatch stopwatch;
  tbb::parallel_pipeline(params.capacity, pipeline);
  return FinishMoveOnly(stopwatch, params, sink);
}

Sample Run(const Params& params) { return RunInArena(params, kMoveOnlyWarmUpItems, RunPipeline); }

}  // namespace

void AddMoveOnlyTbbPipeline(Suite& suite) {
  suite.implementations.push_back(
      {.workload = "move_only", .name = "tbb_parallel_pipeline", .run = Run});
}

}  // namespace weir::bench
