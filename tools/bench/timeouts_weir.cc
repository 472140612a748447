// The workload `timeouts` on weir: 100 stages of 100 workers each, and behind every stage a channel
// that nobody receives from before all of its senders have given up.

#include <chrono>
#include <cstdint>

#include "absl/strings/str_cat.h"
#include "tools/bench/bench.h"
#include "tools/bench/timeouts.h"
#include "tools/bench/workloads.h"
#include "weir/weir.h"

namespace weir::bench {
namespace {

class GivesUp final : public Stage {
 public:
  Out<uint64_t> out{this, "out"};
  Out<uint64_t> over{this, "over"};  // sends nothing: it ends when all workers have

  explicit GivesUp(Latenesses& latenesses) : latenesses_(latenesses) {}

  Task<> Work(Context&) override {
    uint64_t item = 0;
    absl::Status sent;
    while (sent.ok()) sent = co_await out.SendWithin(absl::ZeroDuration(), item);
    const auto began = std::chrono::steady_clock::now();
    sent = co_await out.SendWithin(absl::FromChrono(kTimeout), item);
    if (!absl::IsDeadlineExceeded(sent)) co_return absl::InternalError("a send found room");
    latenesses_.Add(began);
    co_return absl::OkStatus();
  }

 private:
  Latenesses& latenesses_;
};

class ReceivesLast final : public Stage {
 public:
  In<uint64_t> in{this, "in"};
  In<uint64_t> over{this, "over"};

  Task<> Work(Context&) override {
    while (auto item = co_await over.Receive()) {
    }
    while (auto item = co_await in.Receive()) {
    }
    co_return in.status();
  }
};

Sample Run(const Params& params) {
  Engine engine({.threads = params.threads});
  Latenesses warm_up(kTimeoutsAtOnce);
  Latenesses latenesses(params.items * kTimeoutsAtOnce);
  const auto run_once = [&engine](Latenesses& into) {
    Graph graph("timeouts");
    for (int i = 0; i < kTimeoutChannels; ++i) {
      auto& sender = graph.Add<GivesUp>(absl::StrCat("gives_up", i), into);
      sender.set_workers(kTimeoutsAtOnce / kTimeoutChannels);
      auto& receiver = graph.Add<ReceivesLast>(absl::StrCat("receives_last", i));
      graph.Connect(sender.out, receiver.in, {.capacity = 1});
      graph.Connect(sender.over, receiver.over);
    }
    return weir::Run(engine, graph).Wait().ok();
  };
  run_once(warm_up);

  bool ok = true;
  const Stopwatch stopwatch;
  for (int64_t i = 0; i < params.items; ++i) {
    const bool completed = run_once(latenesses);
    ok = ok && completed;
  }
  Sample sample = latenesses.Finish(stopwatch.Stop(params.items * kTimeoutsAtOnce));
  sample.ok = sample.ok && ok;
  return sample;
}

}  // namespace

void AddTimeoutsWeir(Suite& suite) {
  suite.implementations.push_back({.workload = "timeouts", .name = "weir", .run = Run});
}

}  // namespace weir::bench
