// The workload `custom` on weir, in batches: a stage takes all that is there, and sends it on at
// once.

#include <cstddef>
#include <cstdint>
#include <vector>

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
    constexpr size_t kAtOnce = 64;
    std::vector<uint64_t> batch;
    for (int64_t i = 0; i < items_;) {
      while (batch.size() < kAtOnce && i < items_) batch.push_back(i++);
      absl::Status sent = co_await out.SendBatch(batch);
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
    Lease<uint64_t> lease;
    std::vector<uint64_t> batch;
    while (true) {
      const bool more = co_await in.ReceiveBatch(lease);
      if (!more) co_return in.status();
      for (uint64_t item : lease.TakeAll()) batch.push_back(item);
      absl::Status sent = co_await out.SendBatch(batch);
      if (!sent.ok()) co_return sent;
    }
  }
};

class Fold final : public Stage {
 public:
  In<uint64_t> in{this, "in"};

  explicit Fold(ChainSink& sink) : sink_(sink) {}

  Task<> Work(Context&) override {
    Lease<uint64_t> lease;
    while (true) {
      const bool more = co_await in.ReceiveBatch(lease);
      if (!more) co_return in.status();
      for (uint64_t item : lease.TakeAll()) sink_.Consume(item);
    }
  }

 private:
  ChainSink& sink_;
};

}  // namespace

bool RunCustomBatches(Engine& engine, const Params& params, ChainSink& sink) {
  return RunCustomGraph<Numbers, Pass, Fold>(engine, params, sink);
}

void AddCustomWeirBatch(Suite& suite) {
  suite.implementations.push_back({.workload = "custom",
                                   .name = "weir_batch",
                                   .run = RunCustom<Numbers, Pass, Fold>,
                                   .scale = 8});
}

}  // namespace weir::bench
