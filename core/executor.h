// Executor: where ready work runs. One of the engine's three seams (with Clock and Choice): the pool implements it on real
// threads, the simulator on one thread and a seed, and nothing else in the engine knows which.
#pragma once

#include <atomic>
#include <cstdint>
#include <string>

namespace weir::internal {

// A unit of ready work, linked into the executor's queue by itself: posting allocates nothing. A Job belongs to whoever
// made it and must outlive its run. It may be posted again as soon as `Run` has been entered.
class Job {
 public:
  Job() = default;
  Job(const Job&) = delete;
  Job& operator=(const Job&) = delete;

  virtual void Run() = 0;
  // For the simulator's trace and for messages: "split#0".
  virtual std::string Name() const = 0;
  // True while it stands in a queue: it is ready, and no thread runs it yet.
  bool queued() const { return queued_.load(std::memory_order_relaxed); }

 protected:
  ~Job() = default;

 private:
  friend class JobQueue;
  friend class Pool;
  friend class Simulator;
  Job* next_ = nullptr;
  // Asserts "at most once in a queue"; ordered by the queue's own lock.
  std::atomic<bool> queued_{false};
  // Where the pool ran it last. Written by who runs it, read by who posts it.
  uint16_t worker_ = 0;
  // How long the pool expects its run to take. Written by who posts it.
  uint32_t cost_ns_ = 0;
};

class Executor {
 public:
  virtual ~Executor() = default;
  // Makes `job` run soon, on a thread of the executor, once. From any thread; cannot fail, does not allocate and never
  // runs the job before it returns. The job must not be queued already.
  virtual void Post(Job& job) = 0;
};

}  // namespace weir::internal
