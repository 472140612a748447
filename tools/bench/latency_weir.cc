// The workload `latency` on weir: an Input, four Maps, and a ForEach or, in the closed loop, an
// Output. With a channel between each two stages, or fused where the library sees fit.

#include <cstddef>

#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "tools/bench/bench.h"
#include "tools/bench/latency.h"
#include "tools/bench/workloads.h"
#include "weir/weir.h"

namespace weir::bench {
namespace {

Flow<LatencyItem> AddStages(Graph& graph, Input<LatencyItem>& input, const StepOptions& step) {
  Flow<LatencyItem> flow(graph, input.out);
  for (int i = 0; i < kLatencyStages; ++i) {
    flow = flow.Map(absl::StrCat("pass", i), LatencyWork, step);
  }
  return flow;
}

Sample RunPaced(const Params& params, const StepOptions& step) {
  LatencyLog log(params);
  Graph graph("latency");
  auto& input = graph.Add<Input<LatencyItem>>("input");
  AddStages(graph, input, step)
      .ForEach(
          "sink", [&log](const LatencyItem& item) { log.Arrived(item); }, step);
  Engine engine({.threads = params.threads});
  weir::Run run(engine, graph);
  bool sent = true;
  const Stopwatch stopwatch;
  SendPaced(params, [&](LatencyItem item) { sent = input.Send(item).ok() && sent; });
  input.Close();
  const bool ended = run.Wait().ok();
  Sample sample = FinishLatency(stopwatch, params, log);
  sample.ok = sample.ok && sent && ended && log.IsInOrder();
  return sample;
}

Sample RunClosedLoop(const Params& params, const StepOptions& step) {
  LatencyLog log(params);
  Graph graph("latency");
  auto& input = graph.Add<Input<LatencyItem>>("input");
  auto& output = graph.Add<Output<LatencyItem>>("output");
  AddStages(graph, input, step).To(output.in, step);
  Engine engine({.threads = params.threads});
  weir::Run run(engine, graph);
  const Stopwatch stopwatch;
  SendInClosedLoop(params, [&](LatencyItem item) {
    if (!input.Send(item).ok()) return;
    const absl::StatusOr<LatencyItem> result = output.Receive();
    if (result.ok()) log.Arrived(*result);
  });
  Sample sample = FinishLatency(stopwatch, params, log);
  input.Close();
  output.Close();
  sample.ok = sample.ok && run.Wait().ok() && log.IsInOrder();
  return sample;
}

template <bool kFuse>
Sample Run(const Params& params) {
  const StepOptions step{.fuse = kFuse, .capacity = static_cast<size_t>(params.capacity)};
  return IsClosedLoop(params) ? RunClosedLoop(params, step) : RunPaced(params, step);
}

}  // namespace

void AddLatencyWeir(Suite& suite) {
  suite.implementations.push_back({.workload = "latency", .name = "weir", .run = Run<false>});
  suite.implementations.push_back({.workload = "latency", .name = "weir_fused", .run = Run<true>});
}

}  // namespace weir::bench
