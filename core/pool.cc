#include "weir/core/pool.h"

#include <algorithm>
#include <cassert>
#include <chrono>
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

void JobQueue::PushBack(Job& job) {
  const bool was_queued = job.queued_.exchange(true, std::memory_order_relaxed);
  assert(!was_queued && "weir: a job was posted twice");
  (void)was_queued;
  job.next_ = nullptr;
  (last_ == nullptr ? first_ : last_->next_) = &job;
  last_ = &job;
  ++size_;
}

Job* JobQueue::PopFront() {
  Job* job = first_;
  if (job == nullptr) return nullptr;
  first_ = job->next_;
  if (first_ == nullptr) last_ = nullptr;
  --size_;
  job->queued_.store(false, std::memory_order_relaxed);
  return job;
}

void JobQueue::MoveFront(size_t count, JobQueue& other) {
  for (; count > 0 && first_ != nullptr; --count) {
    Job* job = first_;
    first_ = job->next_;
    job->next_ = nullptr;
    (other.last_ == nullptr ? other.first_ : other.last_->next_) = job;
    other.last_ = job;
    --size_;
    ++other.size_;
  }
  if (first_ == nullptr) last_ = nullptr;
}

Pool::Pool(int threads)
    : threads_(threads), arena_(threads), workers_(std::make_unique<Worker[]>(threads)) {
  for (int i = 0; i < threads; ++i) {
    workers_[i].pool = this;
    workers_[i].index = static_cast<uint16_t>(i);
  }
}

Pool::~Pool() {
  std::unique_lock<std::mutex> lock(mutex_);
  idle_.wait(lock, [this] { return drains_ == 0; });
}

bool Pool::OnOwnThread() const { return place.pool == this; }

void Pool::Post(Job& job) {
  const bool inside = place.pool == this;
  Worker& worker = inside ? *static_cast<Worker*>(place.worker) : workers_[job.worker_ % threads_];
  Push(worker, job);
  if (drains_.load(std::memory_order_relaxed) < threads_ &&
      worker.queued.load(std::memory_order_relaxed) *
              uint64_t{worker.mean_ns.load(std::memory_order_relaxed)} >=
          kWorthAWakeNs) {
    StartAnother();
  }
}

void Pool::Push(Worker& worker, Job& job) {
  {
    MutexLock lock(worker.mutex);
    worker.queue.PushBack(job);
    worker.queued.store(worker.queue.size(), std::memory_order_relaxed);
    if (std::exchange(worker.draining, true)) return;
    MutexLock counted(mutex_);
    ++drains_;
  }
  arena_.Enqueue(&Pool::DrainEntry, &worker);
}

bool Pool::StartAnother() {
  for (int i = 0; i < threads_; ++i) {
    Worker& worker = workers_[i];
    {
      MutexLock lock(worker.mutex);
      if (std::exchange(worker.draining, true)) continue;
      MutexLock counted(mutex_);
      ++drains_;
    }
    arena_.Enqueue(&Pool::DrainEntry, &worker);
    return true;
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

Job* Pool::Next(Worker& worker) {
  do {
    MutexLock lock(worker.mutex);
    if (Job* job = worker.queue.PopFront()) {
      worker.queued.store(worker.queue.size(), std::memory_order_relaxed);
      return job;
    }
  } while (Steal(worker));
  MutexLock lock(worker.mutex);
  if (Job* job = worker.queue.PopFront()) {
    worker.queued.store(worker.queue.size(), std::memory_order_relaxed);
    return job;
  }
  worker.running.store(false, std::memory_order_relaxed);
  worker.draining = false;
  return nullptr;
}

bool Pool::WorthStealing(const Worker& worker) const {
  const uint64_t queued = worker.queued.load(std::memory_order_relaxed);
  return queued > 0 && (worker.stalled.load(std::memory_order_relaxed) ||
                        !worker.running.load(std::memory_order_relaxed) ||
                        queued * worker.mean_ns.load(std::memory_order_relaxed) >= kWorthAWakeNs);
}

bool Pool::Steal(Worker& worker) {
  for (int i = 1; i < threads_; ++i) {
    Worker& other = workers_[(worker.index + i) % threads_];
    if (!WorthStealing(other)) continue;
    JobQueue stolen;
    {
      MutexLock lock(other.mutex);
      other.queue.MoveFront((other.queue.size() + 1) / 2, stolen);
      other.queued.store(other.queue.size(), std::memory_order_relaxed);
      other.stalled.store(false, std::memory_order_relaxed);
    }
    if (stolen.empty()) continue;
    MutexLock lock(worker.mutex);
    stolen.MoveFront(stolen.size(), worker.queue);
    worker.queued.store(worker.queue.size(), std::memory_order_relaxed);
    return true;
  }
  return false;
}

void Pool::Drain(Worker& worker) {
  const Place outer = place;  // a stage's parallel_for may run a drain inside of a job
  place = {this, &worker};
  worker.running.store(true, std::memory_order_relaxed);
  int64_t began = NowNs();
  uint32_t since = 0;  // jobs run since then
  while (Job* job = Next(worker)) {
    job->worker_ = worker.index;
    job->Run();
    worker.jobs.store(worker.jobs.load(std::memory_order_relaxed) + 1, std::memory_order_relaxed);
    const uint32_t mean = worker.mean_ns.load(std::memory_order_relaxed);
    if (++since < kMeasuredTogether && mean < kMeasureAllNs) continue;
    const int64_t now = NowNs();
    // A moving mean over about eight measurements. One outlier, of a thread that lost its core say, hardly counts.
    const uint64_t each =
        std::min<uint64_t>(static_cast<uint64_t>(now - began) / since, 8ull * mean + 1);
    worker.mean_ns.store(
        static_cast<uint32_t>(std::min<uint64_t>((mean * 7ull + each) / 8, UINT32_MAX)),
        std::memory_order_relaxed);
    began = now;
    since = 0;
    if (left_standing_.load(std::memory_order_relaxed)) {
      left_standing_.store(false, std::memory_order_relaxed);
      Steal(worker);
    }
  }
  place = outer;
  MutexLock lock(mutex_);
  if (--drains_ == 0) idle_.notify_all();
}

}  // namespace weir::internal
