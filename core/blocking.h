// Where calls that block a thread run: a bounded set of threads of its own, so that they never hold one of the pool's.
#pragma once

#include <condition_variable>
#include <cstddef>
#include <thread>
#include <vector>

#include "weir/core/mutex.h"
#include "weir/core/wait.h"
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

class BlockingExecutor {
 public:
  virtual ~BlockingExecutor() = default;
  // Queues `task` and publishes the wait of `work`, which has been prepared: as Work::Suspend. Whoever begins the call
  // claims the wait first, with kDone, and wakes it when the call has returned; so a cancellation finds a queued call
  // or none.
  virtual bool Suspend(BlockingTask& task, Work& work) = 0;
  // After the resumption: a call that was dropped is not queued any more.
  virtual void Withdraw(BlockingTask& task) = 0;
};

// Threads are started when a call finds none idle, up to `max_threads`, and joined by the destructor.
class BlockingPool final : public BlockingExecutor {
 public:
  explicit BlockingPool(int max_threads) : max_threads_(max_threads) {}
  ~BlockingPool() override;
  bool Suspend(BlockingTask& task, Work& work) override;
  void Withdraw(BlockingTask& task) override;

 private:
  void Loop();
  void Remove(BlockingTask& task);  // with the lock held

  const int max_threads_;
  Mutex mutex_;
  std::condition_variable ready_;
  BlockingTask* first_ = nullptr;  // this and what follows: guarded by mutex_
  BlockingTask* last_ = nullptr;
  size_t queued_ = 0;
  size_t idle_ = 0;
  bool stopping_ = false;
  std::vector<std::thread> threads_;
};

}  // namespace weir::internal
