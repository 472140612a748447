// oneTBB with as many threads as the others get.

#pragma once

#include <cstdint>
#include <functional>

#include "tools/bench/bench.h"

namespace weir::bench {

// Runs `run` in an arena of `params.threads` threads, the calling one among them: once with at most
// `warm_up_items` items, and once to be measured.
Sample RunInArena(const Params& params, int64_t warm_up_items,
                  const std::function<Sample(const Params&)>& run);

}  // namespace weir::bench
