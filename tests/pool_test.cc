#include "weir/core/pool.h"

#include <gtest/gtest.h>
#include <malloc.h>

#include <atomic>
#include <memory>
#include <set>
#include <string>
#include <thread>
#include <vector>

namespace weir::internal {
namespace {

class CountingJob final : public Job {
 public:
  explicit CountingJob(std::atomic<int>& count) : count_(count) {}
  void Run() override { count_.fetch_add(1); }
  std::string Name() const override { return "counting"; }

 private:
  std::atomic<int>& count_;
};

// Posts itself again until it has run `times` times.
class AgainJob final : public Job {
 public:
  AgainJob(Pool& pool, int times, std::atomic<int>& done)
      : pool_(pool), left_(times), done_(done) {}
  void Run() override {
    EXPECT_TRUE(pool_.OnOwnThread());
    if (--left_ == 0) {
      done_.fetch_add(1);
    } else {
      pool_.Post(*this);
    }
  }
  std::string Name() const override { return "again"; }

 private:
  Pool& pool_;
  int left_;
  std::atomic<int>& done_;
};

// Waits for others inside of the pool, as a long body does.
class MeetingJob final : public Job {
 public:
  MeetingJob(std::atomic<int>& arrived, int expected) : arrived_(arrived), expected_(expected) {}
  void Run() override {
    arrived_.fetch_add(1);
    while (arrived_.load() < expected_) std::this_thread::yield();
  }
  std::string Name() const override { return "meeting"; }

 private:
  std::atomic<int>& arrived_;
  const int expected_;
};

class PoolTest : public ::testing::TestWithParam<int> {};
INSTANTIATE_TEST_SUITE_P(Widths, PoolTest, ::testing::Values(1, 2, 3, 8, 64));

TEST_P(PoolTest, Post_EveryJobRunsOnce) {
  std::atomic<int> count{0};
  std::vector<std::unique_ptr<CountingJob>> jobs;
  Pool pool(GetParam());
  EXPECT_EQ(pool.width(), GetParam());
  for (int i = 0; i < 500; ++i) pool.Post(*jobs.emplace_back(std::make_unique<CountingJob>(count)));
  while (count < 500) std::this_thread::yield();
}

TEST_P(PoolTest, Post_FromInsideAJob_AlsoItself) {
  std::atomic<int> done{0};
  Pool pool(GetParam());
  std::vector<std::unique_ptr<AgainJob>> jobs;
  for (int i = 0; i < 10; ++i)
    pool.Post(*jobs.emplace_back(std::make_unique<AgainJob>(pool, 100, done)));
  while (done < 10) std::this_thread::yield();
}

TEST_P(PoolTest, ShortJobsThatPostEachOther_StayWithOneWorker) {
  // Two jobs post each other: what a chain of stages does. Neither is ever worth a wake-up.
  struct PingJob final : Job {
    Pool* pool = nullptr;
    PingJob* other = nullptr;
    int left = 1000;
    std::set<std::thread::id>* threads = nullptr;
    std::atomic<bool>* done = nullptr;
    void Run() override {
      threads->insert(std::this_thread::get_id());
      if (--left > 0) {
        pool->Post(*other);
      } else {
        done->store(true);
      }
    }
    std::string Name() const override { return "ping"; }
  } a, b;
  std::set<std::thread::id> threads;  // by one job at a time
  std::atomic<bool> done{false};
  {
    Pool pool(GetParam());
    a.pool = b.pool = &pool;
    a.other = &b;
    b.other = &a;
    a.threads = b.threads = &threads;
    a.done = b.done = &done;
    pool.Post(a);
    while (!done) std::this_thread::yield();
  }
  EXPECT_EQ(threads.size(), 1u);
}

TEST_P(PoolTest, Post_FromManyThreads_AllRun) {
  constexpr int kThreads = 4, kEach = 100;
  std::atomic<int> count{0};
  std::vector<std::unique_ptr<CountingJob>> jobs;
  for (int i = 0; i < kThreads * kEach; ++i) jobs.push_back(std::make_unique<CountingJob>(count));
  {
    Pool pool(GetParam());
    std::vector<std::thread> threads;
    for (int t = 0; t < kThreads; ++t) {
      threads.emplace_back([&, t] {
        for (int i = 0; i < kEach; ++i) pool.Post(*jobs[t * kEach + i]);
      });
    }
    for (std::thread& thread : threads) thread.join();
  }  // waits for the drains
  EXPECT_EQ(count, kThreads * kEach);
}

TEST_P(PoolTest, Post_WakesWorkersThatSleep) {
  std::atomic<int> count{0};
  std::vector<std::unique_ptr<CountingJob>> jobs;
  for (int i = 0; i < GetParam(); ++i) jobs.push_back(std::make_unique<CountingJob>(count));
  Pool pool(GetParam());
  for (int round = 1; round <= 100; ++round) {
    for (auto& job : jobs) pool.Post(*job);
    while (count < round * GetParam()) std::this_thread::yield();
    // All of them sleep, or look for jobs and are about to.
    while (round % 2 == 0 && !pool.Idle()) std::this_thread::yield();
  }
}

TEST_P(PoolTest, IsDestroyedWhileWorkersSleep) {
  for (int i = 0; i < 20; ++i) {
    std::atomic<int> count{0};
    CountingJob job(count);
    Pool pool(GetParam());
    pool.Post(job);
    while (count == 0 || !pool.Idle()) std::this_thread::yield();
  }
}

// The job that a thread of the program posts may end all that there was to do while the thread is still in Post.
TEST_P(PoolTest, IsDestroyed_WhileOtherThreadsAreStillInPost) {
  constexpr int kThreads = 6;
  mallopt(M_PERTURB, 0xA5);  // what has been freed does not look as it did
  for (int i = 0; i < 100; ++i) {
    std::atomic<int> count{0};
    std::vector<std::unique_ptr<CountingJob>> jobs;
    auto pool = std::make_unique<Pool>(GetParam());
    std::vector<std::thread> posters;
    for (int t = 0; t < kThreads; ++t) {
      Job& job = *jobs.emplace_back(std::make_unique<CountingJob>(count));
      posters.emplace_back([&pool = *pool, &job] { pool.Post(job); });
    }
    while (count < kThreads) {
      pool->Watch();
      std::this_thread::yield();
    }
    pool.reset();
    for (std::thread& poster : posters) poster.join();
  }
  mallopt(M_PERTURB, 0);
}

TEST_P(PoolTest, Watch_GivesAJobBehindALongOneAThread) {
  // All of them have to run at the same time.
  const int width = GetParam();
  std::atomic<int> arrived{0};
  std::vector<std::unique_ptr<MeetingJob>> jobs;
  Pool pool(width);
  for (int i = 0; i < width; ++i)
    pool.Post(*jobs.emplace_back(std::make_unique<MeetingJob>(arrived, width)));
  while (arrived < width) {
    pool.Watch();
    std::this_thread::yield();
  }
}

TEST(PoolsTest, Watch_AJobBehindALongOne_RunsWhereAnotherWorkerIsNeverIdle) {
  std::atomic<bool> stop{false}, ran{false};
  struct EndlessJob final : Job {
    Pool* pool;
    std::atomic<bool>* stop;
    void Run() override {
      if (!*stop) pool->Post(*this);
    }
    std::string Name() const override { return "endless"; }
  } endless;
  struct ShortJob final : Job {
    std::atomic<bool>* ran;
    void Run() override { *ran = true; }
    std::string Name() const override { return "short"; }
  } short_one;
  struct LongJob final : Job {
    Pool* pool;
    Job* behind;
    std::atomic<bool>* ran;
    void Run() override {
      pool->Post(*behind);
      while (!*ran) std::this_thread::yield();
    }
    std::string Name() const override { return "long"; }
  } long_one;
  Pool pool(2);
  endless.pool = long_one.pool = &pool;
  endless.stop = &stop;
  short_one.ran = long_one.ran = &ran;
  long_one.behind = &short_one;
  pool.Post(endless);
  pool.Post(long_one);
  while (!ran) {
    pool.Watch();
    std::this_thread::yield();
  }
  stop = true;
}

TEST(PoolsTest, TwoPools_KnowTheirOwnThreads) {
  Pool a(1), b(1);
  struct AskJob final : Job {
    Pool *own, *other;
    std::atomic<bool> done{false}, right{false};
    void Run() override {
      right = own->OnOwnThread() && !other->OnOwnThread();
      done = true;
    }
    std::string Name() const override { return "ask"; }
  } in_a, in_b;
  in_a.own = in_b.other = &a;
  in_b.own = in_a.other = &b;
  EXPECT_FALSE(a.OnOwnThread());
  a.Post(in_a);
  b.Post(in_b);
  while (!in_a.done || !in_b.done) std::this_thread::yield();
  EXPECT_TRUE(in_a.right);
  EXPECT_TRUE(in_b.right);
}

TEST(PoolsTest, Watch_WithNothingToDo_DoesNothing) {
  Pool pool(2);
  for (int i = 0; i < 10; ++i) pool.Watch();
}

}  // namespace
}  // namespace weir::internal
