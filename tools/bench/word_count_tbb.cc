// The workload `word_count` on oneTBB: a serial reader, then counting in parallel into a map per
// thread (enumerable_thread_specific), then a merge. Once as a flow graph, once as a
// parallel_pipeline.

#include <memory>
#include <string>
#include <utility>

#include "oneapi/tbb/enumerable_thread_specific.h"
#include "oneapi/tbb/flow_graph.h"
#include "oneapi/tbb/global_control.h"
#include "oneapi/tbb/parallel_for.h"
#include "oneapi/tbb/parallel_pipeline.h"
#include "oneapi/tbb/task_arena.h"
#include "tools/bench/bench.h"
#include "tools/bench/word_count.h"
#include "tools/bench/word_count_text.h"
#include "tools/bench/workloads.h"

namespace weir::bench {
namespace {

namespace tbb = oneapi::tbb;
using CountsPerThread = tbb::enumerable_thread_specific<WordCounts>;

// What waits for a counter plus what the counters hold: the same chunks as with a channel of
// `capacity` before them.
int ChunksInFlight(const Params& params) { return params.capacity + params.threads; }

// Flow graph messages are copied, so a chunk travels behind a pointer.
void CountByFlowGraph(const Params& params, CountsPerThread& counts) {
  using Chunk = std::shared_ptr<std::string>;
  ChunkReader reader(params.input);
  tbb::flow::graph graph;
  tbb::flow::input_node<Chunk> read(graph, [&](tbb::flow_control& control) -> Chunk {
    auto chunk = std::make_shared<std::string>();
    if (!reader.Next(*chunk)) control.stop();
    return chunk;
  });
  tbb::flow::limiter_node<Chunk> limiter(graph, ChunksInFlight(params));
  tbb::flow::function_node<Chunk, tbb::flow::continue_msg> count(
      graph, params.threads, [&](const Chunk& chunk) {
        CountWords(*chunk, counts.local());
        return tbb::flow::continue_msg();
      });
  tbb::flow::make_edge(read, limiter);
  tbb::flow::make_edge(limiter, count);
  tbb::flow::make_edge(count, limiter.decrementer());
  read.activate();
  graph.wait_for_all();
}

void CountByPipeline(const Params& params, CountsPerThread& counts) {
  ChunkReader reader(params.input);
  tbb::parallel_pipeline(
      ChunksInFlight(params),
      tbb::make_filter<void, std::string>(tbb::filter_mode::serial_in_order,
                                          [&](tbb::flow_control& control) {
                                            std::string chunk;
                                            if (!reader.Next(chunk)) control.stop();
                                            return chunk;
                                          }) &
          tbb::make_filter<std::string, void>(tbb::filter_mode::parallel, [&](std::string chunk) {
            CountWords(chunk, counts.local());
          }));
}

template <void (*count)(const Params&, CountsPerThread&)>
Sample Run(const Params& params) {
  tbb::global_control control(tbb::global_control::max_allowed_parallelism, params.threads);
  tbb::task_arena arena(params.threads);
  return arena.execute([&] {
    tbb::parallel_for(0, 1000, [](int) {});  // starts the workers

    const Stopwatch stopwatch;
    CountsPerThread per_thread;
    count(params, per_thread);
    WordCounts merged;
    for (WordCounts& counts : per_thread) MergeCounts(std::move(counts), merged);
    return FinishWordCount(stopwatch, params, merged);
  });
}

}  // namespace

void AddWordCountTbb(Suite& suite) {
  suite.implementations.push_back(
      {.workload = "word_count", .name = "tbb_flow_graph", .run = Run<CountByFlowGraph>});
  suite.implementations.push_back(
      {.workload = "word_count", .name = "tbb_parallel_pipeline", .run = Run<CountByPipeline>});
}

}  // namespace weir::bench
