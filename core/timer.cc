#include "weir/core/timer.h"

#include <algorithm>
#include <new>
#include <utility>

namespace weir::internal {

bool TimerHeap::Before(const Timer& a, const Timer& b) const {
  return a.when_ != b.when_ ? a.when_ < b.when_ : a.order_ < b.order_;
}

void TimerHeap::Place(size_t index, Timer* timer) {
  heap_[index] = timer;
  timer->index_ = index;
}

void TimerHeap::SiftUp(size_t index) {
  Timer* timer = heap_[index];
  while (index > 0) {
    size_t parent = (index - 1) / 2;
    if (!Before(*timer, *heap_[parent])) break;
    Place(index, heap_[parent]);
    index = parent;
  }
  Place(index, timer);
}

void TimerHeap::SiftDown(size_t index) {
  Timer* timer = heap_[index];
  while (true) {
    size_t child = 2 * index + 1;
    if (child >= heap_.size()) break;
    if (child + 1 < heap_.size() && Before(*heap_[child + 1], *heap_[child])) ++child;
    if (!Before(*heap_[child], *timer)) break;
    Place(index, heap_[child]);
    index = child;
  }
  Place(index, timer);
}

void TimerHeap::Remove(size_t index) {
  heap_[index]->index_ = Timer::kNotArmed;
  Timer* last = heap_.back();
  heap_.pop_back();
  if (index == heap_.size()) return;
  Place(index, last);
  SiftUp(index);
  SiftDown(last->index_);
}

void TimerHeap::Remove(Timer& timer) {
  if (timer.index_ != Timer::kBesideHeap) return Remove(timer.index_);
  for (Timer** at = &beside_; *at != nullptr; at = &(*at)->next_) {
    if (*at != &timer) continue;
    *at = timer.next_;
    break;
  }
  --beside_count_;
  timer.index_ = Timer::kNotArmed;
}

Timer* TimerHeap::Earliest() const {
  Timer* earliest = heap_.empty() ? nullptr : heap_.front();
  for (Timer* timer = beside_; timer != nullptr; timer = timer->next_) {
    if (earliest == nullptr || Before(*timer, *earliest)) earliest = timer;
  }
  return earliest;
}

template <class Visit>
void TimerHeap::VisitAll(Visit&& visit) const {
  for (Timer* timer : heap_) visit(*timer);
  for (Timer* timer = beside_; timer != nullptr; timer = timer->next_) visit(*timer);
}

bool TimerHeap::Arm(Timer& timer, Instant when) {
  MutexLock lock(mutex_);
  timer.when_ = when;
  timer.order_ = next_order_++;
  try {
    heap_.push_back(&timer);
  } catch (const std::bad_alloc&) {
    timer.index_ = Timer::kBesideHeap;
    timer.next_ = std::exchange(beside_, &timer);
    ++beside_count_;
    return true;
  }
  timer.index_ = heap_.size() - 1;
  SiftUp(timer.index_);
  return heap_.front() == &timer;
}

bool TimerHeap::Cancel(Timer& timer) {
  MutexLock lock(mutex_);
  if (timer.index_ == Timer::kNotArmed) return false;
  Remove(timer);
  return true;
}

Instant TimerHeap::FireDue(Instant now, WakeList& wakes, size_t most) {
  MutexLock lock(mutex_);
  Timer* timer = Earliest();
  for (; most > 0 && timer != nullptr && timer->when_ <= now; --most) {
    Remove(*timer);
    timer->Fire(wakes);
    timer = Earliest();
  }
  return timer == nullptr ? Instant::InfiniteFuture() : timer->when_;
}

Instant TimerHeap::FireEarliest(bool idle, WakeList& wakes) {
  MutexLock lock(mutex_);
  Timer* earliest = nullptr;
  VisitAll([&](Timer& timer) {
    if (timer.OnlyWhenIdle() && !idle) return;
    if (earliest == nullptr || Before(timer, *earliest)) earliest = &timer;
  });
  if (earliest == nullptr) return Instant::InfiniteFuture();
  Remove(*earliest);
  earliest->Fire(wakes);
  return earliest->when_;
}

bool TimerHeap::HasFireable(bool idle) const {
  MutexLock lock(mutex_);
  if (idle) return Earliest() != nullptr;
  bool found = false;
  VisitAll([&](const Timer& timer) { found = found || !timer.OnlyWhenIdle(); });
  return found;
}

size_t TimerHeap::size() const {
  MutexLock lock(mutex_);
  return heap_.size() + beside_count_;
}

Instant ManualClock::Now() const { return Instant::FromNanoseconds(now_.load()); }
void ManualClock::Arm(Timer& timer, Instant when) { heap_.Arm(timer, when); }
bool ManualClock::Cancel(Timer& timer) { return heap_.Cancel(timer); }

void ManualClock::Advance(absl::Duration by) {
  Instant now = Now() + by;
  now_.store(now.nanoseconds());
  WakeList wakes;
  heap_.FireDue(now, wakes);
}

}  // namespace weir::internal
