#include "weir/core/timer.h"

#include <algorithm>
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

bool TimerHeap::Arm(Timer& timer, Instant when) {
  MutexLock lock(mutex_);
  timer.when_ = when;
  timer.order_ = next_order_++;
  heap_.push_back(&timer);
  timer.index_ = heap_.size() - 1;
  SiftUp(timer.index_);
  return heap_.front() == &timer;
}

bool TimerHeap::Cancel(Timer& timer) {
  MutexLock lock(mutex_);
  if (timer.index_ == Timer::kNotArmed) return false;
  Remove(timer.index_);
  return true;
}

Instant TimerHeap::FireDue(Instant now, WakeList& wakes, size_t most) {
  MutexLock lock(mutex_);
  for (; most > 0 && !heap_.empty() && heap_.front()->when_ <= now; --most) {
    Timer* timer = heap_.front();
    Remove(0);
    timer->Fire(wakes);
  }
  return heap_.empty() ? Instant::InfiniteFuture() : heap_.front()->when_;
}

Instant TimerHeap::FireEarliest(bool idle, WakeList& wakes) {
  MutexLock lock(mutex_);
  Timer* earliest = nullptr;
  for (Timer* timer : heap_) {
    if (timer->OnlyWhenIdle() && !idle) continue;
    if (earliest == nullptr || Before(*timer, *earliest)) earliest = timer;
  }
  if (earliest == nullptr) return Instant::InfiniteFuture();
  Remove(earliest->index_);
  earliest->Fire(wakes);
  return earliest->when_;
}

bool TimerHeap::HasFireable(bool idle) const {
  MutexLock lock(mutex_);
  if (idle) return !heap_.empty();
  return std::any_of(heap_.begin(), heap_.end(),
                     [](const Timer* timer) { return !timer->OnlyWhenIdle(); });
}

size_t TimerHeap::size() const {
  MutexLock lock(mutex_);
  return heap_.size();
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
