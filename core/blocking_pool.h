// Where calls that block a thread run: a bounded set of threads of its own, so that they never hold one of the pool's.
#pragma once

#include <condition_variable>
#include <cstddef>
#include <thread>
#include <vector>

#include "weir/core/batch_limit.h"
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
  // Stops the batches of the calls that were running already when it was called last (BatchLimit). Called every few milliseconds.
  void Watch();

 private:
  // What a thread is doing; in running_ while it makes a call.
  struct Call {
    BatchLimit& limit;  // the thread's
    bool seen = false;  // by the watch
    Call* next = nullptr;
    Call* previous = nullptr;
  };

  void Loop();
  // With the lock held.
  void StartThread();  // if the system has one
  void Remove(BlockingTask& task);
  void Link(Call& call);
  void Unlink(Call& call);

  const int max_threads_;
  Mutex mutex_;
  std::condition_variable ready_;
  BlockingTask* first_ = nullptr;  // this and what follows: guarded by mutex_
  BlockingTask* last_ = nullptr;
  size_t queued_ = 0;
  size_t idle_ = 0;
  bool stopping_ = false;
  std::vector<std::thread> threads_;
  Call* running_ = nullptr;  // a list
};

}  // namespace weir::internal
