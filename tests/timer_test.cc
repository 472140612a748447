#include "weir/core/timer.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <memory>
#include <random>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "weir/core/steady_clock.h"

namespace weir::internal {
namespace {

Instant At(int64_t ns) { return Instant::FromNanoseconds(ns); }

class NamedTimer final : public Timer {
 public:
  NamedTimer(std::string name, std::vector<std::string>& fired, bool only_when_idle = false)
      : name_(std::move(name)), fired_(fired), only_when_idle_(only_when_idle) {}
  void Fire(WakeList&) override { fired_.push_back(name_); }
  bool OnlyWhenIdle() const override { return only_when_idle_; }

 private:
  const std::string name_;
  std::vector<std::string>& fired_;
  const bool only_when_idle_;
};

using Names = std::vector<std::string>;

TEST(InstantTest, Addition_Saturates) {
  EXPECT_EQ(At(5) + absl::Nanoseconds(7), At(12));
  EXPECT_EQ(At(5) + absl::InfiniteDuration(), Instant::InfiniteFuture());
  EXPECT_EQ(Instant::InfiniteFuture() + absl::Seconds(-1), Instant::InfiniteFuture());
  EXPECT_EQ(At(INT64_MAX - 1) + absl::Seconds(1), Instant::InfiniteFuture());
  EXPECT_EQ(At(5) + -absl::InfiniteDuration() < At(5), true);
  EXPECT_EQ(At(12) - At(5), absl::Nanoseconds(7));
  EXPECT_EQ(Instant::InfiniteFuture() - At(5), absl::InfiniteDuration());
}

class TimerHeapTest : public ::testing::Test {
 protected:
  Instant FireDue(int64_t now) {
    WakeList wakes;
    return heap_.FireDue(At(now), wakes);
  }
  Instant FireEarliest(bool idle) {
    WakeList wakes;
    return heap_.FireEarliest(idle, wakes);
  }
  TimerHeap heap_;
  Names fired_;
};

TEST_F(TimerHeapTest, ManyTimers_ArmedAndCancelledAtRandom_FireInOrder) {
  std::mt19937 random(1);
  for (int round = 0; round < 50; ++round) {
    std::vector<std::unique_ptr<NamedTimer>> timers;
    std::vector<std::pair<int64_t, int>>
        armed;  // when, and which: ties fire in the order of arming
    for (int i = 0; i < 64; ++i) {
      timers.push_back(std::make_unique<NamedTimer>(std::to_string(i), fired_));
      armed.emplace_back(1 + random() % 1000, i);
      heap_.Arm(*timers.back(), At(armed.back().first));
    }
    for (int i = 0; i < 32; ++i) {
      const size_t at = random() % armed.size();
      EXPECT_TRUE(heap_.Cancel(*timers[armed[at].second]));
      armed.erase(armed.begin() + static_cast<std::ptrdiff_t>(at));
    }
    std::sort(armed.begin(), armed.end());
    Names expected;
    for (const auto& [when, which] : armed) expected.push_back(std::to_string(which));
    fired_.clear();
    for (int64_t now = 1; now <= 1000; ++now) FireDue(now);
    ASSERT_EQ(fired_, expected) << "round " << round;
  }
}

TEST_F(TimerHeapTest, FireDue_AtMost_LeavesTheRestAndSaysThatItIsDue) {
  NamedTimer a("a", fired_), b("b", fired_), c("c", fired_);
  for (NamedTimer* timer : {&a, &b, &c}) heap_.Arm(*timer, At(10));
  WakeList wakes;
  EXPECT_EQ(heap_.FireDue(At(20), wakes, 2), At(10));
  EXPECT_EQ(fired_, (Names{"a", "b"}));
  EXPECT_EQ(heap_.FireDue(At(20), wakes, 2), Instant::InfiniteFuture());
  EXPECT_EQ(fired_, (Names{"a", "b", "c"}));
}

TEST_F(TimerHeapTest, FireDue_FiresInOrderOfTime_TellsWhenTheNextIsDue) {
  NamedTimer a("a", fired_), b("b", fired_), c("c", fired_);
  EXPECT_TRUE(heap_.Arm(b, At(20)));
  EXPECT_TRUE(heap_.Arm(a, At(10))) << "it is the earliest now";
  EXPECT_FALSE(heap_.Arm(c, At(30)));
  EXPECT_EQ(FireDue(5), At(10));
  EXPECT_EQ(fired_, Names());
  EXPECT_EQ(FireDue(20), At(30));
  EXPECT_EQ(fired_, (Names{"a", "b"}));
  EXPECT_EQ(FireDue(1000), Instant::InfiniteFuture());
  EXPECT_EQ(fired_, (Names{"a", "b", "c"}));
  EXPECT_EQ(heap_.size(), 0u);
}

TEST_F(TimerHeapTest, Ties_FireInTheOrderOfArming) {
  std::vector<std::unique_ptr<NamedTimer>> timers;
  Names expected;
  for (int i = 0; i < 20; ++i) {
    expected.push_back(std::to_string(i));
    timers.push_back(std::make_unique<NamedTimer>(expected.back(), fired_));
    heap_.Arm(*timers.back(), At(7));
  }
  FireDue(7);
  EXPECT_EQ(fired_, expected);
}

TEST_F(TimerHeapTest, Cancel_TakesOutExactlyTheOne_TrueOnlyWhileArmed) {
  NamedTimer a("a", fired_), b("b", fired_), c("c", fired_);
  heap_.Arm(a, At(1));
  heap_.Arm(b, At(2));
  heap_.Arm(c, At(3));
  EXPECT_TRUE(heap_.Cancel(b));
  EXPECT_FALSE(heap_.Cancel(b));
  FireDue(10);
  EXPECT_EQ(fired_, (Names{"a", "c"}));
  EXPECT_FALSE(heap_.Cancel(a)) << "it has fired";
  heap_.Arm(a, At(20));
  EXPECT_TRUE(heap_.Cancel(a)) << "it can be armed again";
}

TEST_F(TimerHeapTest, RandomArmAndCancel_FiresWhatIsLeftInOrder) {
  std::mt19937 random(1);
  struct Timed final : Timer {
    int64_t when = 0;
    std::vector<int64_t>* fired = nullptr;
    void Fire(WakeList&) override { fired->push_back(when); }
  };
  std::vector<int64_t> fired, expected;
  std::vector<std::unique_ptr<Timed>> timers;
  for (int i = 0; i < 300; ++i) {
    auto& timer = *timers.emplace_back(std::make_unique<Timed>());
    timer.when = 1 + static_cast<int64_t>(random() % 100);
    timer.fired = &fired;
    heap_.Arm(timer, At(timer.when));
  }
  for (auto& timer : timers) {
    if (random() % 2 == 0) {
      EXPECT_TRUE(heap_.Cancel(*timer));
    } else {
      expected.push_back(timer->when);
    }
  }
  std::sort(expected.begin(), expected.end());
  FireDue(1000);
  EXPECT_EQ(fired, expected);
}

TEST_F(TimerHeapTest, FireEarliest_FiresOneAlone_DueOrNot) {
  NamedTimer a("a", fired_), b("b", fired_);
  heap_.Arm(b, At(20));
  heap_.Arm(a, At(10));
  EXPECT_EQ(FireEarliest(false), At(10));
  EXPECT_EQ(fired_, Names{"a"});
  EXPECT_EQ(FireEarliest(false), At(20));
  EXPECT_EQ(FireEarliest(false), Instant::InfiniteFuture());
}

TEST_F(TimerHeapTest, OnlyWhenIdle_IsPassedOverWhileThereIsWork) {
  NamedTimer patient("patient", fired_, true), other("other", fired_);
  heap_.Arm(patient, At(1));
  EXPECT_FALSE(heap_.HasFireable(false));
  EXPECT_TRUE(heap_.HasFireable(true));
  heap_.Arm(other, At(2));
  EXPECT_TRUE(heap_.HasFireable(false));
  EXPECT_EQ(FireEarliest(false), At(2));
  EXPECT_EQ(FireEarliest(false), Instant::InfiniteFuture());
  EXPECT_EQ(FireEarliest(true), At(1));
  EXPECT_EQ(fired_, (Names{"other", "patient"}));
}

TEST(ManualClockTest, Advance_FiresWhatHasBecomeDue) {
  Names fired;
  ManualClock clock;
  NamedTimer a("a", fired), b("b", fired);
  const Instant began = clock.Now();
  clock.Arm(b, began + absl::Seconds(2));
  clock.Arm(a, began + absl::Seconds(1));
  EXPECT_EQ(clock.armed(), 2u);
  clock.Advance(absl::Milliseconds(999));
  EXPECT_EQ(fired, Names());
  clock.Advance(absl::Milliseconds(1));
  EXPECT_EQ(fired, Names{"a"});
  EXPECT_EQ(clock.Now(), began + absl::Seconds(1));
  EXPECT_TRUE(clock.Cancel(b));
  clock.Advance(absl::Hours(1));
  EXPECT_EQ(fired, Names{"a"});
  EXPECT_EQ(clock.armed(), 0u);
}

// A timer whose firing takes until it is let go.
class SlowTimer final : public Timer {
 public:
  void Fire(WakeList&) override {
    firing.store(true);
    firing.notify_all();
    let_go.wait(false);
    done.store(true);
  }
  std::atomic<bool> firing{false}, let_go{false}, done{false};
};

TEST(SteadyClockTest, Cancel_WhileFiring_WaitsUntilItHasFired) {
  SteadyClock clock(absl::Seconds(1), [] {});
  SlowTimer timer;
  clock.Arm(timer, clock.Now());
  timer.firing.wait(false);
  std::atomic<bool> cancelling{false};
  std::thread canceller([&] {
    cancelling.store(true);
    cancelling.notify_all();
    EXPECT_FALSE(clock.Cancel(timer)) << "it had begun to fire";
    EXPECT_TRUE(timer.done.load());
  });
  cancelling.wait(false);
  timer.let_go.store(true);
  timer.let_go.notify_all();
  canceller.join();
  EXPECT_EQ(clock.armed(), 0u);
}

TEST(SteadyClockTest, Arm_EarlierThanTheOneThatIsSleptFor_IsNotLate) {
  SteadyClock clock(absl::Hours(1), [] {});
  Names none;
  NamedTimer late("late", none);
  SlowTimer early;
  early.let_go.store(true);
  clock.Arm(late, clock.Now() + absl::Hours(1));
  clock.Arm(early, clock.Now() + absl::Milliseconds(1));
  early.firing.wait(false);  // or this test never ends
  clock.Cancel(early);
  EXPECT_TRUE(clock.Cancel(late));
}

TEST(SteadyClockTest, SetTicking_TicksUntilToldOtherwise) {
  std::atomic<int> ticks{0};
  SteadyClock clock(absl::Microseconds(100), [&] {
    ticks.fetch_add(1);
    ticks.notify_all();
  });
  clock.SetTicking(true);
  for (int seen = 0; seen < 3; seen = ticks.load()) ticks.wait(seen);
  clock.SetTicking(false);
}

TEST(SteadyClockTest, Destructor_LeavesArmedTimersUnfired) {
  Names fired;
  NamedTimer timer("timer", fired);
  {
    SteadyClock clock(absl::Seconds(1), [] {});
    clock.Arm(timer, clock.Now() + absl::Hours(1));
    clock.Cancel(timer);
  }
  EXPECT_EQ(fired, Names());
}

}  // namespace
}  // namespace weir::internal
