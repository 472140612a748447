#include "weir/stages/reorder_window.h"

#include <algorithm>
#include <cstdint>
#include <memory>
#include <ranges>
#include <string>
#include <utility>
#include <vector>

#include "gtest/gtest.h"
#include "weir/core/engine.h"
#include "weir/core/run.h"
#include "weir/stages/flow.h"

namespace weir::internal {
namespace {

// A window of ints, whose rounds hold the position of each of their inputs.
class ReorderWindowTest : public testing::Test {
 protected:
  using Round = std::unique_ptr<HeldRound>;

  Round Make(uint64_t first, uint64_t next) {
    Round round = std::make_unique<HeldRound>(kItemType<int>);
    Fill(*round, first, next);
    return round;
  }
  static void Fill(HeldRound& round, uint64_t first, uint64_t next) {
    round.first = first;
    round.next = next;
    round.items.Reserve(next - first);
    for (uint64_t i = first; i < next; ++i)
      static_cast<int*>(round.items.data())[i - first] = static_cast<int>(i);
    round.items.SetSize(next - first);
  }
  // Leaves a round; false if its turn has come.
  bool Hold(uint64_t first, uint64_t next) {
    Round round = Make(first, next);
    return window_.Hold(round);
  }
  // Advances as the Work whose turn it is does, and returns the inputs of the rounds that it has to emit.
  std::vector<int> AdvanceTo(uint64_t next) {
    std::vector<int> emitted;
    for (Round round; window_.Advance(next, round);) {
      const int* items = static_cast<int*>(round->items.data());
      emitted.insert(emitted.end(), items, items + round->items.size());
      round->items.Clear();
      next = round->next;
    }
    return emitted;
  }

  ReorderWindow window_;
};

TEST_F(ReorderWindowTest, RoundWhoseTurnItIs_IsTheWorkersToEmit) {
  window_.Begin(8, 0);
  EXPECT_FALSE(Hold(0, 2));
  EXPECT_TRUE(Hold(2, 4));
}

TEST_F(ReorderWindowTest, RoundsLeftOutOfOrder_FollowInTheOrderOfTheirInputs) {
  window_.Begin(100, 0);
  EXPECT_TRUE(Hold(6, 8));
  EXPECT_TRUE(Hold(2, 3));
  EXPECT_TRUE(Hold(3, 6));
  EXPECT_EQ(AdvanceTo(2), (std::vector<int>{2, 3, 4, 5, 6, 7}));
  EXPECT_FALSE(Hold(8, 9));
}

TEST_F(ReorderWindowTest, Advance_StopsAtAGap) {
  window_.Begin(100, 0);
  EXPECT_TRUE(Hold(2, 4));
  EXPECT_TRUE(Hold(5, 6));
  EXPECT_EQ(AdvanceTo(2), (std::vector<int>{2, 3}));
  EXPECT_EQ(AdvanceTo(5), (std::vector<int>{5}));
}

TEST_F(ReorderWindowTest, HoldsFrom_IsTheTurnFromWhichTheRoundIsInTheWindow) {
  window_.Begin(4, 0);
  EXPECT_EQ(window_.HoldsFrom(2, 4), 0u);
  EXPECT_EQ(window_.HoldsFrom(5, 7), 3u);
  EXPECT_EQ(window_.HoldsFrom(5, 50), 5u) << "longer than the window: it waits for its turn";
  EXPECT_TRUE(window_.Reached(0));
  EXPECT_FALSE(window_.Reached(3));
  AdvanceTo(3);
  EXPECT_TRUE(window_.Reached(3));
}

TEST_F(ReorderWindowTest, HoldsFrom_AdmitsAFewRoundsHoweverLong) {
  window_.Begin(4, 3);
  EXPECT_EQ(window_.HoldsFrom(100, 200), 0u);
  EXPECT_EQ(window_.HoldsFrom(300, 400), 100u);
}

TEST_F(ReorderWindowTest, OpenToAll_GivesEveryRoundItsTurn) {
  window_.Begin(4, 0);
  EXPECT_TRUE(Hold(2, 3));
  window_.OpenToAll();
  EXPECT_TRUE(window_.Reached(1000));
  EXPECT_FALSE(Hold(1000, 1001));
}

TEST_F(ReorderWindowTest, MemoryOfEmittedRounds_IsGivenToTheNextThatAreLeft) {
  window_.Begin(100, 0);
  EXPECT_TRUE(Hold(1, 2));
  Round taken;
  ASSERT_TRUE(window_.Advance(1, taken));
  taken->items.Clear();
  HeldRound* const memory = taken.get();
  EXPECT_TRUE(Hold(3, 4));
  ASSERT_TRUE(window_.Advance(3, taken));  // gives back what it was called with
  taken->items.Clear();
  Round left = Make(5, 6);
  EXPECT_TRUE(window_.Hold(left));
  EXPECT_EQ(left.get(), memory);
}

TEST_F(ReorderWindowTest, RoundsThatAreNeverEmitted_AreDestroyedAtTheEnd) {
  auto alive = std::make_shared<int>(0);
  window_.Begin(100, 0);
  Round round = std::make_unique<HeldRound>(kItemType<std::shared_ptr<int>>);
  round->first = 1;
  round->next = 2;
  round->items.Reserve(1);
  ::new (round->items.data()) std::shared_ptr<int>(alive);
  round->items.SetSize(1);
  EXPECT_TRUE(window_.Hold(round));
  EXPECT_EQ(alive.use_count(), 2);
  window_.DiscardHeld();
  EXPECT_EQ(alive.use_count(), 1);
}

TEST_F(ReorderWindowTest, RoundsThatAreNeverEmitted_CountInTheFusedChannelsThatTheyPassed) {
  RunSignals signals;
  Channel channel(kItemType<int>, 4, signals);
  channel.SetEnds({});
  window_.Begin(100, 0);
  Round round = Make(1, 4);
  round->fused.push_back({.channel = &channel, .taken = 2, .left = 1});
  EXPECT_TRUE(window_.Hold(round));
  EXPECT_EQ(channel.ledger().received, 0u);
  window_.DiscardHeld();
  EXPECT_EQ(channel.ledger().received, 2u);
  EXPECT_EQ(channel.ledger().refused, 1u);
  EXPECT_TRUE(channel.ledger().balanced());
}

// --- In a run ---

TEST(OrderedWorkersTest, AnyWindow_KeepsTheOrderAndEveryItem) {
  for (const size_t ordered_window : {size_t{0}, size_t{1}, size_t{3}, size_t{100}}) {
    for (uint64_t seed = 0; seed < 100; ++seed) {
      std::vector<int> into;
      Graph graph("ordered");
      From(graph, "numbers", FromRange(std::views::iota(0, 200)))
          .Map("map", [](int i) { return i; },
               {.workers = 3, .ordered_window = ordered_window, .capacity = 7})
          .Filter("even", [](int i) { return i % 2 == 0; }, {.workers = 3})
          .Collect("into", into);
      Engine engine = Engine::Simulated(seed);
      const Report report = weir::Run(engine, graph).Wait();
      ASSERT_TRUE(report.ok()) << report.status;
      ASSERT_EQ(into.size(), 100u) << "seed " << seed << ", window " << ordered_window;
      for (int i = 0; i < 100; ++i) ASSERT_EQ(into[i], 2 * i);
    }
  }
}

// How far a worker is ahead of what has been emitted, at the most, over many schedules.
int MostAhead(size_t ordered_window) {
  int most = 0;
  for (uint64_t seed = 0; seed < 100; ++seed) {
    int emitted = 0;
    Graph graph("ahead");
    From(graph, "numbers", FromRange(std::views::iota(0, 300)))
        .Map("map",
             [&](int i) {
               most = std::max(most, i - emitted);
               return i;
             },
             {.workers = 4, .blocking = true, .ordered_window = ordered_window, .capacity = 8})
        .ForEach("count", [&](int) { ++emitted; }, {.capacity = 1});
    Engine engine = Engine::Simulated(seed);
    EXPECT_TRUE(weir::Run(engine, graph).Wait().ok());
  }
  return most;
}

TEST(OrderedWorkersTest, Window_BoundsHowFarWorkersAreAhead) {
  // Beside the window: what each worker has in its hands, which is at most what the input's channel holds, and one item on its way
  // to the sink.
  EXPECT_LE(MostAhead(4), 4 + 4 * 8 + 2);
  EXPECT_GT(MostAhead(64), MostAhead(4)) << "workers that are out of turn do not wait";
}

TEST(OrderedWorkersTest, FailureInOrder_NothingLaterIsEmitted) {
  for (uint64_t seed = 0; seed < 100; ++seed) {
    std::vector<int> seen;
    Graph graph("fails");
    From(graph, "numbers", FromRange(std::views::iota(0, 200)))
        .Map("map",
             [](int i) -> absl::StatusOr<int> {
               if (i == 60) return absl::DataLossError("sixty");
               return i;
             },
             {.workers = 4, .capacity = 16})
        .ForEach("see", [&](int i) { seen.push_back(i); });
    Engine engine = Engine::Simulated(seed);
    const Report report = weir::Run(engine, graph).Wait();
    EXPECT_EQ(report.status.code(), absl::StatusCode::kDataLoss);
    EXPECT_NE(report.status.message().find("item 60"), std::string::npos) << report.status;
    for (size_t i = 0; i < seen.size(); ++i) ASSERT_EQ(seen[i], static_cast<int>(i));
    ASSERT_LE(seen.size(), 60u);
  }
}

}  // namespace
}  // namespace weir::internal
