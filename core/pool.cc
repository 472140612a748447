#include "weir/core/pool.h"

#include <chrono>
#include <mutex>
#include <thread>
#include <utility>

namespace weir::internal {
namespace {

// Where the calling thread is draining. Read in this file's functions only, never in a coroutine's, which may change threads.
struct Place {
  const Pool* pool = nullptr;
  void* worker = nullptr;
};
thread_local Place place;

int64_t NowNs() {
  return std::chrono::duration_cast<std::chrono::nanoseconds>(
             std::chrono::steady_clock::now().time_since_epoch())
      .count();
}

}  // namespace

bool Pool::Bed::SleepFor(std::chrono::nanoseconds duration) {
  std::unique_lock<std::mutex> lock(mutex_);
  const auto until = std::chrono::steady_clock::now() + duration;
  if (!wake_.wait_until(lock, until, [this] { return woken_; })) return false;
  woken_ = false;
  return true;
}

void Pool::Bed::SleepUntilWoken() {
  std::unique_lock<std::mutex> lock(mutex_);
  wake_.wait(lock, [this] { return woken_; });
  woken_ = false;
}

void Pool::Bed::Wake() {
  // With the lock: who is woken may end the pool.
  MutexLock lock(mutex_);
  woken_ = true;
  wake_.notify_one();
}

Pool::Pool(int threads)
    : threads_(threads), arena_(threads), workers_(std::make_unique<Worker[]>(threads)) {
  for (int i = 0; i < threads; ++i) {
    workers_[i].pool = this;
    workers_[i].index = static_cast<uint16_t>(i);
  }
}

Pool::~Pool() {
  closing_.store(true, std::memory_order_relaxed);
  while (posting_.load(std::memory_order_acquire) > 0) std::this_thread::yield();
  for (int i = 0; i < threads_; ++i) Wake(workers_[i]);
  std::unique_lock<std::mutex> lock(mutex_);
  no_drains_.wait(lock, [this]() ABSL_NO_THREAD_SAFETY_ANALYSIS { return drains_ == 0; });
}

bool Pool::OnOwnThread() const { return place.pool == this; }

void Pool::Post(Job& job) {
  const bool inside = place.pool == this;
  if (!inside) posting_.fetch_add(1, std::memory_order_relaxed);
  Worker& worker = inside ? *static_cast<Worker*>(place.worker) : workers_[job.worker_ % threads_];
  const uint32_t mean = worker.mean_ns.load(std::memory_order_relaxed);
  const uint32_t own_mean = inside && mean >= kMeasureAllNs ? worker.run_times.MeanNs(&job) : 0;
  bool awake;
  {
    MutexLock lock(worker.mutex);
    worker.queue.PushBack(job, own_mean > 0 ? own_mean : mean);
    if (inside && worker.current == &job) worker.running_ns = 0;  // it is about to end its turn
    Publish(worker);
    awake = worker.draining && !worker.asleep;
  }
  if (!awake) Start(worker);
  if (worker.overlap_ns.load(std::memory_order_relaxed) >= kWorthAWakeNs &&
      working_.load(std::memory_order_relaxed) < threads_ && StartAnother()) {
    MutexLock lock(worker.mutex);
    worker.kept_front = kKeptFront;
  }
  if (!inside) posting_.fetch_sub(1, std::memory_order_release);  // the pool may be gone after it
}

void Pool::Publish(Worker& worker) {
  worker.queued.store(worker.queue.size(), std::memory_order_relaxed);
  const bool may_be_worth = worker.queue.cost_ns() >= kWorthAWakeNs;
  worker.overlap_ns.store(may_be_worth ? worker.queue.OverlapNs(worker.running_ns) : 0,
                          std::memory_order_relaxed);
}

bool Pool::Start(Worker& worker) {
  if (Wake(worker)) return true;
  {
    MutexLock lock(worker.mutex);
    if (std::exchange(worker.draining, true)) return false;
    working_.fetch_add(1, std::memory_order_relaxed);
    MutexLock counted(mutex_);
    ++drains_;
  }
  arena_.Enqueue(&Pool::DrainEntry, &worker);
  return true;
}

bool Pool::Wake(Worker& worker) {
  {
    MutexLock lock(worker.mutex);
    if (!std::exchange(worker.asleep, false)) return false;
    working_.fetch_add(1, std::memory_order_relaxed);
  }
  worker.bed.Wake();
  return true;
}

bool Pool::StartAnother() {
  for (int i = 0; i < threads_; ++i) {
    if (Start(workers_[i])) return true;
  }
  return false;
}

void Pool::Watch() {
  for (int i = 0; i < threads_; ++i) {
    Worker& worker = workers_[i];
    const uint64_t jobs = worker.jobs.load(std::memory_order_relaxed);
    const bool moved = std::exchange(worker.jobs_seen, jobs) != jobs;
    if (moved || worker.queued.load(std::memory_order_relaxed) == 0) continue;
    worker.stalled.store(true, std::memory_order_relaxed);
    if (!StartAnother()) left_standing_.store(true, std::memory_order_relaxed);
  }
}

void Pool::DrainEntry(void* worker) {
  Worker& entered = *static_cast<Worker*>(worker);
  entered.pool->Drain(entered);
}

void Pool::Drain(Worker& worker) {
  const Place outer = place;  // a stage's parallel_for may run a drain inside of a job
  place = {this, &worker};
  worker.is_nested = outer.pool != nullptr;
  worker.was_idle_for_short = false;
  worker.running.store(true, std::memory_order_relaxed);
  do {
    RunJobs(worker);
  } while (AwaitJobs(worker));
  place = outer;
  MutexLock lock(mutex_);
  if (--drains_ == 0) no_drains_.notify_all();
}

void Pool::RunJobs(Worker& worker) {
  int64_t began = NowNs();
  uint32_t since = 0;  // jobs run since then
  while (Job* job = Next(worker)) {
    job->worker_ = worker.index;
    job->Run();
    worker.jobs.store(worker.jobs.load(std::memory_order_relaxed) + 1, std::memory_order_relaxed);
    if (threads_ == 1) continue;  // there is nobody to share with, and nothing to measure
    const uint32_t mean = worker.mean_ns.load(std::memory_order_relaxed);
    if (++since < kMeasuredTogether && mean < kMeasureAllNs) continue;
    const int64_t now = NowNs();
    const auto took_ns = static_cast<uint64_t>(now - began);
    if (since == 1) worker.run_times.Note(job, took_ns);
    worker.mean_ns.store(MovingMean(mean, took_ns / since), std::memory_order_relaxed);
    began = now;
    since = 0;
    if (left_standing_.load(std::memory_order_relaxed)) {
      left_standing_.store(false, std::memory_order_relaxed);
      Steal(worker);
    }
  }
}

Job* Pool::Next(Worker& worker) {
  do {
    if (Job* job = TakeOwn(worker)) return job;
  } while (Steal(worker));
  return nullptr;
}

Job* Pool::TakeOwn(Worker& worker) {
  MutexLock lock(worker.mutex);
  const bool keep_front = worker.kept_front > 0 && worker.queue.size() > 1;
  if (keep_front) --worker.kept_front;
  Job* job = keep_front ? worker.queue.PopSecond() : worker.queue.PopFront();
  worker.current = job;
  worker.running_ns = job == nullptr ? 0 : job->cost_ns_;
  Publish(worker);
  return job;
}

bool Pool::WorthStealing(const Worker& worker) const {
  return worker.queued.load(std::memory_order_relaxed) > 0 &&
         (worker.stalled.load(std::memory_order_relaxed) ||
          !worker.running.load(std::memory_order_relaxed) ||
          worker.overlap_ns.load(std::memory_order_relaxed) >= kWorthAWakeNs);
}

bool Pool::Steal(Worker& worker) {
  for (int i = 1; i < threads_; ++i) {
    Worker& other = workers_[(worker.index + i) % threads_];
    if (!WorthStealing(other)) continue;
    JobQueue stolen;
    {
      MutexLock lock(other.mutex);
      other.queue.MoveFront((other.queue.size() + 1) / 2, stolen);
      other.kept_front = 0;
      other.stalled.store(false, std::memory_order_relaxed);
      Publish(other);
    }
    if (stolen.empty()) continue;
    MutexLock lock(worker.mutex);
    stolen.MoveFront(stolen.size(), worker.queue);
    Publish(worker);
    return true;
  }
  return false;
}

bool Pool::AwaitJobs(Worker& worker) {
  const int64_t began = NowNs();
  const bool some = (worker.was_idle_for_short && LookOut(worker)) || Sleep(worker);
  if (!some) return false;  // the worker may have another drain by now
  worker.was_idle_for_short = NowNs() - began < kShortIdleNs;
  return true;
}

bool Pool::LookOut(Worker& worker) {
  const int64_t until = NowNs() + kLookOutNs;
  do {
    if (worker.queued.load(std::memory_order_relaxed) > 0 || Steal(worker)) return true;
    // Whoever is about to post may have no core of its own.
    std::this_thread::yield();
  } while (NowNs() < until && !closing_.load(std::memory_order_relaxed));
  return false;
}

bool Pool::Sleep(Worker& worker) {
  // Where a drain may be waiting for this thread, it returns.
  const bool returns = worker.is_nested || width() < threads_;
  {
    MutexLock lock(worker.mutex);
    if (!worker.queue.empty()) return true;
    worker.running.store(false, std::memory_order_relaxed);
    working_.fetch_sub(1, std::memory_order_relaxed);
    if (returns || closing_.load(std::memory_order_relaxed)) {
      worker.draining = false;
      return false;
    }
    worker.asleep = true;
  }
  if (!worker.bed.SleepFor(kAsleep)) {
    {
      MutexLock lock(worker.mutex);
      if (std::exchange(worker.asleep, false)) {
        worker.draining = false;
        return false;
      }
    }
    worker.bed.SleepUntilWoken();  // somebody is about to wake it
  }
  worker.running.store(true, std::memory_order_relaxed);
  return true;
}

}  // namespace weir::internal
