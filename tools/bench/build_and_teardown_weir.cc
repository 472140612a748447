// The workload `build_and_teardown` on weir: FromRange, Map and ForEach, on an engine that stays.

#include <cstddef>
#include <cstdint>
#include <ranges>

#include "absl/strings/str_cat.h"
#include "tools/bench/bench.h"
#include "tools/bench/build_and_teardown.h"
#include "tools/bench/chain.h"
#include "tools/bench/workloads.h"
#include "weir/weir.h"

namespace weir::bench {
namespace {

bool RunOnce(Engine& engine, const Params& params, ChainSink& sink) {
  const StepOptions step{.capacity = static_cast<size_t>(params.capacity)};
  Graph graph("build");
  auto flow = From(graph, "source",
                   FromRange(std::views::iota(uint64_t{0}, static_cast<uint64_t>(kBuildItems))));
  for (int i = 1; i < params.stages - 1; ++i) {
    flow = flow.Map(
        absl::StrCat("pass", i), [](uint64_t item) { return item; }, step);
  }
  flow.ForEach(
      "sink", [&sink](uint64_t item) { sink.Consume(item); }, step);
  return weir::Run(engine, graph).Wait().ok();
}

Sample Run(const Params& params) {
  Engine engine({.threads = params.threads});
  const auto run = [&](ChainSink& sink) { return RunOnce(engine, params, sink); };
  RepeatRuns(WithItems(params, kBuildWarmUpRuns), ChainOrder::kKept, run);
  return RepeatRuns(params, ChainOrder::kKept, run);
}

}  // namespace

void AddBuildAndTeardownWeir(Suite& suite) {
  suite.implementations.push_back({.workload = "build_and_teardown", .name = "weir", .run = Run});
}

}  // namespace weir::bench
