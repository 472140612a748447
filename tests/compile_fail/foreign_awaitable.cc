// A Work awaits an awaitable of another library directly, so that the engine does not know of the wait.
#include <coroutine>

#include "weir/weir.h"

struct Foreign {
  Foreign() = default;
  bool await_ready() { return true; }
  void await_suspend(std::coroutine_handle<>) {}
  void await_resume() {}
};

class Wait : public weir::Stage {
 public:
  weir::Task<> Work(weir::Context& context) override {
    Foreign foreign;
    co_await context.External(foreign);
#ifndef WEIR_COMPILE_OK
    co_await foreign;
#endif
    co_return absl::OkStatus();
  }
};
