// Mutex: std::mutex with the annotations by which the compiler checks that what a lock guards is touched under it.
// (Abseil's own Mutex is slower, and a debug build in Debian that ThreadSanitizer does not understand.)
//
// SpinMutex: the same for sections of a few dozen instructions that are seldom contended: those of channels and of the pool's
// queues, some of which are entered for every batch. It is let go by a store, where std::mutex takes a second atomic exchange:
// half of the cost. Who finds it taken looks again a few times, then gives its core away, then sleeps for a moment: its holder
// may have lost its own core. It is not for condition variables.
#pragma once

#include "absl/base/thread_annotations.h"
#include "weir/core/atomic.h"

namespace weir::internal {

class ABSL_LOCKABLE Mutex : public PlainMutex {
 public:
  void lock() ABSL_EXCLUSIVE_LOCK_FUNCTION() { PlainMutex::lock(); }
  void unlock() ABSL_UNLOCK_FUNCTION() { PlainMutex::unlock(); }
};

#ifdef WEIR_INTERLEAVING
using SpinMutex = Mutex;
#else
class ABSL_LOCKABLE SpinMutex {
 public:
  void lock() ABSL_EXCLUSIVE_LOCK_FUNCTION() {
    if (taken_.exchange(true, std::memory_order_acquire)) [[unlikely]]
      LockTaken();
  }
  void unlock() ABSL_UNLOCK_FUNCTION() { taken_.store(false, std::memory_order_release); }

 private:
  void LockTaken();

  std::atomic<bool> taken_{false};
};
#endif

// Holds a Mutex or a SpinMutex for a scope.
template <class M>
class ABSL_SCOPED_LOCKABLE MutexLock {
 public:
  explicit MutexLock(M& mutex) ABSL_EXCLUSIVE_LOCK_FUNCTION(mutex) : mutex_(mutex) {
    mutex_.lock();
  }
  MutexLock(const MutexLock&) = delete;
  MutexLock& operator=(const MutexLock&) = delete;
  ~MutexLock() ABSL_UNLOCK_FUNCTION() { mutex_.unlock(); }

 private:
  M& mutex_;
};

}  // namespace weir::internal
