// The workload `farm` on weir: FromRange, a Map with workers, ForEach. Where the point gives no
// capacity, the channels have the library's own default.

#include <cstddef>
#include <cstdint>
#include <ranges>

#include "tools/bench/bench.h"
#include "tools/bench/farm.h"
#include "tools/bench/workloads.h"
#include "weir/weir.h"

namespace weir::bench {
namespace {

bool RunFarm(Engine& engine, const Params& params, FarmSink& sink) {
  StepOptions step;
  if (params.capacity > 0) step.capacity = static_cast<size_t>(params.capacity);
  StepOptions work = step;
  work.workers = params.workers;
  work.ordered = IsOrdered(params);
  Graph graph("farm");
  From(graph, "numbers",
       FromRange(std::views::iota(uint64_t{0}, static_cast<uint64_t>(params.items))))
      .Map(
          "work", [&params](uint64_t number) { return FarmWork(params, number); }, work)
      .ForEach(
          "sink", [&sink](const FarmItem& item) { sink.Consume(item); }, step);
  return weir::Run(engine, graph).Wait().ok();
}

Sample Run(const Params& params) {
  Engine engine({.threads = params.threads});
  FarmSink warm_up;
  RunFarm(engine, WithItems(params, FarmWarmUpItems(params)), warm_up);
  FarmSink sink;
  const Stopwatch stopwatch;
  const bool ok = RunFarm(engine, params, sink);
  Sample sample = FinishFarm(stopwatch, params, sink);
  sample.ok = sample.ok && ok;
  return sample;
}

}  // namespace

void AddFarmWeir(Suite& suite) {
  suite.implementations.push_back({.workload = "farm", .name = "weir", .run = Run});
}

}  // namespace weir::bench
