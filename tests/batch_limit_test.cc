#include "weir/core/batch_limit.h"

#include <algorithm>
#include <atomic>
#include <ranges>
#include <string>
#include <thread>
#include <vector>

#include "gtest/gtest.h"
#include "weir/core/engine.h"
#include "weir/core/run.h"
#include "weir/stages/flow.h"

namespace weir::internal {
namespace {

TEST(BatchLimitTest, Batch_IsAsLongAsItsCount_UntilItIsStopped) {
  BatchLimit& limit = BatchLimit::OfThisThread();
  {
    const BatchLimit::Batch batch(7);
    EXPECT_EQ(limit.most(), 7u);
    limit.Stop();
    EXPECT_EQ(limit.most(), 0u);
  }
  EXPECT_TRUE(limit.last_was_stopped());
  {
    const BatchLimit::Batch batch(7);
  }
  EXPECT_FALSE(limit.last_was_stopped());
}

TEST(BatchLimitTest, BatchInsideOfAnother_LeavesTheOuterOneAsItWas) {
  BatchLimit& limit = BatchLimit::OfThisThread();
  const BatchLimit::Batch outer(3);
  {
    const BatchLimit::Batch inner(100);
    limit.Stop();
  }
  EXPECT_EQ(limit.most(), 3u);
}

TEST(BatchLimitTest, EachThreadHasItsOwn) {
  const BatchLimit::Batch batch(3);
  std::thread([] { BatchLimit::OfThisThread().Stop(); }).join();
  EXPECT_EQ(BatchLimit::OfThisThread().most(), 3u);
}

// --- In a run: a body that stops its own batch is what the engine takes a slow one for ---

TEST(SlowItemsTest, WhatIsDoneIsPassedOn_BeforeTheNextItem) {
  for (uint64_t seed = 0; seed < 50; ++seed) {
    int begun = 0, most_held = 0, received = 0;
    Graph graph("slow");
    From(graph, "numbers", FromRange(std::views::iota(0, 500)))
        .Map("map",
             [&](int i) {
               if (i >= 300) {
                 most_held = std::max(most_held, begun - received);
                 BatchLimit::OfThisThread().Stop();
               }
               ++begun;
               return i;
             },
             {.fuse = false})
        .ForEach("count", [&](int) { ++received; }, {.fuse = false, .capacity = 1});
    Engine engine = Engine::Simulated(seed);
    ASSERT_TRUE(weir::Run(engine, graph).Wait().ok());
    ASSERT_EQ(received, 500);
    // The batch in which the first slow item comes; after it, one item in the channel and one in each stage's hands.
    EXPECT_LE(most_held, 64 + 3) << "seed " << seed;
  }
}

TEST(SlowItemsTest, ACancellationIsHeardBetweenTwoItems) {
  for (const int workers : {1, 3}) {
    for (uint64_t seed = 0; seed < 50; ++seed) {
      int after = 0;
      weir::Run* run = nullptr;
      Graph graph("cancelled");
      From(graph, "numbers", FromRange(std::views::iota(0, 1000)))
          .Map("map",
               [&](int i) {
                 if (run != nullptr && !run->over() && i >= 500) {
                   ++after;
                   run->Cancel(absl::CancelledError("enough"));
                   BatchLimit::OfThisThread().Stop();
                 }
                 return i;
               },
               {.workers = workers})
          .Ignore("ignore");
      Engine engine = Engine::Simulated(seed);
      weir::Run cancelled(engine, graph);
      run = &cancelled;
      const Report report = cancelled.Wait();
      EXPECT_EQ(report.status.message(), "enough");
      EXPECT_LE(after, workers * static_cast<int>(kUnchecked)) << "those that each had begun";
    }
  }
}

TEST(SlowItemsTest, WhatAWorkerHasNotBegun_IsTakenByIdleOnes_InOrder) {
  for (const bool ordered : {true, false}) {
    for (uint64_t seed = 0; seed < 100; ++seed) {
      std::vector<int> got;
      Graph graph("shared");
      From(graph, "numbers", FromRange(std::views::iota(0, 400)))
          .Map("map",
               [](int i) {
                 if (i % 40 > 30) BatchLimit::OfThisThread().Stop();
                 return i;
               },
               {.workers = 4, .ordered = ordered})
          .Collect("collect", got);
      Engine engine = Engine::Simulated(seed);
      const Report report = weir::Run(engine, graph).Wait();
      ASSERT_TRUE(report.ok()) << report.status;
      ASSERT_EQ(got.size(), 400u);
      if (!ordered) std::ranges::sort(got);
      for (int i = 0; i < 400; ++i) ASSERT_EQ(got[i], i);
    }
  }
}

// On real threads, where nothing but the engine's watch stops a batch. Each of the last items takes until its batch is stopped, or
// until four are processed at once, which happens only if idle workers take items from the batches in which they came.
TEST(SlowItemsTest, TheEngineStopsABatchThatTakesLong_AndIdleWorkersShareIt) {
  for (const bool blocking : {false, true}) {
    std::atomic<int> inside{0};
    std::atomic<bool> four{false};
    Graph graph("watched");
    From(graph, "numbers", FromRange(std::views::iota(0, 20'200)))
        .Map("map",
             [&](int i) {
               if (i < 20'000) return i;
               if (inside.fetch_add(1) == 3) four.store(true);
               while (!four.load() && BatchLimit::OfThisThread().most() > 0)
                 std::this_thread::yield();
               inside.fetch_sub(1);
               return i;
             },
             {.workers = 5, .blocking = blocking})
        .Ignore("ignore");
    Engine engine({.threads = 5, .blocking_threads = 5});
    EXPECT_TRUE(weir::Run(engine, graph).Wait().ok());
    EXPECT_TRUE(four.load());
  }
}

}  // namespace
}  // namespace weir::internal
