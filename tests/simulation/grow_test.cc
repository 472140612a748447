// Three graphs that wedge. Each ends with a verdict that names who waits on what and the next capacity to try; growing it finds
// one that runs through, or says that none will.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <ranges>
#include <string>
#include <utility>
#include <vector>

#include "weir/explore.h"

namespace weir {
namespace {

using ::testing::HasSubstr;

constexpr int kItems = 100;

// A diamond: the first half of the numbers goes left, the second right, and a join takes from both in turn.
void Diamond(Trial& trial) {
  std::vector<std::pair<int, int>> pairs;
  Graph graph("diamond");
  auto sides =
      From(graph, "numbers", FromRange(std::views::iota(0, kItems)))
          .Partition("split", 2, [](int n) { return n < kItems / 2 ? 0 : 1; }, {.capacity = 2});
  auto& zip = graph.Add("zip", Zip<int, int>());
  sides[0].Map("left", [](int n) { return n; }, {.capacity = 2}).To(zip.first, {.capacity = 2});
  sides[1].Map("right", [](int n) { return n; }, {.capacity = 2}).To(zip.second, {.capacity = 2});
  Flow(graph, zip.out).Collect("collect", pairs);
  const Report report = trial.Run(graph);
  trial.Expect(!report.ok() || pairs.size() == kItems / 2, "all pairs");
}

// A loop that sends two items round for each that it takes, until there are as many as `limit` says; none if it is 0.
class Doubles final : public Stage {
 public:
  In<int> in{this, "in"};
  Out<int> out{this, "out"};
  explicit Doubles(int limit) : limit_(limit) {}
  Task<> Work(Context&) override {
    int sent_so_far = 0;
    while (auto item = co_await in.Receive()) {
      for (int i = 0; i < 2 && (limit_ == 0 || sent_so_far < limit_); ++i, ++sent_so_far) {
        auto send = out.Send(*item);
        absl::Status sent = co_await send;
        if (!sent.ok()) co_return sent;
      }
    }
    co_return in.status();
  }

 private:
  const int limit_;
};

void Loop(Trial& trial, int limit) {
  Graph graph("loop");
  auto& doubles = graph.Add<Doubles>("doubles", limit);
  auto& back = graph.Add("back", Map<int>([](int n) { return n; }));
  From(graph, "one", FromVector<int>({1})).To(doubles.in, {.capacity = 4});
  graph.Connect(doubles.out, back.in, {.capacity = 4});
  graph.Connect(back.out, doubles.in, {.feedback = true});
  trial.Run(graph);
}

// A lock-step join of all numbers with those that a filter lets through: it waits for a number of the filter's side while the
// other side, which comes from the same source, is full.
void LockStep(Trial& trial) {
  std::vector<std::pair<int, int>> pairs;
  Graph graph("lock_step");
  auto sides = From(graph, "numbers", FromRange(std::views::iota(0, kItems)))
                   .Broadcast("both", 2, {.capacity = 2});
  auto& zip = graph.Add("zip", Zip<int, int>());
  sides[0].To(zip.first, {.capacity = 2});
  sides[1]
      .Filter("tenth", [](int n) { return n % 10 == 9; }, {.capacity = 2})
      .To(zip.second, {.capacity = 2});
  Flow(graph, zip.out).Collect("collect", pairs);
  const Report report = trial.Run(graph);
  trial.Expect(!report.ok() || pairs.size() == kItems / 10, "all pairs");
}

TEST(GrowTest, Diamond_IsNamed_AndRunsThroughOnceGrown) {
  const Exploration found = Explore({.seeds = 10}, Diamond);
  ASSERT_FALSE(found.ok());
  EXPECT_THAT(found.failure->what, HasSubstr("zip waits to receive from zip.second"));
  EXPECT_THAT(found.failure->what, HasSubstr(": try capacity 4"));

  const Growth growth = Grow({.seeds = 200}, Diamond);
  EXPECT_TRUE(growth.ok()) << growth;
  ASSERT_FALSE(growth.grown.empty());
  EXPECT_THAT(growth.ToString(), HasSubstr("no failure, with capacity "));
}

TEST(GrowTest, Loop_ThatFillsUpToALimit_RunsThroughOnceGrown) {
  const auto body = [](Trial& trial) { Loop(trial, 1000); };
  const Exploration found = Explore({.seeds = 10}, body);
  ASSERT_FALSE(found.ok());
  EXPECT_THAT(found.failure->what, HasSubstr("doubles is blocked on back.in, 4 of 4"));
  EXPECT_THAT(found.failure->what, HasSubstr("back is blocked on doubles.in, 4 of 4"));

  const Growth growth = Grow({.seeds = 100}, body);
  EXPECT_TRUE(growth.ok()) << growth;
  EXPECT_EQ(growth.grown.size(), 2u) << growth;
}

TEST(GrowTest, Loop_ThatFillsWithoutEnd_NoneWillDo) {
  const Growth growth = Grow(
      {.seeds = 10}, [](Trial& trial) { Loop(trial, 0); }, 1024);
  EXPECT_FALSE(growth.ok());
  EXPECT_THAT(growth.given_up,
              HasSubstr("no capacity up to 1024 will do: the next would be capacity "
                        "2048 for "));
}

TEST(GrowTest, LockStepJoinWithAFilter_IsNamed_AndRunsThroughOnceGrown) {
  const Exploration found = Explore({.seeds = 10}, LockStep);
  ASSERT_FALSE(found.ok());
  EXPECT_THAT(found.failure->what, HasSubstr("both is blocked on zip.first, 2 of 2"));
  EXPECT_THAT(found.failure->what, HasSubstr("zip waits to receive from zip.second"));

  const Growth growth = Grow({.seeds = 200}, LockStep);
  EXPECT_TRUE(growth.ok()) << growth;
  EXPECT_THAT(growth.ToString(), HasSubstr(" for zip.first"));
}

TEST(GrowTest, WhereNoChannelIsFull_NoneWillDo) {
  // Wants what comes back before it takes anything that could come back.
  class WantsBack final : public Stage {
   public:
    In<int> in{this, "in"};
    In<int> back{this, "back"};
    Out<int> out{this, "out"};
    Task<> Work(Context&) override {
      while (auto returned = co_await back.Receive()) {
        auto item = co_await in.Receive();
        if (!item) break;
        auto send = out.Send(*item);
        absl::Status sent = co_await send;
        if (!sent.ok()) co_return sent;
      }
      co_return in.status();
    }
  };
  const Growth growth = Grow({.seeds = 10}, [](Trial& trial) {
    Graph graph("wants_back");
    auto& wants = graph.Add<WantsBack>("wants");
    auto& relay = graph.Add("relay", Map<int>([](int n) { return n; }));
    From(graph, "one", FromVector<int>({1})).To(wants.in);
    graph.Connect(wants.out, relay.in);
    graph.Connect(relay.out, wants.back, {.feedback = true});
    trial.Run(graph);
  });
  EXPECT_FALSE(growth.ok());
  EXPECT_THAT(growth.last.failure->what, HasSubstr("wants waits to receive from wants.back"));
  EXPECT_EQ(growth.given_up, "no capacity will do: no full channel is in the way");
}

TEST(GrowTest, AnotherFailure_IsNotGrownAway) {
  const Growth growth = Grow({.seeds = 10}, [](Trial& trial) { trial.Expect(false, "wrong"); });
  EXPECT_FALSE(growth.ok());
  EXPECT_EQ(growth.given_up, "no capacity will do: no full channel is in the way");
  EXPECT_EQ(growth.last.failure->what, "wrong");
}

}  // namespace
}  // namespace weir
