// The workload `custom`: the chain of chain.h where every stage is a coroutine that a user might
// write. What differs between its implementations is what their stages await.

#pragma once

#include <cstddef>

#include "absl/strings/str_cat.h"
#include "tools/bench/bench.h"
#include "tools/bench/chain.h"
#include "weir/weir.h"

namespace weir::bench {

// A Numbers is made from the number of its items, a Fold from the ChainSink that it feeds.
template <class Numbers, class Pass, class Fold>
bool RunCustomGraph(Engine& engine, const Params& params, ChainSink& sink) {
  const ChannelOptions channel{.capacity = static_cast<size_t>(params.capacity)};
  Graph graph("custom");
  auto& numbers = graph.Add<Numbers>("numbers", params.items);
  auto* last = &numbers.out;
  for (int i = 0; i < params.stages; ++i) {
    auto& pass = graph.Add<Pass>(absl::StrCat("pass", i));
    graph.Connect(*last, pass.in, channel);
    last = &pass.out;
  }
  auto& fold = graph.Add<Fold>("fold", sink);
  graph.Connect(*last, fold.in, channel);
  return weir::Run(engine, graph).Wait().ok();
}

template <class Numbers, class Pass, class Fold>
Sample RunCustom(const Params& params) {
  Engine engine({.threads = params.threads});
  ChainSink warm_up;
  RunCustomGraph<Numbers, Pass, Fold>(engine, WithItems(params, kChainWarmUpItems), warm_up);
  ChainSink sink;
  const Stopwatch stopwatch;
  const bool ok = RunCustomGraph<Numbers, Pass, Fold>(engine, params, sink);
  Sample sample = FinishChain(stopwatch, params, sink);
  sample.ok = sample.ok && ok;
  return sample;
}

}  // namespace weir::bench
