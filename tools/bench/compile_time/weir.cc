// What compile_time.sh compiles: a source, a square and a sink, with weir. tbb_flow_graph.cc is the same program.

#include "weir/weir.h"

#include <cstdint>
#include <optional>

int main() {
  uint64_t next = 0;
  uint64_t sum = 0;
  weir::Graph graph("squares");
  weir::From(graph, "source", weir::Generate([&next]() -> std::optional<uint64_t> {
               if (next == 1000) return std::nullopt;
               return next++;
             }))
      .Map("square", [](uint64_t n) { return n * n; })
      .ForEach("sink", [&sum](uint64_t n) { sum += n; });
  weir::Engine engine;
  const weir::Report report = weir::Run(engine, graph).Wait();
  return report.ok() && sum == 332'833'500 ? 0 : 1;
}
