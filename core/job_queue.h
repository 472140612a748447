// JobQueue: the jobs that stand at one worker of the pool. RunTimes: how long that worker's jobs take. All in the header, to be
// inlined: the pool does little else for a job.
#pragma once

#include <algorithm>
#include <array>
#include <atomic>
#include <cassert>
#include <cstddef>
#include <cstdint>

#include "weir/core/executor.h"

namespace weir::internal {

// First in, first out; intrusive. Not thread-safe.
class JobQueue {
 public:
  // A job that is expected to take so long is long: it is worth moving to a worker that is awake.
  static constexpr uint32_t kLongNs = 4'000;

  // `cost_ns`: what the job's run is expected to take.
  void PushBack(Job& job, uint32_t cost_ns) {
    assert(!job.queued_.load(std::memory_order_relaxed) && "weir: a job was posted twice");
    job.queued_.store(true, std::memory_order_relaxed);
    job.cost_ns_ = cost_ns;
    Append(job);
  }
  Job* PopFront() {
    if (first_ == nullptr) return nullptr;
    Job* job = UnlinkFront();
    job->queued_.store(false, std::memory_order_relaxed);
    return job;
  }
  // Takes the job behind the first, of at least two.
  Job* PopSecond() {
    Job* first = UnlinkFront();
    Job* second = PopFront();
    Prepend(*first);
    return second;
  }
  // Moves the first `count` jobs to the end of `other`.
  void MoveFront(size_t count, JobQueue& other) {
    for (; count > 0 && first_ != nullptr; --count) other.Append(*UnlinkFront());
  }
  bool empty() const { return first_ == nullptr; }
  size_t size() const { return size_; }
  // How much of a long job, of the mean length of those that are here, would be done at the same time as the rest, if another worker
  // took it while this one has `running_ns` of work in its hands.
  uint64_t LongOverlapNs(uint64_t running_ns) const {
    if (long_ == 0) return 0;
    const uint64_t taken_ns = long_ns_ / long_;
    return std::min(taken_ns, running_ns + cost_ns_ - taken_ns);
  }
  // What the jobs are expected to take together.
  uint64_t cost_ns() const { return cost_ns_; }
  // How much of that would be done at the same time as the rest, if another worker took the first half of the jobs while this
  // one has `running_ns` of work in its hands. Of more than two jobs it is an estimate.
  uint64_t OverlapNs(uint64_t running_ns) const {
    if (size_ == 0) return 0;
    if (size_ > 2) return cost_ns_ / 2;
    const uint64_t taken_ns = first_->cost_ns_;
    return std::min(taken_ns, running_ns + cost_ns_ - taken_ns);
  }

 private:
  void Append(Job& job) {
    job.next_ = nullptr;
    (last_ == nullptr ? first_ : last_->next_) = &job;
    last_ = &job;
    Count(job);
  }
  void Prepend(Job& job) {
    job.next_ = first_;
    first_ = &job;
    if (last_ == nullptr) last_ = &job;
    Count(job);
  }
  Job* UnlinkFront() {
    Job* job = first_;
    UnlinkAfter(nullptr, *job);
    return job;
  }
  // `before` is null for the first.
  void UnlinkAfter(Job* before, Job& job) {
    (before == nullptr ? first_ : before->next_) = job.next_;
    if (last_ == &job) last_ = before;
    --size_;
    cost_ns_ -= job.cost_ns_;
    if (job.cost_ns_ >= kLongNs) {
      --long_;
      long_ns_ -= job.cost_ns_;
    }
  }
  void Count(const Job& job) {
    ++size_;
    cost_ns_ += job.cost_ns_;
    if (job.cost_ns_ >= kLongNs) {
      ++long_;
      long_ns_ += job.cost_ns_;
    }
  }

  Job* first_ = nullptr;
  Job* last_ = nullptr;
  size_t size_ = 0;
  uint64_t cost_ns_ = 0;
  size_t long_ = 0;  // how many of them are long
  uint64_t long_ns_ = 0;
};

// A mean that forgets after about eight measurements, never 0. One outlier, of a thread that lost its core say, hardly counts.
inline uint32_t MovingMean(uint32_t mean, uint64_t measured) {
  const uint64_t counted = std::min<uint64_t>(measured, 8ull * mean + 1);
  return static_cast<uint32_t>(std::clamp<uint64_t>((mean * 7ull + counted) / 8, 1, UINT32_MAX));
}

// A moving mean for each job, kept by its address: when a run has been measured, the job may be gone. Two jobs that share an
// entry forget each other. Not thread-safe.
class RunTimes {
 public:
  // 0: not known.
  uint32_t MeanNs(const Job* job) const {
    const Entry& entry = entries_[Index(job)];
    return entry.job == job ? entry.mean_ns : 0;
  }
  void Note(const Job* job, uint64_t ns) {
    Entry& entry = entries_[Index(job)];
    entry.mean_ns = entry.job == job
                        ? MovingMean(entry.mean_ns, ns)
                        : static_cast<uint32_t>(std::clamp<uint64_t>(ns, 1, UINT32_MAX));
    entry.job = job;
  }

 private:
  struct Entry {
    const Job* job = nullptr;
    uint32_t mean_ns = 0;
  };
  static constexpr size_t kEntries = 64;

  static size_t Index(const Job* job) {
    // A multiplicative hash: jobs are some hundred bytes apart, so their low bits say little.
    const uint64_t hash = reinterpret_cast<uintptr_t>(job) * uint64_t{0x9E3779B97F4A7C15};
    return (hash >> 32) % kEntries;
  }

  std::array<Entry, kEntries> entries_;
};

}  // namespace weir::internal
