// The workload `farm` on oneTBB's flow graph: a function_node of as many workers, and a
// sequencer_node after it where order matters. A limiter_node bounds what is in flight to what two
// channels would hold.

#include <cstddef>
#include <cstdint>

#include "oneapi/tbb/flow_graph.h"
#include "tools/bench/bench.h"
#include "tools/bench/farm.h"
#include "tools/bench/tbb_pool.h"
#include "tools/bench/workloads.h"

namespace weir::bench {
namespace {

namespace flow = oneapi::tbb::flow;

Sample RunGraph(const Params& params) {
  flow::graph graph;
  FarmSink sink;
  int64_t next = 0;

  flow::input_node<uint64_t> source(graph, [&](oneapi::tbb::flow_control& control) -> uint64_t {
    if (next == params.items) {
      control.stop();
      return 0;
    }
    return next++;
  });
  flow::limiter_node<uint64_t> limiter(graph, 2 * FarmTokens(params));
  flow::function_node<uint64_t, FarmItem> work(
      graph, params.workers, [&params](uint64_t number) { return FarmWork(params, number); });
  flow::sequencer_node<FarmItem> in_order(
      graph, [](const FarmItem& item) -> size_t { return item.number; });
  flow::function_node<FarmItem> end(graph, flow::serial, [&](const FarmItem& item) {
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
  return FinishFarm(stopwatch, params, sink);
}

Sample Run(const Params& params) { return RunInArena(params, FarmWarmUpItems(params), RunGraph); }

}  // namespace

void AddFarmTbbFlowGraph(Suite& suite) {
  suite.implementations.push_back({.workload = "farm", .name = "tbb_flow_graph", .run = Run});
}

}  // namespace weir::bench
