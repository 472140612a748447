// The workload `rerun` on oneTBB's flow graph: one graph, whose source counts from the beginning
// and is activated again. Its bodies are kept, so the graph itself need not be reset.

#include <cstdint>
#include <memory>
#include <vector>

#include "oneapi/tbb/flow_graph.h"
#include "tools/bench/bench.h"
#include "tools/bench/build_and_teardown.h"
#include "tools/bench/chain.h"
#include "tools/bench/tbb_pool.h"
#include "tools/bench/workloads.h"

namespace weir::bench {
namespace {

namespace flow = oneapi::tbb::flow;
using Node = flow::function_node<uint64_t, uint64_t>;

Sample RunGraph(const Params& params) {
  flow::graph graph;
  ChainSink* current = nullptr;  // the sink of the run that is under way
  int64_t next = 0;
  flow::input_node<uint64_t> source(graph, [&](oneapi::tbb::flow_control& control) -> uint64_t {
    if (next == kBuildItems) {
      control.stop();
      return 0;
    }
    return next++;
  });
  flow::sender<uint64_t>* last = &source;
  std::vector<std::unique_ptr<Node>> stages;
  for (int i = 1; i < params.stages - 1; ++i) {
    stages.push_back(
        std::make_unique<Node>(graph, flow::serial, [](uint64_t item) { return item; }));
    flow::make_edge(*last, *stages.back());
    last = stages.back().get();
  }
  flow::function_node<uint64_t> end(graph, flow::serial, [&](uint64_t item) {
    current->Consume(item);
    return flow::continue_msg();
  });
  flow::make_edge(*last, end);
  return RepeatRuns(params, ChainOrder::kAny, [&](ChainSink& sink) {
    current = &sink;
    next = 0;
    source.activate();
    graph.wait_for_all();
    return true;
  });
}

Sample Run(const Params& params) { return RunInArena(params, kBuildWarmUpRuns, RunGraph); }

}  // namespace

void AddRerunTbbFlowGraph(Suite& suite) {
  suite.implementations.push_back({.workload = "rerun", .name = "tbb_flow_graph", .run = Run});
}

}  // namespace weir::bench
