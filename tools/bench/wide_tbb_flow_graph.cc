// The workload `wide` on oneTBB's flow graph: a serial function_node per stage. A chain's source is
// an input_node; nothing bounds it, as there are few items.

#include <cstdint>
#include <memory>
#include <utility>
#include <vector>

#include "oneapi/tbb/flow_graph.h"
#include "tools/bench/bench.h"
#include "tools/bench/chain.h"
#include "tools/bench/tbb_pool.h"
#include "tools/bench/wide.h"
#include "tools/bench/workloads.h"

namespace weir::bench {
namespace {

namespace flow = oneapi::tbb::flow;
using Source = flow::input_node<uint64_t>;
using Node = flow::function_node<uint64_t, uint64_t>;
using End = flow::function_node<uint64_t>;

struct Nodes {
  flow::graph graph;
  std::vector<std::unique_ptr<Source>> sources;
  std::vector<std::unique_ptr<Node>> stages;
  std::vector<std::unique_ptr<End>> ends;
};

void AddChainTo(Nodes& nodes, const Params& params, ChainSink& sink) {
  nodes.sources.push_back(std::make_unique<Source>(
      nodes.graph,
      [next = int64_t{0},
       items = params.items](oneapi::tbb::flow_control& control) mutable -> uint64_t {
        if (next == items) {
          control.stop();
          return 0;
        }
        return next++;
      }));
  flow::sender<uint64_t>* last = nodes.sources.back().get();
  for (int i = 1; i < params.stages - 1; ++i) {
    nodes.stages.push_back(
        std::make_unique<Node>(nodes.graph, flow::serial, [](uint64_t item) { return item; }));
    flow::make_edge(*last, *nodes.stages.back());
    last = nodes.stages.back().get();
  }
  nodes.ends.push_back(std::make_unique<End>(nodes.graph, flow::serial, [&sink](uint64_t item) {
    sink.Consume(item);
    return flow::continue_msg();
  }));
  flow::make_edge(*last, *nodes.ends.back());
}

Sample RunWide(const Params& params) {
  std::vector<ChainSink> sinks(WideChains(params));

  WidePhases phases;
  auto nodes = std::make_unique<Nodes>();
  for (ChainSink& sink : sinks) AddChainTo(*nodes, params, sink);
  phases.Built();
  for (auto& source : nodes->sources) source->activate();
  nodes->graph.wait_for_all();
  phases.Ran();
  nodes.reset();
  return phases.Freed(params, sinks, ChainOrder::kAny);
}

// Warms the arena up by a short chain: the nodes of a whole sample would leave their memory behind.
Sample Run(const Params& params) {
  bool warm = false;
  return RunInArena(params, params.items, [&](const Params& each) {
    if (std::exchange(warm, true)) return RunWide(each);
    Params few = each;
    few.stages = 3;
    ChainSink sink;
    Nodes nodes;
    AddChainTo(nodes, few, sink);
    nodes.sources.front()->activate();
    nodes.graph.wait_for_all();
    return Sample();
  });
}

}  // namespace

void AddWideTbbFlowGraph(Suite& suite) {
  suite.implementations.push_back({.workload = "wide", .name = "tbb_flow_graph", .run = Run});
}

}  // namespace weir::bench
