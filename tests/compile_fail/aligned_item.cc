// Items that are aligned to a page.
#include "weir/weir.h"

#ifdef WEIR_COMPILE_OK
#define ALIGNMENT 64
#else
#define ALIGNMENT 4096
#endif

struct alignas(ALIGNMENT) Page {
  char bytes[ALIGNMENT];
};

void Build(weir::Graph& graph) { graph.Add("merge", weir::Merge<Page>()); }
