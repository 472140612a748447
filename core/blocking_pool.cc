#include "weir/core/blocking_pool.h"

#include <exception>
#include <utility>

namespace weir::internal {
namespace {

thread_local const Work* caller = nullptr;

}  // namespace

const Work* BlockingCaller() { return caller; }

BlockingPool::~BlockingPool() {
  {
    MutexLock lock(mutex_);
    stopping_ = true;
  }
  ready_.notify_all();
  for (std::thread& thread : threads_) thread.join();
}

bool BlockingPool::Suspend(BlockingTask& task, Work& work) {
  {
    MutexLock lock(mutex_);
    if (queued_ >= idle_ && threads_.size() < static_cast<size_t>(max_threads_)) StartThread();
    if (threads_.empty()) {
      WakeList none;
      work.Claim(Outcome::kExhausted, none);
      return work.Suspend();
    }
    task.caller_ = &work;
    task.next_ = nullptr;
    task.previous_ = last_;
    (last_ == nullptr ? first_ : last_->next_) = &task;
    last_ = &task;
    task.queued_ = true;
    ++queued_;
    // Published under the lock: a thread that takes the call finds its Work parked. The task itself may be gone after it.
    if (work.Publish()) {
      ready_.notify_one();
      return true;
    }
    Remove(task);
  }
  return work.SuspendDecided();
}

void BlockingPool::Withdraw(BlockingTask& task) {
  MutexLock lock(mutex_);
  if (task.queued_) Remove(task);
}

void BlockingPool::StartThread() {
  try {
    threads_.emplace_back([this] { Loop(); });
  } catch (const std::exception&) {  // no thread, or no memory: the call waits for the others
  }
}

void BlockingPool::Remove(BlockingTask& task) {
  (task.previous_ == nullptr ? first_ : task.previous_->next_) = task.next_;
  (task.next_ == nullptr ? last_ : task.next_->previous_) = task.previous_;
  task.queued_ = false;
  --queued_;
}

void BlockingPool::Watch() {
  MutexLock lock(mutex_);
  for (Call* call = running_; call != nullptr; call = call->next) {
    if (std::exchange(call->seen, true)) call->limit.Stop();
  }
}

void BlockingPool::Link(Call& call) {
  call.seen = false;
  call.previous = nullptr;
  call.next = running_;
  if (running_ != nullptr) running_->previous = &call;
  running_ = &call;
}

void BlockingPool::Unlink(Call& call) {
  (call.previous == nullptr ? running_ : call.previous->next) = call.next;
  if (call.next != nullptr) call.next->previous = call.previous;
}

void BlockingPool::Loop() {
  Call call{.limit = BatchLimit::OfThisThread()};
  std::unique_lock<std::mutex> lock(mutex_);
  while (true) {
    ++idle_;
    ready_.wait(lock, [this] { return first_ != nullptr || stopping_; });
    --idle_;
    if (first_ == nullptr) return;
    BlockingTask& task = *first_;
    Remove(task);
    WakeList wakes;
    if (!task.caller_->Claim(Outcome::kDone, wakes))
      continue;  // cancelled; its frame waits for this lock
    Link(call);
    lock.unlock();
    caller = task.caller_;
    task.Execute();
    caller = nullptr;
    wakes.Flush();
    lock.lock();
    Unlink(call);
  }
}

}  // namespace weir::internal
