// The workload `grain` on weir: FromRange, four Maps and ForEach, with a channel between each two,
// or fused where the library sees fit.

#include <cstddef>
#include <cstdint>
#include <ranges>

#include "absl/strings/str_cat.h"
#include "tools/bench/bench.h"
#include "tools/bench/farm.h"
#include "tools/bench/grain.h"
#include "tools/bench/workloads.h"
#include "weir/weir.h"

namespace weir::bench {
namespace {

bool RunGrain(Engine& engine, const Params& params, bool fuse, FarmSink& sink) {
  const StepOptions step{.fuse = fuse, .capacity = static_cast<size_t>(params.capacity)};
  const auto numbers = std::views::iota(uint64_t{0}, static_cast<uint64_t>(params.items));
  Graph graph("grain");
  auto flow = From(graph, "numbers", FromRange(numbers | std::views::transform([](uint64_t number) {
                                                 return FarmItem{.number = number};
                                               })));
  for (int i = 0; i < kGrainStages; ++i) {
    flow = flow.Map(
        absl::StrCat("work", i), [&params](FarmItem item) { return GrainWork(params, item); },
        step);
  }
  flow.ForEach(
      "sink", [&sink](const FarmItem& item) { sink.Consume(item); }, step);
  return weir::Run(engine, graph).Wait().ok();
}

template <bool kFuse>
Sample Run(const Params& params) {
  Engine engine({.threads = params.threads});
  FarmSink warm_up;
  RunGrain(engine, WithItems(params, GrainWarmUpItems(params)), kFuse, warm_up);
  FarmSink sink;
  const Stopwatch stopwatch;
  const bool ok = RunGrain(engine, params, kFuse, sink);
  Sample sample = FinishGrain(stopwatch, params, sink);
  sample.ok = sample.ok && ok && sink.IsInOrder();
  return sample;
}

}  // namespace

void AddGrainWeir(Suite& suite) {
  suite.implementations.push_back({.workload = "grain", .name = "weir", .run = Run<false>});
  suite.implementations.push_back({.workload = "grain", .name = "weir_fused", .run = Run<true>});
}

}  // namespace weir::bench
