#include "weir/core/mutex.h"

#include <sched.h>
#include <time.h>

namespace weir::internal {

void SpinMutex::LockTaken() {
  constexpr int kLooks = 100, kYields = 20;
  constexpr timespec kMoment = {.tv_sec = 0, .tv_nsec = 50'000};
  for (int tries = 0;; ++tries) {
    if (!taken_.load(std::memory_order_relaxed) &&
        !taken_.exchange(true, std::memory_order_acquire)) {
      return;
    }
    if (tries < kLooks) {
#if defined(__x86_64__)
      __builtin_ia32_pause();
#endif
    } else if (tries < kLooks + kYields) {
      sched_yield();
    } else {
      nanosleep(&kMoment, nullptr);
    }
  }
}

}  // namespace weir::internal
