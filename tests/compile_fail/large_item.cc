// Items of a megabyte by value.
#include <array>

#include "weir/weir.h"

#ifdef WEIR_COMPILE_OK
using Picture = std::array<char, 64 * 1024>;
#else
using Picture = std::array<char, 64 * 1024 + 1>;
#endif

void Build(weir::Graph& graph) { graph.Add("merge", weir::Merge<Picture>()); }
