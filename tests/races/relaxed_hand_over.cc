// A planted race: one stage hands data to another through a flag that orders nothing.
#include <atomic>

#include "weir/weir.h"

namespace {

int data = 0;
std::atomic<bool> ready{false};

class Give final : public weir::Stage {
 public:
  weir::Task<> Work(weir::Context&) override {
    data = 42;
    ready.store(true, std::memory_order_relaxed);
    co_return absl::OkStatus();
  }
};

class Get final : public weir::Stage {
 public:
  weir::Task<> Work(weir::Context&) override {
    while (!ready.load(std::memory_order_relaxed)) {
    }
    co_return data == 42 ? absl::OkStatus() : absl::DataLossError("too early");
  }
};

}  // namespace

int main() {
  weir::Graph graph("relaxed_hand_over");
  graph.Add<Get>("get");  // first, so that it spins on a thread of its own when the data comes
  graph.Add<Give>("give");
  weir::Engine engine({.threads = 2});
  return weir::Run(engine, graph).Wait().ok() ? 0 : 1;
}
