// A planted race: two workers of a stage write what they share, without a lock. They meet before and after, by atomic operations
// that order nothing, so that no lock of the engine's stands between the two writes by chance. And they write one after the other:
// ThreadSanitizer misses two writes that come within the same moment.
#include <atomic>
#include <ranges>

#include "weir/weir.h"

namespace {

class Count final : public weir::Stage {
 public:
  weir::In<int> in{this, "in"};
  int count = 0;

  weir::Task<> Work(weir::Context&) override {
    const int place = Meet(before_);
    while (turn_.load(std::memory_order_relaxed) != place) {
    }
    ++count;
    turn_.store(place + 1, std::memory_order_relaxed);
    Meet(after_);
    while (auto item = co_await in.Receive()) {
    }
    co_return in.status();
  }

 private:
  // How many had arrived before.
  static int Meet(std::atomic<int>& arrived) {
    const int place = arrived.fetch_add(1, std::memory_order_relaxed);
    while (arrived.load(std::memory_order_relaxed) < 2) {
    }
    return place;
  }

  std::atomic<int> before_{0}, turn_{0}, after_{0};
};

}  // namespace

int main() {
  weir::Graph graph("missing_lock");
  auto& count = graph.Add<Count>("count");
  count.set_workers(2);
  weir::From(graph, "numbers", weir::FromRange(std::views::iota(0, 100))).To(count.in);
  weir::Engine engine({.threads = 3});
  return weir::Run(engine, graph).Wait().ok() ? 0 : 1;
}
