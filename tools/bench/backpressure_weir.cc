// The workload `backpressure` on weir, twice: as coroutine stages that send and receive item by
// item, and as the built-in Generate and ForEach.
//
// The coroutines hold one item each beside what the channel holds, so capacity + 2 are in flight at
// most, and a sample that saw more is not ok. Generate makes a batch before it sends: what it has
// made and not sent counts on top.

#include <cstddef>
#include <cstdint>
#include <optional>

#include "tools/bench/backpressure.h"
#include "tools/bench/bench.h"
#include "tools/bench/workloads.h"
#include "weir/weir.h"

namespace weir::bench {
namespace {

constexpr int64_t kStages = 2;

class Producer final : public Stage {
 public:
  Out<BackpressureItem> out{this, "out"};

  explicit Producer(BackpressureBodies& bodies) : bodies_(bodies) {}

  Task<> Work(Context&) override {
    while (bodies_.HasMore()) {
      BackpressureItem item = bodies_.Produce();
      absl::Status sent = co_await out.Send(item);
      if (!sent.ok()) co_return sent;
    }
    co_return absl::OkStatus();
  }

 private:
  BackpressureBodies& bodies_;
};

class Consumer final : public Stage {
 public:
  In<BackpressureItem> in{this, "in"};

  explicit Consumer(BackpressureBodies& bodies) : bodies_(bodies) {}

  Task<> Work(Context&) override {
    while (auto item = co_await in.Receive()) bodies_.Consume(*item);
    co_return in.status();
  }

 private:
  BackpressureBodies& bodies_;
};

bool RunCoroutines(Engine& engine, const Params& params, BackpressureBodies& bodies) {
  Graph graph("backpressure");
  auto& producer = graph.Add<Producer>("producer", bodies);
  auto& consumer = graph.Add<Consumer>("consumer", bodies);
  graph.Connect(producer.out, consumer.in, {.capacity = static_cast<size_t>(params.capacity)});
  return weir::Run(engine, graph).Wait().ok();
}

bool RunBuiltIn(Engine& engine, const Params& params, BackpressureBodies& bodies) {
  Graph graph("backpressure");
  From(graph, "producer", Generate([&bodies]() -> std::optional<BackpressureItem> {
         if (!bodies.HasMore()) return std::nullopt;
         return bodies.Produce();
       }))
      .ForEach("consumer", [&bodies](const BackpressureItem& item) { bodies.Consume(item); },
               {.capacity = static_cast<size_t>(params.capacity)});
  return weir::Run(engine, graph).Wait().ok();
}

using RunGraph = bool (*)(Engine&, const Params&, BackpressureBodies&);

Sample Run(const Params& params, RunGraph run) {
  Engine engine({.threads = params.threads});
  const Params few = WithItems(params, kBackpressureWarmUpItems);
  BackpressureBodies warm_up(few);
  run(engine, few, warm_up);
  BackpressureBodies bodies(params);
  const Stopwatch stopwatch;
  const bool ok = run(engine, params, bodies);
  Sample sample = FinishBackpressure(stopwatch, params, bodies);
  const bool bounded = run == RunBuiltIn || bodies.in_flight() <= params.capacity + kStages;
  sample.ok = sample.ok && ok && bounded;
  return sample;
}

}  // namespace

void AddBackpressureWeir(Suite& suite) {
  const auto add = [&suite](const char* name, RunGraph run) {
    suite.implementations.push_back(
        {.workload = "backpressure", .name = name, .run = [run](const Params& params) {
           return Run(params, run);
         }});
  };
  add("weir", RunCoroutines);
  add("weir_built_in", RunBuiltIn);
}

}  // namespace weir::bench
