// The peer that is not C++: go/chan.go, whose source this program carries in it, so that a copy of
// it needs no checkout. It is built with the machine's own Go, once in a run of the benchmark, and
// runs as a process of its own for each sample.

#pragma once

#include <cstdint>

#include "tools/bench/bench.h"

namespace weir::bench {

// True if the program is built. Builds it when it is called first, without a network and without
// the user's Go settings and caches; leaves no file behind. False if that is not possible here, after
// one sentence on standard error that says why. Requires that the process has only this thread.
bool HasGoProgram();

// What the program has measured and seen, as go/chan.go prints it.
struct GoResult {
  int64_t wall_ns = 0;
  int64_t cpu_ns = 0;
  uint64_t checksum = 0;
  uint64_t overtaken = 0;
};

// Runs the program. Requires HasGoProgram(), asked in this process or in the one it was forked from.
// Throws std::runtime_error if the program fails.
GoResult RunGoProgram(const Params& params, int64_t warm_up_items);

}  // namespace weir::bench
