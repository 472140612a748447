// BatchLimit: how many items of the batch in hand the thread may still begin. A stage's body is called for one item after the other, in a
// loop that nothing else enters; so that a slow item does not hold up a cancellation, the outputs before it, or idle workers, the engine
// ends a batch between two of its items: `Stop`. The loop reads the limit where it would read its count, and pays nothing for it.
//
// The engine stops the batches of jobs and blocking calls that have run for some milliseconds (Pool::Watch, BlockingPool::Watch).
#pragma once

#include <atomic>
#include <cstddef>

namespace weir::internal {

class BatchLimit {
 public:
  constexpr BatchLimit() = default;
  BatchLimit(const BatchLimit&) = delete;
  BatchLimit& operator=(const BatchLimit&) = delete;

  // The calling thread's. Not to be called in a coroutine, which may change threads.
  static BatchLimit& OfThisThread() { return of_this_thread; }

  size_t most() const { return most_.load(std::memory_order_relaxed); }
  // Whether the last batch that the calling thread has left was stopped.
  bool last_was_stopped() const { return last_was_stopped_; }
  // Ends the thread's batch after the item in hand; where there is no batch, nothing. Any thread, while that one lives.
  void Stop() { most_.store(0, std::memory_order_relaxed); }

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
    void Set(size_t most) { limit_.most_.store(most, std::memory_order_relaxed); }
    BatchLimit& limit_;
    const size_t outer_;
  };

 private:
  static thread_local constinit BatchLimit of_this_thread;

  std::atomic<size_t> most_{0};
  bool last_was_stopped_ = false;  // by the thread itself
};

inline thread_local constinit BatchLimit BatchLimit::of_this_thread;

}  // namespace weir::internal
