// A helper coroutine's result is aligned to a page.
#include "weir/weir.h"

#ifdef WEIR_COMPILE_OK
#define ALIGNMENT 64
#else
#define ALIGNMENT 4096
#endif

struct alignas(ALIGNMENT) Page {
  char bytes[ALIGNMENT] = {};
};

weir::Task<Page> Make() { co_return Page(); }
