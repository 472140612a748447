// The workload `bytes` on oneTBB's flow graph: a serial function_node per stage, and a limiter_node
// that lets kBytesTokens items be in flight. The nodes pass pointers, because they copy what they
// pass.

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "oneapi/tbb/flow_graph.h"
#include "tools/bench/bench.h"
#include "tools/bench/bytes.h"
#include "tools/bench/tbb_pool.h"
#include "tools/bench/workloads.h"

namespace weir::bench {
namespace {

namespace flow = oneapi::tbb::flow;
using Item = std::shared_ptr<std::string>;

Sample RunGraph(const Params& params) {
  flow::graph graph;
  BytesSink sink;
  int64_t next = 0;
  flow::input_node<Item> source(graph, [&](oneapi::tbb::flow_control& control) -> Item {
    if (next == params.items) {
      control.stop();
      return nullptr;
    }
    return std::make_shared<std::string>(MakeBytes(params, next++));
  });
  flow::limiter_node<Item> limiter(graph, kBytesTokens);
  flow::make_edge(source, limiter);
  flow::sender<Item>* last = &limiter;
  using Node = flow::function_node<Item, Item>;
  std::vector<std::unique_ptr<Node>> stages;
  for (int i = 0; i < kBytesStages; ++i) {
    stages.push_back(std::make_unique<Node>(graph, flow::serial, [](Item item) {
      BytesWork(*item);
      return item;
    }));
    flow::make_edge(*last, *stages.back());
    last = stages.back().get();
  }
  flow::function_node<Item> end(graph, flow::serial, [&](const Item& item) {
    sink.Consume(*item);
    return flow::continue_msg();
  });
  flow::make_edge(*last, end);
  flow::make_edge(end, limiter.decrementer());
  source.activate();
  graph.wait_for_all();
  return FinishBytes(params, sink);
}

Sample Run(const Params& params) { return RunInArena(params, BytesWarmUpItems(params), RunGraph); }

}  // namespace

void AddBytesTbbFlowGraph(Suite& suite) {
  suite.implementations.push_back({.workload = "bytes", .name = "tbb_flow_graph", .run = Run});
}

}  // namespace weir::bench
