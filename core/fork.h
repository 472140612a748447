// Forks: a child process has a copy of its parent's engines, and none of their threads.
#pragma once

#include <cstdint>

namespace weir::internal {

// How often this process, or one that it comes from, was forked since the first call: another number in a child than in its
// parent. A load, after the first call.
uint32_t ForkGeneration();

}  // namespace weir::internal
