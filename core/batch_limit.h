// BatchLimit: how many items of the batch in hand the thread may still begin. A stage's body is called for one item after the other, in
// a loop that nothing else enters; so that slow items do not hold up a cancellation, the outputs before them, or idle workers, the
// engine ends a batch between two of its items: `Stop`. The loop reads the limit before each item, or before every few where there are
// many (kUnchecked, weir/stages/function_stage.h): items that have been quick so far are processed some at a time.
//
// The engine stops the batches of jobs and blocking calls that have run for some milliseconds (Pool::Watch, BlockingPool::Watch).
#pragma once

#include <cstddef>

namespace weir::internal {

class BatchLimit {
 public:
  constexpr BatchLimit() = default;
  BatchLimit(const BatchLimit&) = delete;
  BatchLimit& operator=(const BatchLimit&) = delete;

  // The calling thread's. Not to be called in a coroutine, which may change threads.
  static BatchLimit& OfThisThread() { return of_this_thread; }

  // A volatile read where others write atomically: a word of memory, read each time. A relaxed load would do the same, but clang keeps no
  // variable of the user's loop in a register across one, which doubles what a short body costs. ThreadSanitizer needs the atomic.
  size_t most() const {
#if defined(__has_feature)
#if __has_feature(thread_sanitizer)
    return __atomic_load_n(&most_, __ATOMIC_RELAXED);
#endif
#endif
    return most_;
  }
  // Whether the last batch that the calling thread has left was stopped.
  bool last_was_stopped() const { return last_was_stopped_; }
  // Ends the thread's batch after the item in hand, or the few that are processed with it; where there is no batch, nothing. Any thread, while that one lives.
  void Stop() { __atomic_store_n(&most_, size_t{0}, __ATOMIC_RELAXED); }

  // A batch of `count` items on the calling thread. A body may run others inside of its own, of another engine say: the limit is its own
  // again afterwards; a Stop in between concerns the inner one.
  class Batch {
   public:
    explicit Batch(size_t count) : limit_(OfThisThread()), outer_(limit_.most()) { Set(count); }
    Batch(const Batch&) = delete;
    Batch& operator=(const Batch&) = delete;
    ~Batch() {
      limit_.last_was_stopped_ = limit_.most() == 0;
      Set(outer_);
    }

   private:
    void Set(size_t most) { __atomic_store_n(&limit_.most_, most, __ATOMIC_RELAXED); }
    BatchLimit& limit_;
    const size_t outer_;
  };

 private:
  static thread_local constinit BatchLimit of_this_thread;

  volatile size_t most_ = 0;       // written atomically
  bool last_was_stopped_ = false;  // by the thread itself
};

inline thread_local constinit BatchLimit BatchLimit::of_this_thread;

}  // namespace weir::internal
