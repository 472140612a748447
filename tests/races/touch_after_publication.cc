// A planted race: an operation touches itself after it has published its Work, which another thread is running by then. The two
// threads wait for each other by atomic operations that order nothing: by chance, that would seldom happen.
#include <atomic>

#include "weir/core/work.h"
#include "weir/weir.h"

namespace {

std::atomic<bool> resumed{false}, touched{false};

class TouchAfterPublication final : public weir::internal::Operation {
 public:
  TouchAfterPublication() = default;
  bool await_ready() { return false; }
  void await_suspend(std::coroutine_handle<> frame) {
    work_->Yield(frame);
    while (!resumed.load(std::memory_order_relaxed)) {
    }
    touched_ = 1;
    touched.store(true, std::memory_order_relaxed);
  }
  int await_resume() {
    const int seen = touched_;
    resumed.store(true, std::memory_order_relaxed);
    while (!touched.load(std::memory_order_relaxed)) {
    }
    return seen;
  }

 private:
  int touched_ = 0;
};

class Touch final : public weir::Stage {
 public:
  weir::Task<> Work(weir::Context&) override {
    TouchAfterPublication touch;
    int seen = co_await touch;
    co_return seen == 0 ? absl::OkStatus() : absl::InternalError("");
  }
};

}  // namespace

int main() {
  weir::Graph graph("touch_after_publication");
  graph.Add<Touch>("touch");
  weir::Engine engine({.threads = 2});
  return weir::Run(engine, graph).Wait().ok() ? 0 : 1;
}
