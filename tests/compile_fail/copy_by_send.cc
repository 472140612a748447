// An item that its sender may not change is sent: that would have to copy it.
#include <memory>

#include "weir/weir.h"

class Send : public weir::Stage {
 public:
  weir::Out<std::unique_ptr<int>> out{this, "out"};
  weir::Task<> Work(weir::Context&) override {
    std::unique_ptr<int> mine = std::make_unique<int>(1);
    absl::Status sent = co_await out.Send(mine);
#ifndef WEIR_COMPILE_OK
    const std::unique_ptr<int> fixed = std::make_unique<int>(2);
    sent = co_await out.Send(fixed);
#endif
    co_return sent;
  }
};
