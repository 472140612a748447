// Pool: the executor on real threads. Ready jobs stand in weir's own queue; drain tasks, at most N at a time, run in a
// oneTBB arena, take jobs until there are none, and return to oneTBB. So posting is a link and a lock, oneTBB is touched
// only to start a drain, and idle threads help the `parallel_for` of whoever needs them.
//
// A second drain is not started for a single job that the running drain is about to take: waking a sleeping thread costs
// more than most jobs. `Watch`, called every few milliseconds, starts one for a job that was left standing behind a long one.
#pragma once

#include <condition_variable>
#include <cstddef>

#include "absl/base/thread_annotations.h"
#include "weir/core/executor.h"
#include "weir/core/mutex.h"
#include "weir/core/tbb_arena.h"

namespace weir::internal {

// First in, first out; intrusive. Not thread-safe.
class JobQueue {
 public:
  void PushBack(Job& job);
  Job* PopFront();
  bool empty() const { return first_ == nullptr; }
  size_t size() const { return size_; }

 private:
  Job* first_ = nullptr;
  Job* last_ = nullptr;
  size_t size_ = 0;
};

class Pool final : public Executor {
 public:
  explicit Pool(int threads);
  ~Pool() override;  // waits for the drains to end; no job may be posted any more

  void Post(Job& job) override;
  void Watch();
  int width() const { return arena_.width(); }
  // Whether the calling thread runs a job of this pool.
  bool OnOwnThread() const;

 private:
  static void DrainEntry(void* pool);
  void Drain();

  const int threads_;
  TbbArena arena_;
  mutable Mutex mutex_;
  std::condition_variable idle_;
  JobQueue queue_ ABSL_GUARDED_BY(mutex_);
  int drains_ ABSL_GUARDED_BY(mutex_) = 0;
};

}  // namespace weir::internal
