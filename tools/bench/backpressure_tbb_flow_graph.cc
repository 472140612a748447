// The workload `backpressure` on oneTBB's flow graph. Its nodes push without a bound, so a
// limiter_node of `capacity` stands between the two, told by the consumer of each item that it has
// worked off.

#include "oneapi/tbb/flow_graph.h"
#include "tools/bench/backpressure.h"
#include "tools/bench/bench.h"
#include "tools/bench/tbb_pool.h"
#include "tools/bench/workloads.h"

namespace weir::bench {
namespace {

namespace flow = oneapi::tbb::flow;

Sample RunGraph(const Params& params) {
  flow::graph graph;
  BackpressureBodies bodies(params);
  flow::input_node<BackpressureItem> producer(graph, [&](oneapi::tbb::flow_control& control) {
    if (!bodies.HasMore()) {
      control.stop();
      return BackpressureItem();
    }
    return bodies.Produce();
  });
  flow::limiter_node<BackpressureItem> limiter(graph, params.capacity);
  flow::function_node<BackpressureItem> consumer(graph, flow::serial,
                                                 [&](const BackpressureItem& item) {
                                                   bodies.Consume(item);
                                                   return flow::continue_msg();
                                                 });
  flow::make_edge(producer, limiter);
  flow::make_edge(limiter, consumer);
  flow::make_edge(consumer, limiter.decrementer());

  const Stopwatch stopwatch;
  producer.activate();
  graph.wait_for_all();
  return FinishBackpressure(stopwatch, params, bodies);
}

Sample Run(const Params& params) { return RunInArena(params, kBackpressureWarmUpItems, RunGraph); }

}  // namespace

void AddBackpressureTbbFlowGraph(Suite& suite) {
  suite.implementations.push_back(
      {.workload = "backpressure", .name = "tbb_flow_graph", .run = Run});
}

}  // namespace weir::bench
