// Boost.Fiber's users choose a scheduling algorithm, so each of the three that it ships is
// measured: `round_robin` keeps all fibers on one thread (which no cache line leaves), the other
// two share them among `threads`.

#pragma once

#include <cstddef>
#include <cstdint>
#include <string>

#include "tools/bench/bench.h"

namespace weir::bench {

// The stack of a fiber where there are thousands of them; Boost's default is 128 KiB.
inline constexpr size_t kFiberStackBytes = 16 * 1024;

// Adds `run` as an implementation of `workload` once for each algorithm. It is called where fibers
// may be launched, first with at most `warm_up_items` items and then to be measured, and must join
// its fibers.
void AddFiberPolicies(Suite& suite, const std::string& workload, int64_t warm_up_items,
                      Sample (*run)(const Params&), int64_t scale = 1);

}  // namespace weir::bench
