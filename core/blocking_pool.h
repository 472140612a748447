// Where calls that block a thread run: a bounded set of threads of its own, so that they never hold one of the pool's.
#pragma once

#include <condition_variable>
#include <cstddef>
#include <thread>
#include <vector>

#include "weir/core/blocking.h"
#include "weir/core/mutex.h"

namespace weir::internal {

// Threads are started when a call finds none idle, up to `max_threads`, and joined by the destructor.
class BlockingPool final : public BlockingExecutor {
 public:
  explicit BlockingPool(int max_threads) : max_threads_(max_threads) {}
  ~BlockingPool() override;
  bool Suspend(BlockingTask& task, Work& work) override;
  void Withdraw(BlockingTask& task) override;

 private:
  void Loop();
  // With the lock held.
  void StartThread();  // if the system has one
  void Remove(BlockingTask& task);

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
