// The workload `feedback` on oneTBB's flow graph: serial function_nodes in a circle, the last of which
// may end the item's way.

#include <cstddef>
#include <cstdint>
#include <memory>
#include <tuple>
#include <vector>

#include "oneapi/tbb/flow_graph.h"
#include "tools/bench/bench.h"
#include "tools/bench/feedback.h"
#include "tools/bench/tbb_pool.h"
#include "tools/bench/workloads.h"

namespace weir::bench {
namespace {

namespace flow = oneapi::tbb::flow;

Sample RunGraph(const Params& params) {
  using Node = flow::function_node<uint64_t, uint64_t>;
  using Last = flow::multifunction_node<uint64_t, std::tuple<uint64_t>>;
  flow::graph graph;
  uint64_t hops = 0;
  std::vector<std::unique_ptr<Node>> stages;
  for (int i = 0; i < params.stages - 1; ++i) {
    stages.push_back(
        std::make_unique<Node>(graph, flow::serial, [](uint64_t made) { return made + 1; }));
    if (i > 0) flow::make_edge(*stages[static_cast<size_t>(i) - 1], *stages.back());
  }
  Last last(graph, flow::serial, [&](uint64_t made, Last::output_ports_type& out) {
    hops = made + 1;
    if (hops < static_cast<uint64_t>(params.items)) std::get<0>(out).try_put(hops);
  });
  flow::make_edge(*stages.back(), last);
  flow::make_edge(flow::output_port<0>(last), *stages.front());

  const Stopwatch stopwatch;
  stages.front()->try_put(0);
  graph.wait_for_all();
  return FinishFeedback(stopwatch, params, hops);
}

Sample Run(const Params& params) { return RunInArena(params, kFeedbackWarmUpHops, RunGraph); }

}  // namespace

void AddFeedbackTbbFlowGraph(Suite& suite) {
  suite.implementations.push_back({.workload = "feedback", .name = "tbb_flow_graph", .run = Run});
}

}  // namespace weir::bench
