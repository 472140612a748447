#include "weir/core/job_queue.h"

#include <algorithm>
#include <atomic>
#include <cassert>

namespace weir::internal {

void JobQueue::PushBack(Job& job, uint32_t cost_ns) {
  const bool was_queued = job.queued_.exchange(true, std::memory_order_relaxed);
  assert(!was_queued && "weir: a job was posted twice");
  (void)was_queued;
  job.cost_ns_ = cost_ns;
  Append(job);
}

void JobQueue::Append(Job& job) {
  job.next_ = nullptr;
  (last_ == nullptr ? first_ : last_->next_) = &job;
  last_ = &job;
  ++size_;
  cost_ns_ += job.cost_ns_;
}

Job* JobQueue::PopFront() {
  Job* job = first_;
  if (job == nullptr) return nullptr;
  first_ = job->next_;
  if (first_ == nullptr) last_ = nullptr;
  --size_;
  cost_ns_ -= job->cost_ns_;
  job->queued_.store(false, std::memory_order_relaxed);
  return job;
}

Job* JobQueue::PopSecond() {
  Job* first = first_;
  first_ = first->next_;
  Job* second = PopFront();
  first->next_ = first_;
  first_ = first;
  if (last_ == nullptr) last_ = first;
  return second;
}

void JobQueue::MoveFront(size_t count, JobQueue& other) {
  for (; count > 0 && first_ != nullptr; --count) {
    Job* job = first_;
    first_ = job->next_;
    --size_;
    cost_ns_ -= job->cost_ns_;
    other.Append(*job);
  }
  if (first_ == nullptr) last_ = nullptr;
}

uint64_t JobQueue::OverlapNs(uint64_t running_ns) const {
  if (size_ == 0) return 0;
  if (size_ > 2) return cost_ns_ / 2;
  const uint64_t taken_ns = first_->cost_ns_;
  return std::min(taken_ns, running_ns + cost_ns_ - taken_ns);
}

size_t RunTimes::Index(const Job* job) {
  // A multiplicative hash: jobs are some hundred bytes apart, so their low bits say little.
  return (reinterpret_cast<uintptr_t>(job) * uint64_t{0x9E3779B97F4A7C15}) >> 32 & (kEntries - 1);
}

uint32_t RunTimes::MeanNs(const Job* job) const {
  const Entry& entry = entries_[Index(job)];
  return entry.job == job ? entry.mean_ns : 0;
}

void RunTimes::Note(const Job* job, uint64_t ns) {
  Entry& entry = entries_[Index(job)];
  entry.mean_ns = entry.job == job ? MovingMean(entry.mean_ns, ns)
                                   : static_cast<uint32_t>(std::clamp<uint64_t>(ns, 1, UINT32_MAX));
  entry.job = job;
}

uint32_t MovingMean(uint32_t mean, uint64_t measured) {
  const uint64_t counted = std::min<uint64_t>(measured, 8ull * mean + 1);
  return static_cast<uint32_t>(std::clamp<uint64_t>((mean * 7ull + counted) / 8, 1, UINT32_MAX));
}

}  // namespace weir::internal
