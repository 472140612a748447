// The workload `custom`: the chain (chain.h) with stages that a user has written: coroutines that receive and send, item by
// item or in batches. It measures what an operation of a port costs.

#include <cstdint>
#include <ranges>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "tools/bench/bench.h"
#include "tools/bench/chain.h"
#include "tools/bench/workloads.h"
#include "weir/weir.h"

namespace weir::bench {
namespace {

class PassItems final : public Stage {
 public:
  In<uint64_t> in{this, "in"};
  Out<uint64_t> out{this, "out"};

  Task<> Work(Context&) override {
    while (auto item = co_await in.Receive()) {
      absl::Status sent = co_await out.Send(*item);
      if (!sent.ok()) co_return sent;
    }
    co_return in.status();
  }
};

class PassBatches final : public Stage {
 public:
  In<uint64_t> in{this, "in"};
  Out<uint64_t> out{this, "out"};

  Task<> Work(Context&) override {
    Lease<uint64_t> lease;
    std::vector<uint64_t> batch;
    while (true) {
      const bool more = co_await in.ReceiveBatch(lease);
      if (!more) co_return in.status();
      const auto items = lease.TakeAll();
      batch.assign(items.begin(), items.end());
      absl::Status sent = co_await out.SendBatch(batch);
      if (!sent.ok()) co_return sent;
    }
  }
};

// The result of each item's way through the chain is in `sink`; false if the run failed.
template <class Pass>
bool RunCustom(Engine& engine, const Params& params, ChainSink& sink) {
  const ChannelOptions options{.capacity = static_cast<size_t>(params.capacity)};
  Graph graph("custom");
  auto& source = graph.Add(
      "source", FromRange(std::views::iota(uint64_t{0}, static_cast<uint64_t>(params.items))));
  Out<uint64_t>* last = &source.out;
  for (int i = 0; i < params.stages; ++i) {
    auto& pass = graph.Add<Pass>(absl::StrCat("pass", i));
    graph.Connect(*last, pass.in, options);
    last = &pass.out;
  }
  auto& end = graph.Add("sink", ForEach<uint64_t>([&sink](uint64_t item) { sink.Consume(item); }));
  graph.Connect(*last, end.in, options);
  return weir::Run(engine, graph).Wait().ok();
}

template <class Pass>
Sample Run(const Params& params) {
  Engine engine({.threads = params.threads});
  ChainSink warm_up;
  RunCustom<Pass>(engine, WithItems(params, kChainWarmUpItems), warm_up);
  ChainSink sink;
  const Stopwatch stopwatch;
  const bool ok = RunCustom<Pass>(engine, params, sink);
  Sample sample = FinishChain(stopwatch, params, sink);
  sample.ok = sample.ok && ok;
  return sample;
}

}  // namespace

void AddCustom(Suite& suite) {
  Workload workload{.name = "custom", .unit = "item and hop", .points = {}};
  for (int stages : {4, 16, 64}) {
    Params params;
    params.workload = workload.name;
    params.stages = stages;
    params.capacity = 64;
    params.threads = 2;
    params.items = 8'000'000 / ChainHops(params);
    workload.points.push_back(params);
  }
  suite.workloads.push_back(workload);
  suite.implementations.push_back(
      {.workload = "custom", .name = "weir", .run = Run<PassItems>, .scale = 1});
  suite.implementations.push_back(
      {.workload = "custom", .name = "weir_batch", .run = Run<PassBatches>, .scale = 4});
}

}  // namespace weir::bench
