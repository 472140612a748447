// The workload `wide` on weir: FromRange, Map and ForEach.
//
// Beside it the memory of what is parked: bytes_per_channel is what a further channel takes whose
// 64 items of 8 bytes are there, with the two ports that it joins; bytes_per_stage is the rest of a
// coroutine stage that waits, its Work and its frame included. Both are told by the allocator, from
// the difference between graphs whose stages are all blocked.

#include <malloc.h>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <ranges>
#include <vector>

#include "absl/strings/str_cat.h"
#include "tools/bench/bench.h"
#include "tools/bench/blocked_graph.h"
#include "tools/bench/chain.h"
#include "tools/bench/wide.h"
#include "tools/bench/workloads.h"
#include "weir/core/block_pool.h"
#include "weir/weir.h"

namespace weir::bench {
namespace {

void AddChainTo(Graph& graph, int chain, const Params& params, ChainSink& sink) {
  const StepOptions step{.capacity = static_cast<size_t>(params.capacity)};
  const auto name = [chain](int stage) { return absl::StrCat("chain", chain, ".", stage); };
  auto flow = From(graph, name(0),
                   FromRange(std::views::iota(uint64_t{0}, static_cast<uint64_t>(params.items))));
  for (int i = 1; i < params.stages - 1; ++i) {
    flow = flow.Map(
        name(i), [](uint64_t item) { return item; }, step);
  }
  flow.ForEach(
      name(params.stages - 1), [&sink](uint64_t item) { sink.Consume(item); }, step);
}

Sample RunWide(Engine& engine, const Params& params) {
  std::vector<ChainSink> sinks(WideChains(params));

  WidePhases phases;
  auto graph = std::make_unique<Graph>("wide");
  for (int chain = 0; chain < WideChains(params); ++chain) {
    AddChainTo(*graph, chain, params, sinks[chain]);
  }
  phases.Built();
  auto run = std::make_unique<weir::Run>(engine, *graph);
  const bool ok = run->Wait().ok();
  phases.Ran();
  run.reset();
  graph.reset();
  Sample sample = phases.Freed(params, sinks, ChainOrder::kKept);
  sample.ok = sample.ok && ok;
  return sample;
}

size_t AllocatedBytes() {
  const struct mallinfo2 info = mallinfo2();
  return info.uordblks + info.hblkhd + internal::BlockBytesInUse();
}

// What `stages` blocked stages have allocated, with all that joins them.
double BlockedBytes(Engine& engine, int stages, const Params& params, Joined joined) {
  const size_t before = AllocatedBytes();
  BlockedGraph blocked(stages, params.capacity, joined);
  weir::Run run(engine, blocked.graph());
  blocked.AwaitBlocked(engine);
  return static_cast<double>(AllocatedBytes()) - static_cast<double>(before);
}

void AddParkedBytes(Engine& engine, const Params& params, Sample& sample) {
  constexpr int kStages = 1'000;
  const double one = BlockedBytes(engine, kStages, params, Joined::kByOneChannel);
  const double two = BlockedBytes(engine, kStages, params, Joined::kByTwoChannels);
  const double channel = (two - one) / kStages;
  sample.AddFigure("bytes_per_stage", one / kStages - channel);
  sample.AddFigure("bytes_per_channel", channel);
}

Sample Run(const Params& params) {
  Engine engine({.threads = params.threads});
  {
    ChainSink sink;
    Params few = params;
    few.stages = 3;
    Graph graph("warm_up");
    AddChainTo(graph, 0, few, sink);
    weir::Run(engine, graph).Wait();
  }
  Sample sample = RunWide(engine, params);
  AddParkedBytes(engine, params, sample);
  return sample;
}

}  // namespace

void AddWideWeir(Suite& suite) {
  suite.implementations.push_back({.workload = "wide", .name = "weir", .run = Run});
}

}  // namespace weir::bench
