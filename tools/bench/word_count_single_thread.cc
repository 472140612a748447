// The workload `word_count` by a loop on one thread: what a library must beat to be worth its
// while.

#include <string>

#include "tools/bench/bench.h"
#include "tools/bench/word_count.h"
#include "tools/bench/word_count_text.h"
#include "tools/bench/workloads.h"

namespace weir::bench {
namespace {

Sample Run(const Params& params) {
  const Stopwatch stopwatch;
  ChunkReader reader(params.input);
  WordCounts counts;
  for (std::string chunk; reader.Next(chunk);) CountWords(chunk, counts);
  return FinishWordCount(stopwatch, params, counts);
}

}  // namespace

void AddWordCountSingleThread(Suite& suite) {
  suite.implementations.push_back({.workload = "word_count", .name = "single_thread", .run = Run});
}

}  // namespace weir::bench
