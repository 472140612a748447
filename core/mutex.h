// Mutex: std::mutex with the annotations by which the compiler checks that what a lock guards is touched under it.
// (Abseil's own Mutex is slower, and a debug build in Debian that ThreadSanitizer does not understand.)
#pragma once

#include "absl/base/thread_annotations.h"
#include "weir/core/atomic.h"

namespace weir::internal {

class ABSL_LOCKABLE Mutex : public PlainMutex {
 public:
  void lock() ABSL_EXCLUSIVE_LOCK_FUNCTION() { PlainMutex::lock(); }
  void unlock() ABSL_UNLOCK_FUNCTION() { PlainMutex::unlock(); }
};

class ABSL_SCOPED_LOCKABLE MutexLock {
 public:
  explicit MutexLock(Mutex& mutex) ABSL_EXCLUSIVE_LOCK_FUNCTION(mutex) : mutex_(mutex) {
    mutex_.lock();
  }
  MutexLock(const MutexLock&) = delete;
  MutexLock& operator=(const MutexLock&) = delete;
  ~MutexLock() ABSL_UNLOCK_FUNCTION() { mutex_.unlock(); }

 private:
  Mutex& mutex_;
};

}  // namespace weir::internal
