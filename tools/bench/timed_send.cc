// The workload `timed_send`: sends that would wait a second for room and find it. It measures that a bound costs nothing until
// it is needed: no timer is armed, and no clock is read.

#include <cstdint>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "tools/bench/bench.h"
#include "tools/bench/chain.h"
#include "tools/bench/workloads.h"
#include "weir/weir.h"

namespace weir::bench {
namespace {

class TimedSource final : public Stage {
 public:
  Out<uint64_t> out{this, "out"};
  explicit TimedSource(uint64_t items) : items_(items) {}

  Task<> Work(Context&) override {
    for (uint64_t item = 0; item < items_; ++item) {
      uint64_t sending = item;
      absl::Status sent = co_await out.SendWithin(absl::Seconds(1), sending);
      if (!sent.ok()) co_return sent;
    }
    co_return absl::OkStatus();
  }

 private:
  const uint64_t items_;
};

bool RunTimed(Engine& engine, const Params& params, ChainSink& sink) {
  Graph graph("timed_send");
  auto& source = graph.Add<TimedSource>("source", static_cast<uint64_t>(params.items));
  Flow(graph, source.out)
      .ForEach("sink", [&sink](uint64_t item) { sink.Consume(item); },
               {.capacity = static_cast<size_t>(params.capacity)});
  return weir::Run(engine, graph).Wait().ok();
}

Sample Run(const Params& params) {
  Engine engine({.threads = params.threads});
  ChainSink warm_up;
  RunTimed(engine, WithItems(params, kChainWarmUpItems), warm_up);
  ChainSink sink;
  const Stopwatch stopwatch;
  const bool ok = RunTimed(engine, params, sink);
  Sample sample = stopwatch.Stop(params.items);
  sample.ok = ok && sink.IsComplete(params.items) && sink.IsInOrder();
  return sample;
}

}  // namespace

void AddTimedSend(Suite& suite) {
  Params params;
  params.workload = "timed_send";
  params.capacity = 1024;
  params.threads = 2;
  params.items = 10'000'000;
  suite.workloads.push_back({.name = "timed_send", .unit = "send", .points = {params}});
  suite.implementations.push_back(
      {.workload = "timed_send", .name = "weir", .run = Run, .scale = 1});
}

}  // namespace weir::bench
