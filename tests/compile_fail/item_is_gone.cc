// An operation outlives the item that it is to send.
#include <string>

#include "weir/weir.h"

class Send : public weir::Stage {
 public:
  weir::Out<std::string> out{this, "out"};
  weir::Task<> Work(weir::Context&) override {
    absl::Status sent = co_await out.Send(std::string("lives until it has been sent"));
#ifndef WEIR_COMPILE_OK
    auto send = out.Send(std::string("gone before it is sent"));
    sent = co_await send;
#endif
    co_return sent;
  }
};
