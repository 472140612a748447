// An item whose move may throw.
#include "weir/weir.h"

#ifdef WEIR_COMPILE_OK
#define MAY_THROW false
#else
#define MAY_THROW true
#endif

struct Item {
  Item() = default;
  Item(Item&&) noexcept(!MAY_THROW) {}
  Item& operator=(Item&&) noexcept { return *this; }
};

void Build(weir::Graph& graph) { graph.Add("merge", weir::Merge<Item>()); }
