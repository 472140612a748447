// instructions: runs one of weir's chains, with one thread, for instructions.py to count its instructions.
//
//   instructions chain 16 1024 100000     S = 16, capacity 1024, 100,000 items
//
// The clock stands still. Function stages size their batches by it: on a clock that runs, a program that a tool slows down
// takes smaller batches than in life, and other ones each time. Where no time passes they take what they may at most, which
// is what bodies as short as these come to at full speed.

#include <stdio.h>
#include <stdlib.h>

#include <cstring>

#include "tools/bench/bench.h"
#include "tools/bench/chain.h"
#include "tools/bench/weir_chains.h"
#include "weir/core/timer.h"
#include "weir/weir.h"

namespace weir::bench {
namespace {

struct Chain {
  const char* name;
  bool (*run)(Engine& engine, const Params& params, ChainSink& sink);
};

constexpr Chain kChains[] = {
    {"chain", RunChain},
    {"fused_chain", RunFusedChain},
    {"custom", RunCustomItems},
    {"custom_batch", RunCustomBatches},
};

int Main(int argc, char** argv) {
  const Chain* chosen = nullptr;
  for (const Chain& chain : kChains) {
    if (argc == 5 && strcmp(argv[1], chain.name) == 0) chosen = &chain;
  }
  Params params;
  if (chosen != nullptr) {
    params.stages = atoi(argv[2]);
    params.capacity = atoi(argv[3]);
    params.items = atoll(argv[4]);
  }
  if (params.stages < 1 || params.capacity < 1 || params.items < 1) {
    fprintf(stderr,
            "instructions: usage: instructions chain|fused_chain|custom|custom_batch STAGES "
            "CAPACITY ITEMS, "
            "each number at least 1\n");
    return 1;
  }

  internal::ManualClock clock;
  Engine engine({.threads = 1, .clock = &clock});
  ChainSink sink;
  if (!chosen->run(engine, params, sink) || !sink.IsComplete(params.items) || !sink.IsInOrder()) {
    fprintf(stderr, "instructions: %s did not bring its items through\n", chosen->name);
    return 1;
  }
  return 0;
}

}  // namespace
}  // namespace weir::bench

int main(int argc, char** argv) { return weir::bench::Main(argc, argv); }
