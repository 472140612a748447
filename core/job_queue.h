// JobQueue: the jobs that stand at one worker of the pool. RunTimes: how long that worker's jobs take.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

#include "weir/core/executor.h"

namespace weir::internal {

// First in, first out; intrusive. Not thread-safe.
class JobQueue {
 public:
  // `cost_ns`: what the job's run is expected to take.
  void PushBack(Job& job, uint32_t cost_ns);
  Job* PopFront();
  // Takes the job behind the first, of at least two.
  Job* PopSecond();
  // Moves the first `count` jobs to the end of `other`.
  void MoveFront(size_t count, JobQueue& other);
  bool empty() const { return first_ == nullptr; }
  size_t size() const { return size_; }
  // What the jobs are expected to take together.
  uint64_t cost_ns() const { return cost_ns_; }
  // How much of that would be done at the same time as the rest, if another worker took the first half of the jobs while this one has
  // `running_ns` of work in its hands. Of more than two jobs it is an estimate.
  uint64_t OverlapNs(uint64_t running_ns) const;

 private:
  // Links a job that has been taken from another queue.
  void Append(Job& job);

  Job* first_ = nullptr;
  Job* last_ = nullptr;
  size_t size_ = 0;
  uint64_t cost_ns_ = 0;
};

// A moving mean for each job, kept by its address: when a run has been measured, the job may be gone. Two jobs that share an entry forget
// each other. Not thread-safe.
class RunTimes {
 public:
  // 0: not known.
  uint32_t MeanNs(const Job* job) const;
  void Note(const Job* job, uint64_t ns);

 private:
  struct Entry {
    const Job* job = nullptr;
    uint32_t mean_ns = 0;
  };
  static constexpr size_t kEntries = 64;
  static size_t Index(const Job* job);

  std::array<Entry, kEntries> entries_;
};

// A mean that forgets after about eight measurements, never 0. One outlier, of a thread that lost its core say, hardly counts.
uint32_t MovingMean(uint32_t mean, uint64_t measured);

}  // namespace weir::internal
