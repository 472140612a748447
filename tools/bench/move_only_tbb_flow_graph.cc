// The workload `move_only` on oneTBB's flow graph. Its messages must be copyable, so the parcels
// travel as bare pointers, which the source lets go of and the sink takes over.

#include <cstdint>
#include <memory>
#include <vector>

#include "oneapi/tbb/flow_graph.h"
#include "tools/bench/bench.h"
#include "tools/bench/move_only.h"
#include "tools/bench/tbb_pool.h"
#include "tools/bench/workloads.h"

namespace weir::bench {
namespace {

namespace flow = oneapi::tbb::flow;

Sample RunGraph(const Params& params) {
  flow::graph graph;
  ParcelSink sink;
  int64_t next = 0;

  flow::input_node<Parcel*> source(graph, [&](oneapi::tbb::flow_control& control) -> Parcel* {
    if (next == params.items) {
      control.stop();
      return nullptr;
    }
    return MakeParcel(next++).release();
  });
  flow::limiter_node<Parcel*> limiter(graph, params.capacity * (params.stages + 1));
  flow::make_edge(source, limiter);

  flow::sender<Parcel*>* last = &limiter;
  using Node = flow::function_node<Parcel*, Parcel*>;
  std::vector<std::unique_ptr<Node>> stages;
  for (int stage = 0; stage < params.stages; ++stage) {
    stages.push_back(std::make_unique<Node>(graph, flow::serial, [stage](Parcel* parcel) {
      Stamp(*parcel, stage);
      return parcel;
    }));
    flow::make_edge(*last, *stages.back());
    last = stages.back().get();
  }
  flow::function_node<Parcel*> end(graph, flow::serial, [&](Parcel* parcel) {
    const ParcelPtr owned(parcel);
    sink.Consume(*owned);
    return flow::continue_msg();
  });
  flow::make_edge(*last, end);
  flow::make_edge(end, limiter.decrementer());

  const Stopwatch stopwatch;
  source.activate();
  graph.wait_for_all();
  return FinishMoveOnly(stopwatch, params, sink);
}

Sample Run(const Params& params) { return RunInArena(params, kMoveOnlyWarmUpItems, RunGraph); }

}  // namespace

void AddMoveOnlyTbbFlowGraph(Suite& suite) {
  suite.implementations.push_back({.workload = "move_only", .name = "tbb_flow_graph", .run = Run});
}

}  // namespace weir::bench
