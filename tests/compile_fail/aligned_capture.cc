// A blocking call holds what is aligned to a page.
#include "weir/weir.h"

#ifdef WEIR_COMPILE_OK
#define ALIGNMENT 64
#else
#define ALIGNMENT 4096
#endif

struct alignas(ALIGNMENT) Page {
  char bytes[ALIGNMENT] = {};
};

weir::Task<int> First(weir::Context& context, Page page) {
  auto call = context.Blocking([page] { return int{page.bytes[0]}; });
  absl::StatusOr<int> first = co_await call;
  co_return first.value_or(0);
}
