// A move-only item is broadcast.
#include <memory>

#include "weir/weir.h"

void Build(weir::Graph& graph) {
  graph.Add("merge", weir::Merge<std::unique_ptr<int>>());
#ifndef WEIR_COMPILE_OK
  graph.Add("broadcast", weir::Broadcast<std::unique_ptr<int>>(2));
#endif
}
