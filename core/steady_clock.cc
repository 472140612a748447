#include "weir/core/steady_clock.h"

#include <algorithm>
#include <chrono>
#include <utility>

namespace weir::internal {
namespace {

constexpr size_t kFiredAtOnce = 512;

std::chrono::steady_clock::time_point ToChrono(Instant when) {
  return std::chrono::steady_clock::time_point(std::chrono::nanoseconds(when.nanoseconds()));
}

}  // namespace

SteadyClock::SteadyClock(absl::Duration period, std::function<void()> tick)
    : period_(period), tick_(std::move(tick)), thread_([this] { Loop(); }) {}

SteadyClock::~SteadyClock() {
  {
    MutexLock lock(mutex_);
    stopping_ = true;
  }
  wake_.notify_one();
  thread_.join();
}

Instant SteadyClock::Now() const {
  return Instant::FromNanoseconds(std::chrono::duration_cast<std::chrono::nanoseconds>(
                                      std::chrono::steady_clock::now().time_since_epoch())
                                      .count());
}

void SteadyClock::Arm(Timer& timer, Instant when) {
  if (!heap_.Arm(timer, when)) return;
  {
    MutexLock lock(mutex_);
    changed_ = true;
  }
  wake_.notify_one();
}

bool SteadyClock::Cancel(Timer& timer) { return heap_.Cancel(timer); }

void SteadyClock::SetTicking(bool ticking) {
  {
    MutexLock lock(mutex_);
    ticking_ = ticking;
    // A thread that still ticks looks again by itself: a program of many short runs does not wake it for each.
    if (!ticking || thread_ticks_) return;
    changed_ = true;
  }
  wake_.notify_one();
}

void SteadyClock::Loop() {
  Instant next_tick = Now() + period_;
  std::unique_lock<std::mutex> lock(mutex_);
  while (!stopping_) {
    changed_ = false;
    const bool ticking = thread_ticks_ = ticking_;
    lock.unlock();
    WakeList wakes;
    // Some at a time: who is woken need not wait until all have been fired, nor who arms or cancels. Not a few: before the next
    // are fired the workers would be through with them and asleep, and to wake one costs as much as to fire some hundreds.
    Instant until = heap_.FireDue(Now(), wakes, kFiredAtOnce);
    wakes.Flush();
    if (ticking) {
      if (Instant now = Now(); next_tick <= now) {
        tick_();
        next_tick = now + period_;
      }
      until = std::min(until, next_tick);
    }
    lock.lock();
    auto look_again = [this] { return changed_ || stopping_; };
    if (until == Instant::InfiniteFuture()) {
      wake_.wait(lock, look_again);
    } else {
      wake_.wait_until(lock, ToChrono(until), look_again);
    }
  }
}

}  // namespace weir::internal
