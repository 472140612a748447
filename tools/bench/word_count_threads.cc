// The workload `word_count` by hand: a thread that reads, a queue with a mutex, and a counting
// thread for each of `threads` with a map of its own. Then a merge. The reader is one thread more
// than the others have; it mostly copies, or waits.

#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "tools/bench/bench.h"
#include "tools/bench/bounded_queue.h"
#include "tools/bench/word_count.h"
#include "tools/bench/word_count_text.h"
#include "tools/bench/workloads.h"

namespace weir::bench {
namespace {

Sample Run(const Params& params) {
  const Stopwatch stopwatch;
  BoundedQueue<std::string> chunks(params.capacity);
  std::vector<WordCounts> counts(params.threads);
  std::vector<std::thread> threads;
  for (WordCounts& own : counts) {
    threads.emplace_back([&] {
      while (auto chunk = chunks.Pop()) CountWords(*chunk, own);
    });
  }
  ChunkReader reader(params.input);
  for (std::string chunk; reader.Next(chunk);) chunks.Push(std::move(chunk));
  chunks.Close();
  for (std::thread& thread : threads) thread.join();
  WordCounts merged;
  for (WordCounts& own : counts) MergeCounts(std::move(own), merged);
  return FinishWordCount(stopwatch, params, merged);
}

}  // namespace

void AddWordCountThreads(Suite& suite) {
  suite.implementations.push_back({.workload = "word_count", .name = "threads", .run = Run});
}

}  // namespace weir::bench
