// The workload `chain` on weir: the built-in stages FromRange, Map and ForEach, one channel per hop.

#include <cstdint>
#include <ranges>

#include "absl/strings/str_cat.h"
#include "tools/bench/bench.h"
#include "tools/bench/chain.h"
#include "tools/bench/weir_chains.h"
#include "tools/bench/workloads.h"
#include "weir/weir.h"

namespace weir::bench {

bool RunChain(Engine& engine, const Params& params, ChainSink& sink) {
  const StepOptions step{.capacity = static_cast<size_t>(params.capacity)};
  Graph graph("chain");
  auto flow = From(graph, "source",
                   FromRange(std::views::iota(uint64_t{0}, static_cast<uint64_t>(params.items))));
  for (int i = 0; i < params.stages; ++i) {
    flow = flow.Map(
        absl::StrCat("pass", i), [](uint64_t item) { return item; }, step);
  }
  flow.ForEach(
      "sink", [&sink](uint64_t item) { sink.Consume(item); }, step);
  return weir::Run(engine, graph).Wait().ok();
}

namespace {

Sample Run(const Params& params) {
  Engine engine({.threads = params.threads});
  ChainSink warm_up;
  RunChain(engine, WithItems(params, kChainWarmUpItems), warm_up);
  ChainSink sink;
  const Stopwatch stopwatch;
  const bool ok = RunChain(engine, params, sink);
  Sample sample = FinishChain(stopwatch, params, sink);
  sample.ok = sample.ok && ok;
  return sample;
}

}  // namespace

void AddChainWeir(Suite& suite) {
  suite.implementations.push_back({.workload = "chain", .name = "weir", .run = Run, .scale = 8});
}

}  // namespace weir::bench
