#include "weir/core/pool.h"

#include <cassert>

namespace weir::internal {
namespace {

thread_local const Pool* current_pool = nullptr;

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

Pool::Pool(int threads) : threads_(threads), arena_(threads) {}

Pool::~Pool() ABSL_NO_THREAD_SAFETY_ANALYSIS {
  std::unique_lock<std::mutex> lock(mutex_);
  idle_.wait(lock, [this]() ABSL_NO_THREAD_SAFETY_ANALYSIS { return drains_ == 0; });
  assert(queue_.empty());
}

bool Pool::OnOwnThread() const { return current_pool == this; }

void Pool::Post(Job& job) {
  {
    MutexLock lock(mutex_);
    queue_.PushBack(job);
    if (drains_ >= threads_) return;
    if (drains_ > 0 && queue_.size() < 2) return;
    ++drains_;
  }
  arena_.Enqueue(&Pool::DrainEntry, this);
}

void Pool::Watch() {
  {
    MutexLock lock(mutex_);
    if (queue_.empty() || drains_ >= threads_) return;
    ++drains_;
  }
  arena_.Enqueue(&Pool::DrainEntry, this);
}

void Pool::DrainEntry(void* pool) { static_cast<Pool*>(pool)->Drain(); }

void Pool::Drain() ABSL_NO_THREAD_SAFETY_ANALYSIS {
  const Pool* const outer = current_pool;  // a stage's parallel_for may run a drain inside of a job
  current_pool = this;
  std::unique_lock<std::mutex> lock(mutex_);
  while (Job* job = queue_.PopFront()) {
    lock.unlock();
    job->Run();
    lock.lock();
  }
  current_pool = outer;
  if (--drains_ == 0) idle_.notify_all();
}

}  // namespace weir::internal
