// The workload `move_only` by one loop: nearly all of it is the parcels' allocation.

#include <cstdint>

#include "tools/bench/bench.h"
#include "tools/bench/move_only.h"
#include "tools/bench/workloads.h"

namespace weir::bench {
namespace {

Sample Run(const Params& params) {
  ParcelSink sink;
  const Stopwatch stopwatch;
  for (int64_t number = 0; number < params.items; ++number) {
    const ParcelPtr parcel = MakeParcel(number);
    for (int stage = 0; stage < params.stages; ++stage) Stamp(*parcel, stage);
    sink.Consume(*parcel);
  }
  return FinishMoveOnly(stopwatch, params, sink);
}

}  // namespace

void AddMoveOnlyBare(Suite& suite) {
  suite.implementations.push_back(
      {.workload = "move_only", .name = "bare", .run = Run, .scale = 8});
}

}  // namespace weir::bench
