// The workload `latency` on oneTBB's flow graph: a serial function_node per stage, which the program
// puts items into. Nothing bounds it, as the program sends no faster than the point says. The nodes do
// not keep the order of items; see chain_tbb_flow_graph.cc.

#include <cstdint>
#include <memory>
#include <optional>
#include <semaphore>
#include <vector>

#include "oneapi/tbb/flow_graph.h"
#include "oneapi/tbb/global_control.h"
#include "oneapi/tbb/task_arena.h"
#include "tools/bench/bench.h"
#include "tools/bench/latency.h"
#include "tools/bench/workloads.h"

namespace weir::bench {
namespace {

namespace flow = oneapi::tbb::flow;

// `Policy` is flow::queueing (a task per item and node) or flow::queueing_lightweight (a free
// node's body runs in its predecessor's task).
template <typename Policy>
class LatencyGraph {
 public:
  // Releases `arrived`, unless it is null, for each item that has come out.
  LatencyGraph(LatencyLog& log, std::binary_semaphore* arrived)
      : end_(graph_, flow::serial, [&log, arrived](const LatencyItem& item) noexcept {
          log.Arrived(item);
          if (arrived != nullptr) arrived->release();
          return flow::continue_msg();
        }) {
    for (int i = 0; i < kLatencyStages; ++i) {
      stages_.push_back(std::make_unique<Node>(
          graph_, flow::serial,
          [](const LatencyItem& item) noexcept { return LatencyWork(item); }));
      if (i > 0) flow::make_edge(*stages_[i - 1], *stages_[i]);
    }
    flow::make_edge(*stages_.back(), end_);
  }

  void Put(const LatencyItem& item) { stages_.front()->try_put(item); }
  void Wait() { graph_.wait_for_all(); }

 private:
  using Node = flow::function_node<LatencyItem, LatencyItem, Policy>;

  flow::graph graph_;
  std::vector<std::unique_ptr<Node>> stages_;
  flow::function_node<LatencyItem, flow::continue_msg, Policy> end_;
};

template <typename Policy>
Sample Run(const Params& params) {
  // So many workers, besides the program's own thread, which stays outside.
  oneapi::tbb::global_control control(oneapi::tbb::global_control::max_allowed_parallelism,
                                      params.threads + 1);
  oneapi::tbb::task_arena arena(params.threads, /*reserved_for_masters=*/0);
  LatencyLog log(params);
  std::binary_semaphore arrived(0);
  std::optional<LatencyGraph<Policy>> graph;
  arena.execute([&] { graph.emplace(log, IsClosedLoop(params) ? &arrived : nullptr); });
  const Stopwatch stopwatch;
  if (IsClosedLoop(params)) {
    SendInClosedLoop(params, [&](const LatencyItem& item) {
      graph->Put(item);
      arrived.acquire();
    });
  } else {
    SendPaced(params, [&](const LatencyItem& item) { graph->Put(item); });
  }
  arena.execute([&] { graph->Wait(); });
  return FinishLatency(stopwatch, params, log);
}

}  // namespace

void AddLatencyTbbFlowGraph(Suite& suite) {
  suite.implementations.push_back(
      {.workload = "latency", .name = "tbb_flow_graph", .run = Run<flow::queueing>});
  suite.implementations.push_back({.workload = "latency",
                                   .name = "tbb_flow_graph_lightweight",
                                   .run = Run<flow::queueing_lightweight>});
}

}  // namespace weir::bench
