// The workload `move_only` on weir: FromRange, four Maps, ForEach.

#include <cstddef>
#include <cstdint>
#include <ranges>

#include "absl/strings/str_cat.h"
#include "tools/bench/bench.h"
#include "tools/bench/move_only.h"
#include "tools/bench/workloads.h"
#include "weir/weir.h"

namespace weir::bench {
namespace {

bool RunParcels(Engine& engine, const Params& params, ParcelSink& sink) {
  const StepOptions step{.capacity = static_cast<size_t>(params.capacity)};
  Graph graph("move_only");
  const auto numbers = std::views::iota(uint64_t{0}, static_cast<uint64_t>(params.items));
  auto flow = From(graph, "source", FromRange(numbers | std::views::transform(MakeParcel)));
  for (int stage = 0; stage < params.stages; ++stage) {
    flow = flow.Map(
        absl::StrCat("stamp", stage),
        [stage](ParcelPtr parcel) {
          Stamp(*parcel, stage);
          return parcel;
        },
        step);
  }
  flow.ForEach(
      "sink", [&sink](ParcelPtr parcel) { sink.Consume(*parcel); }, step);
  return weir::Run(engine, graph).Wait().ok();
}

Sample Run(const Params& params) {
  Engine engine({.threads = params.threads});
  ParcelSink warm_up;
  RunParcels(engine, WithItems(params, kMoveOnlyWarmUpItems), warm_up);
  ParcelSink sink;
  const Stopwatch stopwatch;
  const bool ok = RunParcels(engine, params, sink);
  Sample sample = FinishMoveOnly(stopwatch, params, sink);
  sample.ok = sample.ok && ok;
  return sample;
}

}  // namespace

void AddMoveOnlyWeir(Suite& suite) {
  suite.implementations.push_back(
      {.workload = "move_only", .name = "weir", .run = Run, .scale = 4});
}

}  // namespace weir::bench
