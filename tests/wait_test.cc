#include "weir/core/wait.h"

#include <gtest/gtest.h>

#include <atomic>
#include <string>
#include <thread>
#include <utility>
#include <vector>

namespace weir::internal {
namespace {

class CountingWaiter final : public Waiter {
 public:
  void Wake() override { woken.fetch_add(1); }
  std::atomic<int> woken{0};
};

class WaiterTest : public ::testing::Test {
 protected:
  bool Claim(Outcome outcome) {
    WakeList wakes;
    return waiter_.Claim(outcome, wakes);
  }
  CountingWaiter waiter_;
};

TEST_F(WaiterTest, Claim_WhileRunning_IsRefused) {
  EXPECT_FALSE(Claim(Outcome::kDone));
  EXPECT_FALSE(waiter_.claimed());
  EXPECT_EQ(waiter_.woken, 0);
}

TEST_F(WaiterTest, Claim_WhileParked_WakesOnceWithTheOutcome) {
  waiter_.Prepare();
  ASSERT_TRUE(waiter_.Publish());
  EXPECT_TRUE(Claim(Outcome::kTimedOut));
  EXPECT_EQ(waiter_.woken, 1);
  const Waiter::Result result = waiter_.Resumed();
  EXPECT_EQ(result.outcome, Outcome::kTimedOut);
  EXPECT_FALSE(result.early);
}

TEST_F(WaiterTest, Claim_WhilePreparing_DecidesButDoesNotWake) {
  waiter_.Prepare();
  EXPECT_TRUE(Claim(Outcome::kDone));
  EXPECT_FALSE(waiter_.Publish());
  EXPECT_EQ(waiter_.woken, 0);
  const Waiter::Result result = waiter_.Resumed();
  EXPECT_EQ(result.outcome, Outcome::kDone);
  EXPECT_TRUE(result.early);
}

TEST_F(WaiterTest, Claim_Second_IsRefused_FirstOutcomeStays) {
  waiter_.Prepare();
  ASSERT_TRUE(waiter_.Publish());
  EXPECT_TRUE(Claim(Outcome::kCancelled));
  EXPECT_FALSE(Claim(Outcome::kDone));
  EXPECT_EQ(waiter_.woken, 1);
  EXPECT_EQ(waiter_.Resumed().outcome, Outcome::kCancelled);
}

TEST_F(WaiterTest, AWaitThatOneLinkAloneCanEnd_IsClaimedThroughIt) {
  WaitLink link;
  link.waiter = &waiter_;
  link.alone = true;
  waiter_.Prepare();
  waiter_.PublishAlone();
  EXPECT_TRUE(waiter_.parked());
  {
    WakeList wakes;
    EXPECT_TRUE(link.Claim(Outcome::kEnd, wakes));
    EXPECT_EQ(waiter_.woken, 0);
  }
  EXPECT_EQ(waiter_.woken, 1);
  EXPECT_TRUE(waiter_.claimed());
  const Waiter::Result result = waiter_.Resumed();
  EXPECT_EQ(result.outcome, Outcome::kEnd);
  EXPECT_FALSE(result.early);
}

TEST_F(WaiterTest, Resumed_WaitsAgain) {
  for (Outcome outcome :
       {Outcome::kCancelled, Outcome::kClosed, Outcome::kDone, Outcome::kEnd, Outcome::kTimedOut}) {
    waiter_.Prepare();
    ASSERT_TRUE(waiter_.Publish());
    EXPECT_TRUE(Claim(outcome));
    EXPECT_TRUE(waiter_.claimed());
    EXPECT_EQ(waiter_.Resumed().outcome, outcome);
    EXPECT_FALSE(Claim(outcome)) << "nothing is waited for";
  }
  EXPECT_EQ(waiter_.woken, 5);
}

TEST_F(WaiterTest, Claim_FromManyThreads_ExactlyOneWins) {
  constexpr int kThreads = 4, kRounds = 100;
  for (int round = 0; round < kRounds; ++round) {
    CountingWaiter waiter;
    std::atomic<int> ready{0}, winners{0};
    std::vector<std::thread> threads;
    waiter.Prepare();
    for (int i = 0; i < kThreads - 1; ++i) {
      threads.emplace_back([&] {
        ready.fetch_add(1);
        while (ready.load() < kThreads) std::this_thread::yield();
        WakeList wakes;
        if (waiter.Claim(Outcome::kDone, wakes)) winners.fetch_add(1);
      });
    }
    ready.fetch_add(1);
    const bool parked = waiter.Publish();
    for (std::thread& thread : threads) thread.join();
    EXPECT_EQ(winners, 1);
    EXPECT_EQ(waiter.woken, parked ? 1 : 0);
    const Waiter::Result result = waiter.Resumed();
    EXPECT_EQ(result.outcome, Outcome::kDone);
    EXPECT_EQ(result.early, !parked);
  }
}

class NamedWakeable final : public Wakeable {
 public:
  NamedWakeable(char name, std::string& order, WakeList* again = nullptr)
      : name_(name), order_(order), again_(again) {}
  void Wake() override {
    order_ += name_;
    if (again_ != nullptr) std::exchange(again_, nullptr)->Add(*this);
  }

 private:
  const char name_;
  std::string& order_;
  WakeList* again_;
};

TEST(WakeListTest, Flush_WakesFirstInFirstOut) {
  std::string order;
  NamedWakeable a('a', order), b('b', order), c('c', order);
  WakeList wakes;
  wakes.Add(a);
  wakes.Add(b);
  wakes.Add(c);
  EXPECT_EQ(order, "") << "adding does not wake";
  wakes.Flush();
  EXPECT_EQ(order, "abc");
  wakes.Flush();
  EXPECT_EQ(order, "abc") << "each is woken once";
}

TEST(WakeListTest, Destructor_Flushes) {
  std::string order;
  NamedWakeable a('a', order);
  {
    WakeList wakes;
    wakes.Add(a);
  }
  EXPECT_EQ(order, "a");
}

TEST(WakeListTest, Wake_MayAddAgain) {
  std::string order;
  WakeList wakes;
  NamedWakeable a('a', order, &wakes), b('b', order);
  wakes.Add(a);
  wakes.Add(b);
  wakes.Flush();
  EXPECT_EQ(order, "aba");
}

TEST(WaitListTest, PushBack_KeepsOrder_RemoveTakesFromAnywhere) {
  WaitList list;
  WaitLink links[4];
  EXPECT_TRUE(list.empty());
  for (WaitLink& link : links) list.PushBack(link);
  list.Remove(links[1]);
  EXPECT_EQ(list.front(), &links[0]);
  EXPECT_EQ(WaitList::Next(links[0]), &links[2]);
  list.Remove(links[0]);
  list.Remove(links[3]);
  EXPECT_EQ(list.front(), &links[2]);
  EXPECT_EQ(WaitList::Next(links[2]), nullptr);
  EXPECT_FALSE(links[0].linked());
  EXPECT_TRUE(links[2].linked());
  list.PushBack(links[0]);
  EXPECT_EQ(WaitList::Next(links[2]), &links[0]);
}

TEST(WaitListTest, Remove_WhatIsNotLinked_DoesNothing) {
  WaitList list;
  WaitLink linked, other;
  list.PushBack(linked);
  list.Remove(other);
  EXPECT_EQ(list.front(), &linked);
  list.Remove(linked);
  list.Remove(linked);
  EXPECT_TRUE(list.empty());
}

TEST(WaitKindTest, Names_AreDistinct) {
  EXPECT_STREQ(WaitKindName(WaitKind::kReceive), "receive");
  EXPECT_STREQ(WaitKindName(WaitKind::kSend), "send");
  EXPECT_STREQ(WaitKindName(WaitKind::kGate), "gate");
}

}  // namespace
}  // namespace weir::internal
