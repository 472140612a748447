// Timers, the heap that they stand in, and the clock of tests.
//
// A timer fires under its heap's lock, so that cancelling one joins it: when Cancel returns, the timer is neither armed nor
// firing, and whoever owns it may destroy it. In return a firing timer does little: it claims waits and hands the wake-ups to
// the list it is given, which is flushed after the lock is released. Lock order: heap, then context tree; never the reverse.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "weir/core/clock.h"
#include "weir/core/mutex.h"
#include "weir/core/wait.h"

namespace weir::internal {

class Timer {
 public:
  Timer() = default;
  Timer(const Timer&) = delete;
  Timer& operator=(const Timer&) = delete;

  // Under the heap's lock; see above.
  virtual void Fire(WakeList& wakes) = 0;
  // True for a timer that judges others by their slowness (the grace period): the simulator, where a step takes no time,
  // fires it only when nothing else can happen.
  virtual bool OnlyWhenIdle() const { return false; }

 protected:
  ~Timer() = default;

 private:
  friend class TimerHeap;
  static constexpr size_t kNotArmed = SIZE_MAX;
  static constexpr size_t kBesideHeap = SIZE_MAX - 1;
  Instant when_;
  uint64_t order_ = 0;  // ties fire in the order of arming
  size_t index_ = kNotArmed;
  Timer* next_ = nullptr;  // of those beside the heap
};

// A binary heap of armed timers by (when, order of arming). Thread-safe. Arming cannot fail, since who arms a timer waits already:
// those for which the heap finds no memory are linked beside it, and looked through one by one.
class TimerHeap {
 public:
  // True if `timer` is now the earliest: a sleeping thread must look again.
  bool Arm(Timer& timer, Instant when);
  // True if it was armed.
  bool Cancel(Timer& timer);
  // Fires what is due at `now`, at most `most` of them; returns when the next one is due, which is `now` or earlier if there are
  // more.
  Instant FireDue(Instant now, WakeList& wakes, size_t most = SIZE_MAX);
  // Fires the earliest timer alone, due or not, and returns its instant: what a simulator does. `idle` admits those that
  // fire only when idle. InfiniteFuture if there was none to fire.
  Instant FireEarliest(bool idle, WakeList& wakes);
  bool HasFireable(bool idle) const;
  size_t size() const;

 private:
  bool Before(const Timer& a, const Timer& b) const;
  void Place(size_t index, Timer* timer);
  void SiftUp(size_t index);
  void SiftDown(size_t index);
  void Remove(size_t index);
  void Remove(Timer& timer);
  // Null if none is armed.
  Timer* Earliest() const;
  template <class Visit>
  void VisitAll(Visit&& visit) const;

  mutable Mutex mutex_;
  std::vector<Timer*> heap_;  // guarded by mutex_
  Timer* beside_ = nullptr;   // guarded by mutex_
  size_t beside_count_ = 0;   // guarded by mutex_
  uint64_t next_order_ = 0;   // guarded by mutex_
};

// A clock that stands still until it is turned: `Advance` fires what has become due, on the caller's thread, in order.
// For tests: nothing waits for real time.
class ManualClock final : public Clock {
 public:
  Instant Now() const override;
  void Arm(Timer& timer, Instant when) override;
  bool Cancel(Timer& timer) override;
  void Advance(absl::Duration by);
  size_t armed() const { return heap_.size(); }

 private:
  TimerHeap heap_;
  std::atomic<int64_t> now_{1};
};

}  // namespace weir::internal
