#include "weir/core/job_queue.h"

#include <gtest/gtest.h>

#include <array>
#include <cstdint>
#include <limits>
#include <string>
#include <vector>

namespace weir::internal {
namespace {

class NoJob final : public Job {
 public:
  void Run() override {}
  std::string Name() const override { return "no"; }
};

TEST(JobQueueTest, IsFirstInFirstOut) {
  NoJob a, b, c;
  JobQueue queue;
  EXPECT_TRUE(queue.empty());
  EXPECT_EQ(queue.PopFront(), nullptr);
  queue.PushBack(a, 1);
  queue.PushBack(b, 1);
  EXPECT_EQ(queue.PopFront(), &a);
  queue.PushBack(c, 1);
  queue.PushBack(a, 1);
  EXPECT_EQ(queue.size(), 3u);
  EXPECT_EQ(queue.PopFront(), &b);
  EXPECT_EQ(queue.PopFront(), &c);
  EXPECT_EQ(queue.PopFront(), &a);
  EXPECT_TRUE(queue.empty());
}

TEST(JobQueueTest, MoveFront_KeepsBothOrders) {
  NoJob a, b, c, d;
  JobQueue from, to;
  to.PushBack(d, 1);
  for (NoJob* job : {&a, &b, &c}) from.PushBack(*job, 1);
  from.MoveFront(2, to);
  EXPECT_EQ(from.size(), 1u);
  EXPECT_EQ(to.size(), 3u);
  for (Job* job : std::vector<Job*>{&d, &a, &b}) EXPECT_EQ(to.PopFront(), job);
  from.MoveFront(5, to);
  EXPECT_TRUE(from.empty());
  EXPECT_EQ(to.PopFront(), &c);
  from.PushBack(a, 1);
  EXPECT_EQ(from.PopFront(), &a);
}

TEST(JobQueueTest, PopSecond_LeavesTheFirst) {
  NoJob a, b, c;
  JobQueue queue;
  for (NoJob* job : {&a, &b, &c}) queue.PushBack(*job, 1);
  EXPECT_EQ(queue.PopSecond(), &b);
  EXPECT_EQ(queue.PopSecond(), &c);
  queue.PushBack(b, 1);
  EXPECT_EQ(queue.size(), 2u);
  for (Job* job : std::vector<Job*>{&a, &b}) EXPECT_EQ(queue.PopFront(), job);
  EXPECT_EQ(queue.cost_ns(), 0u);
}

TEST(JobQueueTest, CostNs_IsOfTheJobsThatStandThere) {
  NoJob a, b, c;
  JobQueue queue, other;
  queue.PushBack(a, 100);
  queue.PushBack(b, 20);
  queue.PushBack(c, 3);
  EXPECT_EQ(queue.cost_ns(), 123u);
  queue.MoveFront(1, other);
  EXPECT_EQ(queue.cost_ns(), 23u);
  EXPECT_EQ(other.cost_ns(), 100u);
  EXPECT_EQ(queue.PopFront(), &b);
  EXPECT_EQ(queue.cost_ns(), 3u);
}

TEST(JobQueueTest, OverlapNs_OfALongAndAShortJob_IsTheShortOnes) {
  NoJob a, b;
  JobQueue queue;
  EXPECT_EQ(queue.OverlapNs(1'000), 0u);
  queue.PushBack(a, 60);
  EXPECT_EQ(queue.OverlapNs(0), 0u);  // nothing would be done beside it
  EXPECT_EQ(queue.OverlapNs(10), 10u);
  EXPECT_EQ(queue.OverlapNs(1'000), 60u);
  queue.PushBack(b, 5);
  EXPECT_EQ(queue.OverlapNs(0), 5u);
  EXPECT_EQ(queue.OverlapNs(10), 15u);
  EXPECT_EQ(queue.OverlapNs(1'000), 60u);
}

TEST(JobQueueTest, OverlapNs_OfMany_IsHalfOfThem) {
  std::array<NoJob, 10> jobs;
  JobQueue queue;
  for (NoJob& job : jobs) queue.PushBack(job, 4);
  EXPECT_EQ(queue.OverlapNs(0), 20u);
}

TEST(RunTimesTest, MeanNs_FollowsWhatIsMeasured) {
  NoJob job, other;
  RunTimes times;
  EXPECT_EQ(times.MeanNs(&job), 0u);
  times.Note(&job, 1'000);
  EXPECT_EQ(times.MeanNs(&job), 1'000u);
  for (int i = 0; i < 100; ++i) times.Note(&job, 200);
  EXPECT_NEAR(times.MeanNs(&job), 200, 10);
  EXPECT_EQ(times.MeanNs(&other), 0u);
}

TEST(RunTimesTest, MeanNs_IsKnownForSomeJobsAtATime) {
  std::array<NoJob, 1'000> jobs;
  RunTimes times;
  for (size_t i = 0; i < jobs.size(); ++i) times.Note(&jobs[i], i + 1);
  size_t known = 0;
  for (size_t i = 0; i < jobs.size(); ++i) {
    const uint32_t mean = times.MeanNs(&jobs[i]);
    if (mean != 0) {
      EXPECT_EQ(mean, i + 1);
      ++known;
    }
  }
  EXPECT_GT(known, 30u);
  EXPECT_LE(known, 64u);
}

TEST(MovingMeanTest, OneOutlierHardlyCounts) {
  EXPECT_EQ(MovingMean(1'000, 1'000), 1'000u);
  EXPECT_LE(MovingMean(1'000, std::numeric_limits<uint64_t>::max()), 2'000u);
  EXPECT_EQ(MovingMean(1, 0), 1u) << "from 0 it could not grow again";
}

}  // namespace
}  // namespace weir::internal
