#include "weir/core/edge.h"

#include <condition_variable>

#include "weir/core/engine_state.h"
#include "weir/core/run_state.h"

namespace weir::internal {

struct ThreadWaiter::Sleep {
  Mutex mutex;
  std::condition_variable wake;
  bool woken = false;  // guarded by mutex
};

// Only a wait that has been published is woken.
void ThreadWaiter::Wake() {
  MutexLock lock(sleep_->mutex);
  sleep_->woken = true;
  sleep_->wake.notify_one();  // under the lock, as the last touch: the waiter may be gone after it
}

Waiter::Result ThreadWaiter::Wait(EngineState& engine, absl::Duration within) {
  Sleep sleep;
  sleep_ = &sleep;
  WaitTimer timer;
  timer.waiter = this;
  if (within != absl::InfiniteDuration()) engine.clock().Arm(timer, engine.clock().Now() + within);
  if (Publish()) {
    const absl::Status waited = engine.Await(sleep.mutex, sleep.wake, Instant::InfiniteFuture(),
                                             [&sleep] { return sleep.woken; });
    if (!waited.ok()) {
      // Only a simulation with nothing left to do gives up on a claim: nobody else is there to make it.
      WakeList wakes;
      Claim(Outcome::kTimedOut, wakes);
    }
  }
  engine.clock().Cancel(timer);
  return Resumed();
}

absl::Status MayBlock(EngineState& engine) { return engine.MayWait(); }

EdgeStage::Visit::Visit(EdgeStage& edge) {
  MutexLock lock(edge.mutex_);
  if (edge.run_ == nullptr) {
    status_ = edge.over_;
  } else if (edge.closed_) {
    status_ = absl::OutOfRangeError("");
  } else if (edge.run_->TryHold()) {
    run_ = edge.run_;
  } else {
    status_ = edge.run_->tearing_down() ? absl::CancelledError("") : absl::OutOfRangeError("");
  }
}

EdgeStage::Visit::~Visit() {
  if (run_ != nullptr) run_->Release();
}

EngineState& EdgeStage::Visit::engine() const { return run_->engine(); }

void EdgeStage::Close() {
  {
    MutexLock lock(mutex_);
    if (run_ == nullptr || closed_) return;
    closed_ = true;
  }
  closing_.Advance(1);
}

Task<> EdgeStage::Work(Context& context) {
  TurnOperation closed(closing_, 1, context);
  absl::Status status = co_await closed;
  co_return status;
}

void EdgeStage::BeginRun(RunState& run) {
  closing_.Reset();
  MutexLock lock(mutex_);
  run_ = &run;
  closed_ = false;
}

void EdgeStage::EndRun() {
  MutexLock lock(mutex_);
  over_ = run_->tearing_down() ? absl::CancelledError("") : absl::OutOfRangeError("");
  run_ = nullptr;
}

}  // namespace weir::internal
