// Clock: what time it is and who is told when. The second of the engine's seams.
//
// Instants are on the steady clock: a machine whose wall clock jumps does not disturb a run. Durations are absl::Duration.
#pragma once

#include <compare>
#include <cstdint>

#include "absl/time/time.h"

namespace weir {

// A moment on the engine's clock, in nanoseconds since that clock's own beginning. Comparable within one engine only.
class Instant {
 public:
  constexpr Instant() = default;
  static constexpr Instant FromNanoseconds(int64_t ns) { return Instant(ns); }
  static constexpr Instant InfiniteFuture() { return Instant(INT64_MAX); }

  constexpr int64_t nanoseconds() const { return ns_; }
  constexpr auto operator<=>(const Instant&) const = default;

  // Saturates: what leads beyond the clock's range gives InfiniteFuture, or the clock's beginning.
  friend Instant operator+(Instant instant, absl::Duration duration) {
    if (duration == absl::InfiniteDuration() || instant == InfiniteFuture())
      return InfiniteFuture();
    if (duration == -absl::InfiniteDuration()) return Instant(0);
    int64_t delta = absl::ToInt64Nanoseconds(duration);
    int64_t sum = 0;
    if (__builtin_add_overflow(instant.ns_, delta, &sum))
      return delta > 0 ? InfiniteFuture() : Instant(0);
    return Instant(sum);
  }
  friend absl::Duration operator-(Instant later, Instant earlier) {
    if (later == InfiniteFuture()) return absl::InfiniteDuration();
    return absl::Nanoseconds(later.ns_ - earlier.ns_);
  }

 private:
  explicit constexpr Instant(int64_t ns) : ns_(ns) {}
  int64_t ns_ = 0;
};

namespace internal {

class Timer;

class Clock {
 public:
  virtual ~Clock() = default;
  virtual Instant Now() const = 0;
  // Arranges that `timer` fires at `when` or soon after, never before. The timer must not be armed. Cannot fail.
  virtual void Arm(Timer& timer, Instant when) = 0;
  // After Cancel the timer is not armed and is not firing. True if it was armed: it will not have fired.
  virtual bool Cancel(Timer& timer) = 0;
};

}  // namespace internal
}  // namespace weir
