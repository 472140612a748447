// Pool: the executor on real threads. Ready jobs stand in weir's own queues, one for each worker; drain tasks, at most one for
// each worker, run in a oneTBB arena, take jobs until there are none, and return to oneTBB. So posting is a link under a lock
// that is seldom contended, oneTBB is touched only to start a drain, and idle threads help the `parallel_for` of whoever needs
// them.
//
// Where a job runs. A job that is posted by a job stands in the same worker's queue: what it is to work on is warm there. One
// that comes from outside goes where it ran last. Whole jobs move to another worker only when that pays: waking a sleeping
// thread costs 35 to 60 us, and every cache line that changes cores 0.2 us, against 0.1 us for a short job. So
//   - a further worker is started, and takes half of another's jobs, when as much work stands there as is worth a wake-up:
//     the number of jobs times their recent mean duration;
//   - `Watch`, called every few milliseconds, gives a worker to jobs that were left standing behind a long one.
#pragma once

#include <atomic>
#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <memory>

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
  // Moves the first `count` jobs to the end of `other`.
  void MoveFront(size_t count, JobQueue& other);
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
  // Whether no thread has anything to do.
  bool Idle() const { return drains_.load(std::memory_order_relaxed) == 0; }
  // Whether the calling thread runs a job of this pool.
  bool OnOwnThread() const;

 private:
  // A queue, and the drain that empties it, if there is one.
  struct alignas(64) Worker {
    Pool* pool = nullptr;
    uint16_t index = 0;
    SpinMutex mutex;
    JobQueue queue ABSL_GUARDED_BY(mutex);
    bool draining ABSL_GUARDED_BY(mutex) = false;  // a drain is running or has been asked for

    // Written by the drain, or with the lock; read by those who look for work. They order nothing.
    std::atomic<size_t> queued{0};
    std::atomic<bool> running{false};  // the drain has a thread
    std::atomic<bool> stalled{false};  // jobs stand behind a long one
    std::atomic<uint32_t> mean_ns{kMeasureAllNs};
    std::atomic<uint64_t> jobs{0};
    uint64_t jobs_seen = 0;  // by the watch
  };

  // As much queued work as is worth a further worker.
  static constexpr uint64_t kWorthAWakeNs = 40'000;
  // Jobs that are longer than this are measured one by one, shorter ones many at a time: a clock read takes 30 ns.
  static constexpr uint32_t kMeasureAllNs = 2'000;
  static constexpr uint32_t kMeasuredTogether = 32;

  static void DrainEntry(void* worker);
  void Drain(Worker& worker);
  Job* Next(Worker& worker);
  // Takes half of what stands at another worker, if that pays. False: nothing was worth it.
  bool Steal(Worker& worker);
  bool WorthStealing(const Worker& worker) const;
  void Push(Worker& worker, Job& job);
  // Starts the drain of a worker that has none; false if all have one.
  bool StartAnother();

  const int threads_;
  TbbArena arena_;
  const std::unique_ptr<Worker[]> workers_;
  std::atomic<int> drains_{0};  // written with mutex_; read by who would start another

  // Jobs stand behind a long one, or where a drain was asked for and has no thread yet, and all workers are busy: who has done
  // some of its own takes them.
  std::atomic<bool> left_standing_{false};

  Mutex mutex_;
  std::condition_variable idle_;
};

}  // namespace weir::internal
