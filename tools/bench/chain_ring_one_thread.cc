// The workload `chain` by hand on one thread: a ring per hop, and a loop that lets each stage work
// in turn on all that has come. No cache line ever leaves the core, and nobody waits.

#include <cstddef>
#include <cstdint>
#include <deque>

#include "tools/bench/bench.h"
#include "tools/bench/chain.h"
#include "tools/bench/chain_by_hand.h"
#include "tools/bench/spsc_ring.h"
#include "tools/bench/workloads.h"

namespace weir::bench {
namespace {

Sample RunRings(const Params& params) {
  const uint64_t items = params.items;
  std::deque<SpscRing<OwnPosition>> rings;  // not a vector: a ring stays where it is
  for (int i = 0; i < ChainHops(params); ++i) rings.emplace_back(params.capacity);
  ChainSink sink;
  uint64_t next = 0;
  uint64_t consumed = 0;

  const Stopwatch stopwatch;
  while (consumed < items) {
    Feed(next, items, rings.front());
    for (size_t i = 0; i + 1 < rings.size(); ++i) PassOn(rings[i], rings[i + 1]);
    consumed += Consume(rings.back(), sink);
  }
  return FinishChain(stopwatch, params, sink);
}

Sample Run(const Params& params) {
  RunRings(WithItems(params, kChainWarmUpItems));
  return RunRings(params);
}

}  // namespace

void AddChainRingOneThread(Suite& suite) {
  suite.implementations.push_back(
      {.workload = "chain", .name = "ring_one_thread", .run = Run, .scale = 8});
}

}  // namespace weir::bench
