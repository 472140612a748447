// The workload `custom` on weir, item by item: each item is awaited twice a hop.

#include <cstdint>

#include "tools/bench/bench.h"
#include "tools/bench/chain.h"
#include "tools/bench/custom_graph.h"
#include "tools/bench/weir_chains.h"
#include "tools/bench/workloads.h"
#include "weir/weir.h"

namespace weir::bench {
namespace {

class Numbers final : public Stage {
 public:
  Out<uint64_t> out{this, "out"};

  explicit Numbers(int64_t items) : items_(items) {}

  Task<> Work(Context&) override {
    for (int64_t i = 0; i < items_; ++i) {
      uint64_t item = i;
      absl::Status sent = co_await out.Send(item);
      if (!sent.ok()) co_return sent;
    }
    co_return absl::OkStatus();
  }

 private:
  const int64_t items_;
};

class Pass final : public Stage {
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

class Fold final : public Stage {
 public:
  In<uint64_t> in{this, "in"};

  explicit Fold(ChainSink& sink) : sink_(sink) {}

  Task<> Work(Context&) override {
    while (auto item = co_await in.Receive()) sink_.Consume(*item);
    co_return in.status();
  }

 private:
  ChainSink& sink_;
};

}  // namespace

bool RunCustomItems(Engine& engine, const Params& params, ChainSink& sink) {
  return RunCustomGraph<Numbers, Pass, Fold>(engine, params, sink);
}

void AddCustomWeir(Suite& suite) {
  suite.implementations.push_back(
      {.workload = "custom", .name = "weir", .run = RunCustom<Numbers, Pass, Fold>, .scale = 2});
}

}  // namespace weir::bench
