// The workload `fan` on weir: FromRange, a Map with four workers, ForEach.

#include <cstddef>
#include <cstdint>
#include <ranges>

#include "tools/bench/bench.h"
#include "tools/bench/fan.h"
#include "tools/bench/workloads.h"
#include "weir/weir.h"

namespace weir::bench {
namespace {

bool RunFan(Engine& engine, const Params& params, FanSink& sink) {
  StepOptions step{.capacity = static_cast<size_t>(params.capacity)};
  StepOptions work = step;
  work.workers = kFanWorkers;
  work.ordered = IsOrdered(params);
  Graph graph("fan");
  const auto numbers = std::views::iota(uint64_t{0}, static_cast<uint64_t>(params.items));
  From(graph, "source", FromRange(numbers | std::views::transform(MakeFanItem)))
      .Map(
          "work",
          [](FanItem item) {
            FanWork(item);
            return item;
          },
          work)
      .ForEach(
          "sink", [&sink](const FanItem& item) { sink.Consume(item); }, step);
  return weir::Run(engine, graph).Wait().ok();
}

Sample Run(const Params& params) {
  Engine engine({.threads = params.threads});
  FanSink warm_up;
  RunFan(engine, WithItems(params, kFanWarmUpItems), warm_up);
  FanSink sink;
  const Stopwatch stopwatch;
  const bool ok = RunFan(engine, params, sink);
  Sample sample = FinishFan(stopwatch, params, sink);
  sample.ok = sample.ok && ok;
  return sample;
}

}  // namespace

void AddFanWeir(Suite& suite) {
  suite.implementations.push_back({.workload = "fan", .name = "weir", .run = Run, .scale = 4});
}

}  // namespace weir::bench
