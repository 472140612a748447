// The workload `chain` on oneTBB's flow graph: one serial function_node per stage.
//
// A queueing function_node has no bound, so the graph is bounded as oneTBB's documentation does it:
// a limiter_node behind the source, told by the sink of each item that has left. Its threshold is
// what a chain of bounded channels holds in all, capacity * (S + 1). A threshold of `capacity`, or
// none at all, gave times that differ by less than the spread.
//
// With two threads the nodes do not keep the order of items: a node takes its next item before it
// has handed the last one on. A sequencer_node per hop would restore it; this measures the graph
// without.

#include <cstdint>
#include <memory>
#include <vector>

#include "oneapi/tbb/flow_graph.h"
#include "tools/bench/bench.h"
#include "tools/bench/chain.h"
#include "tools/bench/tbb_pool.h"
#include "tools/bench/workloads.h"

namespace weir::bench {
namespace {

namespace flow = oneapi::tbb::flow;

// `Policy` is flow::queueing (a task per item and node) or flow::queueing_lightweight (a free
// node's body runs in its predecessor's task).
template <typename Policy>
Sample RunGraph(const Params& params) {
  flow::graph graph;
  ChainSink sink;
  int64_t next = 0;

  flow::input_node<uint64_t> source(graph, [&](oneapi::tbb::flow_control& control) -> uint64_t {
    if (next == params.items) {
      control.stop();
      return 0;
    }
    return next++;
  });
  flow::limiter_node<uint64_t> limiter(graph, params.capacity * ChainHops(params));
  flow::make_edge(source, limiter);

  flow::sender<uint64_t>* last = &limiter;
  using Node = flow::function_node<uint64_t, uint64_t, Policy>;
  std::vector<std::unique_ptr<Node>> stages;
  for (int i = 0; i < params.stages; ++i) {
    stages.push_back(
        std::make_unique<Node>(graph, flow::serial, [](uint64_t item) noexcept { return item; }));
    flow::make_edge(*last, *stages.back());
    last = stages.back().get();
  }

  flow::function_node<uint64_t, flow::continue_msg, Policy> end(graph, flow::serial,
                                                                [&](uint64_t item) noexcept {
                                                                  sink.Consume(item);
                                                                  return flow::continue_msg();
                                                                });
  flow::make_edge(*last, end);
  flow::make_edge(end, limiter.decrementer());

  const Stopwatch stopwatch;
  source.activate();
  graph.wait_for_all();
  return FinishChain(stopwatch, params, sink, ChainOrder::kAny);
}

template <typename Policy>
Sample Run(const Params& params) {
  return RunInArena(params, kChainWarmUpItems, RunGraph<Policy>);
}

}  // namespace

void AddChainTbbFlowGraph(Suite& suite) {
  suite.implementations.push_back(
      {.workload = "chain", .name = "tbb_flow_graph", .run = Run<flow::queueing>});
  suite.implementations.push_back({.workload = "chain",
                                   .name = "tbb_flow_graph_lightweight",
                                   .run = Run<flow::queueing_lightweight>});
}

}  // namespace weir::bench
