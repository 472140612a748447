// What compile_time.sh compiles: a source, a square and a sink, with oneTBB's flow graph. weir.cc is the same program.

#include <oneapi/tbb/flow_graph.h>

#include <cstdint>

int main() {
  namespace flow = oneapi::tbb::flow;
  uint64_t next = 0;
  uint64_t sum = 0;
  flow::graph graph;
  flow::input_node<uint64_t> source(graph, [&next](oneapi::tbb::flow_control& control) -> uint64_t {
    if (next == 1000) {
      control.stop();
      return 0;
    }
    return next++;
  });
  flow::function_node<uint64_t, uint64_t> square(graph, 1, [](uint64_t n) { return n * n; });
  flow::function_node<uint64_t> sink(graph, 1, [&sum](uint64_t n) { sum += n; });
  flow::make_edge(source, square);
  flow::make_edge(square, sink);
  source.activate();
  graph.wait_for_all();
  return sum == 332'833'500 ? 0 : 1;
}
