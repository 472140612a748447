// The workload `build_and_teardown` on oneTBB's flow graph: a serial function_node per stage.
// Nothing bounds it, as there are few items.

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

bool RunOnce(const Params& params, ChainSink& sink) {
  flow::graph graph;
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
    sink.Consume(item);
    return flow::continue_msg();
  });
  flow::make_edge(*last, end);
  source.activate();
  graph.wait_for_all();
  return true;
}

Sample RunGraphs(const Params& params) {
  return RepeatRuns(params, ChainOrder::kAny,
                    [&](ChainSink& sink) { return RunOnce(params, sink); });
}

Sample Run(const Params& params) { return RunInArena(params, kBuildWarmUpRuns, RunGraphs); }

}  // namespace

void AddBuildAndTeardownTbbFlowGraph(Suite& suite) {
  suite.implementations.push_back(
      {.workload = "build_and_teardown", .name = "tbb_flow_graph", .run = Run});
}

}  // namespace weir::bench
