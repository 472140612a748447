// Boost.Fiber on several threads, as its documentation's examples set it up: the calling thread and
// its helpers share fibers through a scheduling algorithm, until the pool ends.

#pragma once

#include <functional>

namespace weir::bench {

enum class FiberPolicy {
  kRoundRobin,    // each thread runs its own fibers
  kSharedWork,    // one queue of ready fibers for all threads
  kWorkStealing,  // a queue each; an idle thread steals
};

// Runs `body` on the calling thread, with `threads` threads in all running the fibers that it
// launches; returns when it has. `body` must join its fibers. At most once in a process: Boost's
// work stealing registers its threads in statics.
void RunFibers(FiberPolicy policy, int threads, const std::function<void()>& body);

}  // namespace weir::bench
