#include "weir/core/mutex.h"

#include <gtest/gtest.h>

#include <atomic>
#include <cstdint>
#include <thread>
#include <vector>

namespace weir::internal {
namespace {

// More threads than cores, so that holders lose their core now and then.
TEST(SpinMutexTest, OneAtATime) {
  constexpr int kThreads = 8, kTimes = 20'000;
  SpinMutex mutex;
  int64_t sum = 0;
  std::vector<std::thread> threads;
  for (int i = 0; i < kThreads; ++i) {
    threads.emplace_back([&] {
      for (int j = 0; j < kTimes; ++j) {
        MutexLock lock(mutex);
        ++sum;
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(sum, int64_t{kThreads} * kTimes);
}

// Its holder goes on only when the other has begun to wait, and the other has to get it all the same.
TEST(SpinMutexTest, WhoWaitsLong_GetsItWhenItIsLetGo) {
  SpinMutex mutex;
  std::atomic<bool> waits{false}, has_it{false};
  mutex.lock();
  std::thread other([&] {
    waits = true;
    MutexLock lock(mutex);
    has_it = true;
  });
  while (!waits) std::this_thread::yield();
  for (int i = 0; i < 10'000; ++i) std::this_thread::yield();
  EXPECT_FALSE(has_it);
  mutex.unlock();
  other.join();
  EXPECT_TRUE(has_it);
}

}  // namespace
}  // namespace weir::internal
