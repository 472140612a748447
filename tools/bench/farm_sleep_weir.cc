// The workloads `farm_sleep` and `farm_blocking` on weir: FromRange, a Map with workers, ForEach. In
// farm_blocking the Map's calls are declared to block.

#include <cstddef>
#include <cstdint>
#include <ranges>
#include <string_view>

#include "tools/bench/bench.h"
#include "tools/bench/farm.h"
#include "tools/bench/farm_sleep.h"
#include "tools/bench/workloads.h"
#include "weir/weir.h"

namespace weir::bench {
namespace {

bool RunCalls(Engine& engine, const Params& params, const SleepingCalls& calls, FarmSink& sink) {
  StepOptions work{
      .workers = params.workers, .ordered = IsOrdered(params), .blocking = IsFarmBlocking(params)};
  if (params.capacity > 0) work.capacity = static_cast<size_t>(params.capacity);
  Graph graph("farm_sleep");
  From(graph, "numbers",
       FromRange(std::views::iota(uint64_t{0}, static_cast<uint64_t>(params.items))))
      .Map(
          "work", [&calls](uint64_t number) { return calls.Make(number); }, work)
      .ForEach("sink", [&sink](const FarmItem& item) { sink.Consume(item); });
  return weir::Run(engine, graph).Wait().ok();
}

Sample Run(const Params& params) {
  SleepPrecisely();
  const SleepingCalls calls(params);
  Engine engine({.threads = params.threads, .log = [](std::string_view) {}});
  FarmSink warm_up;
  RunCalls(engine, WithItems(params, 2 * params.workers), calls, warm_up);
  FarmSink sink;
  const Stopwatch stopwatch;
  const bool ok = RunCalls(engine, params, calls, sink);
  Sample sample = FinishFarmSleep(stopwatch, params, calls, sink);
  sample.ok = sample.ok && ok;
  return sample;
}

}  // namespace

void AddFarmSleepWeir(Suite& suite) { AddFarmSleepImplementation(suite, "weir", Run); }

}  // namespace weir::bench
