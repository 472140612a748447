// The workload `rerun` on weir: one Graph, and a Run of it for each time.

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

Sample Run(const Params& params) {
  ChainSink* current = nullptr;  // the sink of the run that is under way
  const StepOptions step{.capacity = static_cast<size_t>(params.capacity)};
  Graph graph("rerun");
  auto flow = From(graph, "source",
                   FromRange(std::views::iota(uint64_t{0}, static_cast<uint64_t>(kBuildItems))));
  for (int i = 1; i < params.stages - 1; ++i) {
    flow = flow.Map(
        absl::StrCat("pass", i), [](uint64_t item) { return item; }, step);
  }
  flow.ForEach(
      "sink", [&current](uint64_t item) { current->Consume(item); }, step);

  Engine engine({.threads = params.threads});
  const auto run = [&](ChainSink& sink) {
    current = &sink;
    return weir::Run(engine, graph).Wait().ok();
  };
  RepeatRuns(WithItems(params, kBuildWarmUpRuns), ChainOrder::kKept, run);
  return RepeatRuns(params, ChainOrder::kKept, run);
}

}  // namespace

void AddRerunWeir(Suite& suite) {
  suite.implementations.push_back({.workload = "rerun", .name = "weir", .run = Run});
}

}  // namespace weir::bench
