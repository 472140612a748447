// The workload `chain` on weir: the built-in stages FromRange, Map and ForEach; one channel per hop, or
// all of them fused into one Work.

#include <cstdint>
#include <ranges>

#include "absl/strings/str_cat.h"
#include "tools/bench/bench.h"
#include "tools/bench/chain.h"
#include "tools/bench/weir_chains.h"
#include "tools/bench/workloads.h"
#include "weir/weir.h"

namespace weir::bench {
namespace {

bool RunBuiltIn(Engine& engine, const Params& params, bool fuse, ChainSink& sink) {
  const StepOptions step{.fuse = fuse, .capacity = static_cast<size_t>(params.capacity)};
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

template <bool (*kRun)(Engine&, const Params&, ChainSink&)>
Sample Run(const Params& params) {
  Engine engine({.threads = params.threads});
  ChainSink warm_up;
  kRun(engine, WithItems(params, kChainWarmUpItems), warm_up);
  ChainSink sink;
  const Stopwatch stopwatch;
  const bool ok = kRun(engine, params, sink);
  Sample sample = FinishChain(stopwatch, params, sink);
  sample.ok = sample.ok && ok;
  return sample;
}

}  // namespace

bool RunChain(Engine& engine, const Params& params, ChainSink& sink) {
  return RunBuiltIn(engine, params, /*fuse=*/false, sink);
}
bool RunFusedChain(Engine& engine, const Params& params, ChainSink& sink) {
  return RunBuiltIn(engine, params, /*fuse=*/true, sink);
}

void AddChainWeir(Suite& suite) {
  suite.implementations.push_back(
      {.workload = "chain", .name = "weir", .run = Run<RunChain>, .scale = 8});
  suite.implementations.push_back(
      {.workload = "chain", .name = "weir_fused", .run = Run<RunFusedChain>, .scale = 32});
}

}  // namespace weir::bench
