// The workload `fan` on oneTBB's flow graph: a function_node of concurrency four, and a
// sequencer_node behind it where order matters. A limiter_node bounds what is in flight, to what
// two channels would hold.

#include <cstddef>
#include <cstdint>

#include "oneapi/tbb/flow_graph.h"
#include "tools/bench/bench.h"
#include "tools/bench/fan.h"
#include "tools/bench/tbb_pool.h"
#include "tools/bench/workloads.h"

namespace weir::bench {
namespace {

namespace flow = oneapi::tbb::flow;

Sample RunGraph(const Params& params) {
  flow::graph graph;
  FanSink sink;
  int64_t next = 0;

  flow::input_node<FanItem> source(graph, [&](oneapi::tbb::flow_control& control) {
    if (next == params.items) {
      control.stop();
      return FanItem();
    }
    return MakeFanItem(next++);
  });
  flow::limiter_node<FanItem> limiter(graph, 2 * params.capacity);
  flow::function_node<FanItem, FanItem> work(graph, kFanWorkers, [](FanItem item) {
    FanWork(item);
    return item;
  });
  flow::sequencer_node<FanItem> in_order(graph,
                                         [](const FanItem& item) -> size_t { return item.number; });
  flow::function_node<FanItem> end(graph, flow::serial, [&](const FanItem& item) {
    sink.Consume(item);
    return flow::continue_msg();
  });
  flow::make_edge(source, limiter);
  flow::make_edge(limiter, work);
  if (IsOrdered(params)) {
    flow::make_edge(work, in_order);
    flow::make_edge(in_order, end);
  } else {
    flow::make_edge(work, end);
  }
  flow::make_edge(end, limiter.decrementer());

  const Stopwatch stopwatch;
  source.activate();
  graph.wait_for_all();
  return FinishFan(stopwatch, params, sink);
}

Sample Run(const Params& params) { return RunInArena(params, kFanWarmUpItems, RunGraph); }

}  // namespace

void AddFanTbbFlowGraph(Suite& suite) {
  suite.implementations.push_back({.workload = "fan", .name = "tbb_flow_graph", .run = Run});
}

}  // namespace weir::bench
