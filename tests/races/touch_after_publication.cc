// A planted race: an operation touches itself after it has published its Work, which another thread may be running by then.
#include <string>

#include "absl/strings/str_cat.h"
#include "weir/core/work.h"
#include "weir/weir.h"

namespace {

class TouchAfterPublication final : public weir::internal::Operation {
 public:
  TouchAfterPublication() = default;
  bool await_ready() { return false; }
  void await_suspend(std::coroutine_handle<> frame) {
    work_->Yield(frame);
    touched_ = 1;
  }
  int await_resume() { return touched_; }

 private:
  int touched_ = 0;
};

class Touch final : public weir::Stage {
 public:
  weir::Task<> Work(weir::Context&) override {
    int sum = 0;
    for (int i = 0; i < 20'000; ++i) {
      TouchAfterPublication touch;
      int touched = co_await touch;
      sum += touched;
    }
    co_return sum >= 0 ? absl::OkStatus() : absl::InternalError("");
  }
};

}  // namespace

int main() {
  weir::Graph graph("touch_after_publication");
  for (int i = 0; i < 8; ++i) graph.Add<Touch>(absl::StrCat("touch", i));
  weir::Engine engine({.threads = 4});
  return weir::Run(engine, graph).Wait().ok() ? 0 : 1;
}
