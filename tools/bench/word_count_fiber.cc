// The workload `word_count` on Boost.Fiber: a reading fiber, a buffered_channel, and a counting
// fiber per thread with a map of its own, under the policy that shares ready fibers among the
// threads. Then a merge.

#include <string>
#include <utility>
#include <vector>

#include "boost/fiber/buffered_channel.hpp"
#include "boost/fiber/fiber.hpp"
#include "tools/bench/bench.h"
#include "tools/bench/fiber_pool.h"
#include "tools/bench/word_count.h"
#include "tools/bench/word_count_text.h"
#include "tools/bench/workloads.h"

namespace weir::bench {
namespace {

using Channel = boost::fibers::buffered_channel<std::string>;
using boost::fibers::channel_op_status;

Sample CountWithFibers(const Params& params) {
  const Stopwatch stopwatch;
  Channel chunks(params.capacity);  // a power of two
  std::vector<WordCounts> counts(params.threads);
  std::vector<boost::fibers::fiber> fibers;
  fibers.emplace_back([&] {
    ChunkReader reader(params.input);
    for (std::string chunk; reader.Next(chunk);) chunks.push(std::move(chunk));
    chunks.close();
  });
  for (WordCounts& own : counts) {
    fibers.emplace_back([&] {
      std::string chunk;
      while (chunks.pop(chunk) == channel_op_status::success) CountWords(chunk, own);
    });
  }
  for (boost::fibers::fiber& fiber : fibers) fiber.join();
  WordCounts merged;
  for (WordCounts& own : counts) MergeCounts(std::move(own), merged);
  return FinishWordCount(stopwatch, params, merged);
}

Sample Run(const Params& params) {
  Sample sample;
  RunFibers(FiberPolicy::kSharedWork, params.threads, [&] { sample = CountWithFibers(params); });
  return sample;
}

}  // namespace

void AddWordCountFiber(Suite& suite) {
  suite.implementations.push_back({.workload = "word_count", .name = "boost_fiber", .run = Run});
}

}  // namespace weir::bench
