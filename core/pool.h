// Pool: the executor on real threads. Ready jobs stand in weir's own queues, one for each worker; drain tasks, at most one for
// each worker, run in a oneTBB arena, take jobs until there are none, and return to oneTBB. So posting is a link under a lock
// that is seldom contended, oneTBB is touched only to start a drain, and idle threads help the `parallel_for` of whoever needs
// them.
//
// Where a job runs. A job that is posted by a job stands in the same worker's queue: what it is to work on is warm there. One
// that comes from outside goes where it ran last. Whole jobs move to another worker only when that pays: waking a sleeping
// thread costs the one who wakes 6 to 30 us and comes 40 to 70 us later, and every cache line that changes cores 0.2 us, against
// 0.1 us for a short job. So
//   - a further worker is started, and takes half of another's jobs, when as much work as is worth a wake-up would then be done
//     at the same time as the rest. Of a long job and the short one that it wakes only the short one's time is won;
//   - it is also started once the work that could have been done at the same time, and was not, adds up to more than that;
//   - until it has come, the job at the front of the queue is kept for it;
//   - a worker that is awake and has nothing to do takes half of what stands after a job of a few microseconds, and is given the
//     long jobs that it ran last;
//   - `Watch`, called every few milliseconds, gives a worker to jobs that were left standing behind a long one.
//
// oneTBB may let an enqueued drain wait for seconds while another arena is busy, and has no thread for it where the system gives
// none (then the pool does without it from the beginning). So `Watch` gives a drain that has no thread after ten milliseconds a
// thread of the pool's own, or runs some of the jobs itself. A drain that oneTBB begins after that finds its door closed.
//
// A worker without jobs looks out for some for 20 us, if it has had jobs for as long, then sleeps until it is woken, and returns its
// thread to oneTBB after a millisecond. (An idle thread of oneTBB spins.)
#pragma once

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <thread>

#include "absl/base/thread_annotations.h"
#include "weir/core/batch_limit.h"
#include "weir/core/executor.h"
#include "weir/core/job_queue.h"
#include "weir/core/mutex.h"
#include "weir/core/tbb_arena.h"

namespace weir::internal {

class Pool final : public Executor {
 public:
  explicit Pool(int threads);
  // Waits for the drains to end, and for other threads to leave Post: the job that such a thread posts may have run, and ended
  // all that there was to do, before its Post returns. No other job may be posted any more.
  ~Pool() override;

  void Post(Job& job) override;
  void Watch();
  int width() const { return arena_->width(); }
  // How many jobs have been run. Whatever Works do, they do in jobs.
  uint64_t JobsRun() const;
  // Whether no thread has anything to do.
  bool Idle() const { return working_.load(std::memory_order_relaxed) == 0; }
  // Whether the calling thread runs a job of this pool.
  bool OnOwnThread() const;

 private:
  // Where a worker sleeps. What happens to it is decided with the worker's lock; here a wake-up is waited for.
  class Bed {
   public:
    // False: not woken for so long.
    bool SleepFor(std::chrono::nanoseconds duration);
    void SleepUntilWoken();
    void Wake();

   private:
    Mutex mutex_;
    std::condition_variable wake_;
    bool woken_ = false;
  };

  struct Door;  // pool.cc, as what follows
  class LateArenas;

  // A queue, and the drain that empties it, if there is one.
  struct alignas(64) Worker {
    Pool* pool = nullptr;
    uint16_t index = 0;
    SpinMutex mutex;
    JobQueue queue ABSL_GUARDED_BY(mutex);
    // What the job that runs is expected to take.
    uint32_t running_ns ABSL_GUARDED_BY(mutex) = 0;
    // How many more jobs are taken from behind the first, which is kept for a worker that is on its way.
    int kept_front ABSL_GUARDED_BY(mutex) = 0;
    bool draining ABSL_GUARDED_BY(mutex) = false;  // a drain is running or has been asked for
    bool asleep ABSL_GUARDED_BY(mutex) = false;    // the drain is, and nobody has woken it yet

    // Written with the lock; read by those who look for work. They order nothing.
    std::atomic<size_t> queued{0};
    std::atomic<bool> awaits_thread{false};  // the drain that was asked for has no thread yet
    std::atomic<uint64_t> overlap_ns{0};  // what is won if another worker takes half of the queue
    std::atomic<bool> worth_taking{
        false};  // something is won if one that is awake takes half of it
    // Written by the drain, and they order nothing either.
    std::atomic<bool> running{false};      // the drain has a thread, which is not asleep
    std::atomic<bool> stalled{false};      // jobs stand behind a long one
    std::atomic<bool> looking_out{false};  // for jobs, awake
    BatchLimit* limit ABSL_GUARDED_BY(mutex) = nullptr;  // of the drain's thread
    std::atomic<uint32_t> mean_ns{kMeasureAllNs};
    std::atomic<uint64_t> jobs{0};
    // By the watch, which alone gives it a thread of the pool's own.
    uint64_t jobs_seen = 0;
    int64_t awaited_since_ns = 0;  // 0: its drain has a thread, or none is wanted
    std::thread stand_in;

    // The drain's, and of the job that it runs.
    const Job* current = nullptr;
    RunTimes run_times;
    bool is_nested = false;    // the drain runs inside of another's job
    bool is_stand_in = false;  // it runs on a thread of the pool's own
    // What would have been done at the same time, had another worker been awake, since it last woke one.
    uint64_t missed_ns = 0;
    Bed bed;
    Door* door = nullptr;
  };

  // As much work done at the same time is worth a further worker.
  static constexpr uint64_t kWorthAWakeNs = 20'000;
  // A worker that is on its way has come by the time that its elder has run so many jobs, if it comes soon.
  static constexpr int kKeptFront = 2;
  // Jobs that are longer than this are measured one by one, shorter ones many at a time: a clock read takes 30 ns.
  static constexpr uint32_t kMeasureAllNs = 2'000;
  static constexpr uint32_t kMeasuredTogether = 32;
  // A worker that has had jobs for as long as this looks out for more for as long before it sleeps.
  static constexpr int64_t kLookOutNs = 20'000;
  // So much work that was not done at the same time, though it could have been, has cost more than a wake-up.
  static constexpr uint64_t kMissedNs = 100'000;
  static constexpr std::chrono::milliseconds kAsleep{1};
  // How long a drain waits for a thread of oneTBB's. Such a thread that sleeps comes after 40 to 70 us.
  static constexpr int64_t kAwaitedNs = 10'000'000;
  // How long the destructor waits for drains that have no thread yet, before it calls them off.
  static constexpr std::chrono::milliseconds kPatience{500};
  // A thread of the pool's own is not given back as soon: oneTBB was busy when it was needed.
  static constexpr std::chrono::milliseconds kStandInAsleep{100};
  // So long the watch runs jobs itself, where no thread is to be had: its timers are as late.
  static constexpr int64_t kRunHereNs = 10'000'000;

  static void DrainEntry(void* door);
  // Asks oneTBB to begin the worker's drain.
  void Ask(Worker& worker);
  // Begins a drain that has been asked for and has no thread. False: it has one, or is not wanted any more.
  bool Begin(Worker& worker);
  // Calls off the drain of a worker that has no jobs, before it has a thread or after the watch has run some.
  void CallOff(Worker& worker) ABSL_EXCLUSIVE_LOCKS_REQUIRED(worker.mutex);
  void GiveThread(Worker& worker);
  void RunHere(Worker& worker);
  void Drain(Worker& worker);
  // Runs what there is. Returns how long it took, in nanoseconds.
  int64_t RunJobs(Worker& worker);
  Job* Next(Worker& worker);
  Job* TakeOwn(Worker& worker);
  // Waits for jobs, after having worked for `worked_ns`. False: none came, and the worker has no drain any more.
  bool AwaitJobs(Worker& worker, int64_t worked_ns);
  bool LookOut(Worker& worker);
  bool Sleep(Worker& worker);
  // Takes half of what stands at another worker, if that pays. False: nothing was worth it.
  bool Steal(Worker& worker);
  bool WorthStealing(const Worker& worker) const;
  // After each change of its queue.
  static void Publish(Worker& worker) ABSL_EXCLUSIVE_LOCKS_REQUIRED(worker.mutex);
  // Gives a long job back to the worker that ran it last, if that one is awake and has nothing to do.
  bool PostHome(Job& job);
  // Gives a worker a drain that is awake. False: it has one.
  bool Start(Worker& worker);
  bool Wake(Worker& worker);
  // The same for any worker; false if all are at work.
  bool StartAnother();

  const int threads_;
  std::unique_ptr<TbbArena> arena_;
  std::unique_ptr<Door[]> doors_;
  const std::unique_ptr<Worker[]> workers_;
  const bool uses_tbb_;          // false where the system has hardly any threads to give
  std::atomic<int> working_{0};  // drains that are not asleep; read by who would start another

  // Jobs stand behind a long one, or where a drain was asked for and has no thread yet, and all workers are busy: who has done
  // some of its own takes them.
  std::atomic<bool> left_standing_{false};
  std::atomic<bool> closing_{false};
  // Threads that are not the pool's and are in Post. The release with which one leaves ends what it does here; the destructor
  // acquires it.
  std::atomic<int> posting_{0};

  Mutex mutex_;
  int drains_ ABSL_GUARDED_BY(mutex_) = 0;
  std::condition_variable no_drains_;
};

}  // namespace weir::internal
