// An item whose destructor may throw.
#include "weir/weir.h"

struct Item {
  Item() = default;
  Item(Item&&) noexcept = default;
  Item& operator=(Item&&) noexcept = default;
#ifndef WEIR_COMPILE_OK
  ~Item() noexcept(false) {}
#endif
};

void Build(weir::Graph& graph) { graph.Add("merge", weir::Merge<Item>()); }
