// The workload `feedback` on weir, twice: as the built-in Map and Filter, and as coroutine stages. The
// last stage lets the item go round again or drops it; then the loop is quiet, and the run ends.

#include <cstddef>
#include <cstdint>

#include "absl/strings/str_cat.h"
#include "tools/bench/bench.h"
#include "tools/bench/feedback.h"
#include "tools/bench/workloads.h"
#include "weir/weir.h"

namespace weir::bench {
namespace {

// Counts the item's hops. When it has made `enough`, it drops it.
class Pass final : public Stage {
 public:
  In<uint64_t> in{this, "in"};
  Out<uint64_t> out{this, "out"};

  Pass(uint64_t enough, uint64_t& hops) : enough_(enough), hops_(hops) {}

  Task<> Work(Context&) override {
    while (auto item = co_await in.Receive()) {
      uint64_t hops = *item + 1;
      if (hops >= enough_) {
        hops_ = hops;
        continue;
      }
      absl::Status sent = co_await out.Send(hops);
      if (!sent.ok()) co_return sent;
    }
    co_return in.status();
  }

 private:
  const uint64_t enough_;
  uint64_t& hops_;
};

bool RunCoroutines(Engine& engine, const Params& params, uint64_t& hops) {
  const ChannelOptions channel{.capacity = static_cast<size_t>(params.capacity)};
  Graph graph("feedback");
  auto& first = graph.Add<Pass>("pass0", UINT64_MAX, hops);
  Pass* last = &first;
  for (int i = 1; i < params.stages; ++i) {
    const bool closes = i == params.stages - 1;
    auto& next = graph.Add<Pass>(absl::StrCat("pass", i),
                                 closes ? static_cast<uint64_t>(params.items) : UINT64_MAX, hops);
    graph.Connect(last->out, next.in, channel);
    last = &next;
  }
  From(graph, "source", FromVector<uint64_t>({0})).To(first.in, channel);
  graph.Connect(last->out, first.in, {.feedback = true});
  return weir::Run(engine, graph).Wait().ok();
}

bool RunBuiltIn(Engine& engine, const Params& params, uint64_t& hops) {
  const StepOptions step{.fuse = false, .capacity = static_cast<size_t>(params.capacity)};
  const auto enough = static_cast<uint64_t>(params.items);
  const auto count = [](uint64_t made) { return made + 1; };
  Graph graph("feedback");
  // A Filter changes nothing, so the first stage counts its hop, too.
  auto& first = graph.Add("pass0", Map<uint64_t>([](uint64_t made) { return made + 2; }, step));
  From(graph, "source", FromVector<uint64_t>({0})).To(first.in, step);
  Flow flow(graph, first.out);
  for (int i = 1; i < params.stages - 1; ++i) flow = flow.Map(absl::StrCat("pass", i), count, step);
  flow = flow.Filter(
      "again",
      [enough, &hops](uint64_t made) {
        hops = made;
        return made < enough;
      },
      step);
  graph.Connect(flow.out(), first.in, {.feedback = true});
  return weir::Run(engine, graph).Wait().ok();
}

template <bool (*kRun)(Engine&, const Params&, uint64_t&)>
Sample Run(const Params& params) {
  Engine engine({.threads = params.threads});
  uint64_t hops = 0;
  kRun(engine, WithItems(params, kFeedbackWarmUpHops), hops);
  hops = 0;
  const Stopwatch stopwatch;
  const bool ok = kRun(engine, params, hops);
  Sample sample = FinishFeedback(stopwatch, params, hops);
  sample.ok = sample.ok && ok;
  return sample;
}

}  // namespace

void AddFeedbackWeir(Suite& suite) {
  suite.implementations.push_back({.workload = "feedback", .name = "weir", .run = Run<RunBuiltIn>});
  suite.implementations.push_back(
      {.workload = "feedback", .name = "weir_coroutines", .run = Run<RunCoroutines>});
}

}  // namespace weir::bench
