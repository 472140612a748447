// A Select over a case without a name, which is gone before the Select is awaited.
#include <optional>

#include "weir/weir.h"

class Chooses : public weir::Stage {
 public:
  weir::In<int> in{this, "in"};
  weir::Task<> Work(weir::Context&) override {
    std::optional<int> item;
#ifdef WEIR_COMPILE_OK
    auto receive = in.OnReceive(item);
    auto select = weir::Select(receive);
#else
    auto select = weir::Select(in.OnReceive(item));
#endif
    const weir::Selected selected = co_await select;
    co_return selected.status;
  }
};
