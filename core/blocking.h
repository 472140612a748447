// Calls that block a thread, and what runs them: one of the engine's seams. On real threads that is BlockingPool
// (blocking_pool.h), in simulation the simulator.
#pragma once

#include "weir/core/work.h"

namespace weir::internal {

// One blocking call; lives in the frame that awaits it. `Execute` does not throw.
class BlockingTask {
 public:
  BlockingTask() = default;
  BlockingTask(const BlockingTask&) = delete;
  BlockingTask& operator=(const BlockingTask&) = delete;
  virtual void Execute() = 0;

 protected:
  ~BlockingTask() = default;

 private:
  friend class BlockingPool;
  friend class Simulator;
  Work* caller_ = nullptr;  // whose wait the call is
  BlockingTask* next_ = nullptr;
  BlockingTask* previous_ = nullptr;
  bool queued_ = false;
};

// The Work whose blocking call the calling thread makes, on one of a pool's threads; else null.
const Work* BlockingCaller();

class BlockingExecutor {
 public:
  virtual ~BlockingExecutor() = default;
  // Queues `task` and publishes the wait of `work`, which has been prepared: as Work::Suspend. Whoever begins the call
  // claims the wait first, with kDone, and wakes it when the call has returned; so a cancellation finds a queued call
  // or none. With kExhausted if there is no thread to make it on.
  virtual bool Suspend(BlockingTask& task, Work& work) = 0;
  // After the resumption: a call that was dropped is not queued any more.
  virtual void Withdraw(BlockingTask& task) = 0;
};

}  // namespace weir::internal
