// The steady clock, whose one thread sleeps for all timers.
#pragma once

#include <condition_variable>
#include <cstddef>
#include <functional>
#include <thread>

#include "weir/core/clock.h"
#include "weir/core/mutex.h"
#include "weir/core/timer.h"

namespace weir::internal {

// The real clock. Its thread starts with it and also calls `tick` every `period` while `SetTicking(true)` holds: that is
// how the engine watches the pool and samples its runs without another thread.
class SteadyClock final : public Clock {
 public:
  SteadyClock(absl::Duration period, std::function<void()> tick);
  ~SteadyClock() override;

  Instant Now() const override;
  void Arm(Timer& timer, Instant when) override;
  bool Cancel(Timer& timer) override;
  void SetTicking(bool ticking);
  // By `tick`: how long after it the next one comes.
  void SetPeriod(absl::Duration period) { period_ = period; }
  size_t armed() const { return heap_.size(); }
  bool OnOwnThread() const { return std::this_thread::get_id() == thread_.get_id(); }

 private:
  void Loop();

  absl::Duration period_;  // by the thread alone
  const std::function<void()> tick_;
  TimerHeap heap_;
  Mutex mutex_;
  std::condition_variable wake_;
  bool changed_ = false;  // guarded by mutex_: there is an earlier timer than the thread knows of
  bool ticking_ = false;  // guarded by mutex_
  bool thread_ticks_ = false;  // guarded by mutex_: what the thread knows of that
  bool stopping_ = false;      // guarded by mutex_
  std::thread thread_;
};

}  // namespace weir::internal
