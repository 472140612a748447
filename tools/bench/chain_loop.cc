// The workload `chain` as one loop, without any hop: nothing that keeps stages apart can be faster.

#include <cstdint>

#include "tools/bench/bench.h"
#include "tools/bench/chain.h"
#include "tools/bench/chain_by_hand.h"
#include "tools/bench/workloads.h"

namespace weir::bench {
namespace {

Sample Run(const Params& params) {
  ChainSink sink;
  const Stopwatch stopwatch;
  for (int64_t number = 0; number < params.items; ++number) {
    uint64_t item = number;
    for (int stage = 0; stage < params.stages; ++stage) item = Body(item);
    sink.Consume(item);
  }
  return FinishChain(stopwatch, params, sink);
}

}  // namespace

void AddChainLoop(Suite& suite) {
  suite.implementations.push_back({.workload = "chain", .name = "loop", .run = Run, .scale = 64});
}

}  // namespace weir::bench
