// The workload `grain` on oneTBB's flow graph: a serial function_node per stage, bounded by a
// limiter_node to what as many channels would hold.

#include <cstdint>
#include <memory>
#include <vector>

#include "oneapi/tbb/flow_graph.h"
#include "tools/bench/bench.h"
#include "tools/bench/farm.h"
#include "tools/bench/grain.h"
#include "tools/bench/tbb_pool.h"
#include "tools/bench/workloads.h"

namespace weir::bench {
namespace {

namespace flow = oneapi::tbb::flow;

Sample RunGraph(const Params& params) {
  flow::graph graph;
  FarmSink sink;
  int64_t next = 0;

  flow::input_node<FarmItem> source(graph, [&](oneapi::tbb::flow_control& control) {
    if (next == params.items) {
      control.stop();
      return FarmItem();
    }
    return FarmItem{.number = static_cast<uint64_t>(next++)};
  });
  flow::limiter_node<FarmItem> limiter(graph, params.capacity * (kGrainStages + 1));
  flow::make_edge(source, limiter);
  flow::sender<FarmItem>* last = &limiter;
  using Node = flow::function_node<FarmItem, FarmItem>;
  std::vector<std::unique_ptr<Node>> stages;
  for (int i = 0; i < kGrainStages; ++i) {
    stages.push_back(std::make_unique<Node>(
        graph, flow::serial, [&params](FarmItem item) { return GrainWork(params, item); }));
    flow::make_edge(*last, *stages.back());
    last = stages.back().get();
  }
  flow::function_node<FarmItem> end(graph, flow::serial, [&](const FarmItem& item) {
    sink.Consume(item);
    return flow::continue_msg();
  });
  flow::make_edge(*last, end);
  flow::make_edge(end, limiter.decrementer());

  const Stopwatch stopwatch;
  source.activate();
  graph.wait_for_all();
  return FinishGrain(stopwatch, params, sink);
}

Sample Run(const Params& params) { return RunInArena(params, GrainWarmUpItems(params), RunGraph); }

}  // namespace

void AddGrainTbbFlowGraph(Suite& suite) {
  suite.implementations.push_back({.workload = "grain", .name = "tbb_flow_graph", .run = Run});
}

}  // namespace weir::bench
