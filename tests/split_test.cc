#include "weir/stages/split.h"

#include <algorithm>
#include <memory>
#include <optional>
#include <ranges>
#include <stdexcept>
#include <string>
#include <vector>

#include "weir/testing.h"

namespace weir::testing {
namespace {

using Values = std::vector<int>;

class SplitTest : public EveryEngineTest {
 protected:
  Flow<int> Numbers(int count) {
    return From(graph_, "numbers", FromRange(std::views::iota(0, count)));
  }
  Report RunIt() { return RunToEnd(engine(), graph_); }
  static Values Iota(int n) {
    Values values;
    for (int i = 0; i < n; ++i) values.push_back(i);
    return values;
  }
  Graph& graph_ = NewGraph();
};
WEIR_ON_EVERY_ENGINE(SplitTest);

TEST_P(SplitTest, Broadcast_EveryItemToEveryOutput) {
  std::vector<Values> into(3, Values{-1});
  auto flows = Numbers(200).Broadcast("broadcast", 3);
  for (size_t i = 0; i < 3; ++i)
    flows[i].Collect("into" + std::to_string(i), into[i], {.capacity = 1 + 10 * i});
  EXPECT_TRUE(RunIt().ok());
  for (const Values& values : into) EXPECT_EQ(values, Iota(200));
}

TEST_P(SplitTest, Broadcast_CopiesOnceLessThanThereAreOutputs) {
  std::vector<CopyableCounted> items;
  for (int i = 0; i < 10; ++i) items.emplace_back(i);
  auto flows =
      From(graph_, "generate", Generate([n = 0]() mutable -> std::optional<CopyableCounted> {
             if (n == 10) return std::nullopt;
             return CopyableCounted(n++);
           }))
          .Broadcast("broadcast", 3);
  for (size_t i = 0; i < 3; ++i) flows[i].Ignore("into" + std::to_string(i));
  items.clear();
  const uint64_t before = CountedItems::copies();
  EXPECT_TRUE(RunIt().ok());
  EXPECT_EQ(CountedItems::copies() - before, 20u);
}

TEST_P(SplitTest, Broadcast_OneOutputEnds_TheOthersGoOn) {
  Values all, few;
  auto flows = Numbers(300).Broadcast("broadcast", 2);
  flows[0].Collect("all", all);
  flows[1].Take("take", 5).Collect("few", few);
  Report report = RunIt();
  EXPECT_TRUE(report.ok()) << report.status;
  EXPECT_EQ(all, Iota(300));
  EXPECT_EQ(few, Iota(5));
}

TEST_P(SplitTest, Broadcast_AllOutputsEnd_SoDoesIt) {
  Values a, b;
  auto flows =
      From(graph_, "endless", Generate([n = 0]() mutable -> std::optional<int> { return n++; }))
          .Broadcast("broadcast", 2);
  flows[0].Take("take_a", 5).Collect("a", a);
  flows[1].Take("take_b", 50).Collect("b", b);
  Report report = RunIt();
  EXPECT_TRUE(report.ok()) << report.status;
  EXPECT_EQ(a, Iota(5));
  EXPECT_EQ(b, Iota(50));
}

TEST_P(SplitTest, Broadcast_ToNobody_ReceivesAndForgets) {
  EXPECT_TRUE(Numbers(100).Broadcast("broadcast", 0).empty());
  const Report report = RunIt();
  EXPECT_TRUE(report.ok()) << report.status;
  EXPECT_EQ(report.channels[0].ledger.received, 100u);
}

TEST_P(SplitTest, Broadcast_EmptyInput) {
  Values a = {1}, b = {1};
  auto flows = Numbers(0).Broadcast("broadcast", 2);
  flows[0].Collect("a", a);
  flows[1].Collect("b", b);
  EXPECT_TRUE(RunIt().ok());
  EXPECT_TRUE(a.empty());
  EXPECT_TRUE(b.empty());
}

TEST_P(SplitTest, Partition_EachItemToItsOutput) {
  std::vector<Values> into(3);
  auto flows = Numbers(300).Partition("partition", 3, [](int i) { return i % 3; });
  for (size_t i = 0; i < 3; ++i) flows[i].Collect("into" + std::to_string(i), into[i]);
  EXPECT_TRUE(RunIt().ok());
  for (int which = 0; which < 3; ++which) {
    ASSERT_EQ(into[which].size(), 100u);
    for (int i = 0; i < 100; ++i) EXPECT_EQ(into[which][i], 3 * i + which);
  }
}

TEST_P(SplitTest, Partition_MoveOnlyItems) {
  std::vector<Counted> items;
  for (int i = 0; i < 50; ++i) items.emplace_back(i);
  int low = 0, high = 0;
  auto flows = From(graph_, "items", FromVector(std::move(items)))
                   .Partition("partition", 2,
                              [](const Counted& item) { return item.value() < 10 ? 0u : 1u; });
  flows[0].ForEach("low", [&](Counted) { ++low; });
  flows[1].ForEach("high", [&](Counted) { ++high; });
  EXPECT_TRUE(RunIt().ok());
  EXPECT_EQ(low, 10);
  EXPECT_EQ(high, 40);
}

TEST_P(SplitTest, Partition_BadIndex_FailsNamingTheItem) {
  for (int bad : {2, -1}) {
    Graph& graph = NewGraph();
    auto flows = From(graph, "numbers", FromRange(std::views::iota(0, 20)))
                     .Partition("partition", 2, [bad](int i) { return i == 7 ? bad : 0; });
    flows[0].Ignore("a");
    flows[1].Ignore("b");
    EXPECT_EQ(RunToEnd(engine(), graph).status,
              absl::InvalidArgumentError("stage 'partition': item 7: the function chose output " +
                                         std::to_string(bad) + " of 2"));
  }
}

TEST_P(SplitTest, Partition_Error_FailsNamingTheItem) {
  auto flows = Numbers(20).Partition("partition", 2, [](int i) -> absl::StatusOr<int> {
    if (i == 7) return absl::AbortedError("here");
    return 0;
  });
  flows[0].Ignore("a");
  flows[1].Ignore("b");
  EXPECT_EQ(RunIt().status, absl::AbortedError("stage 'partition': item 7: here"));
}

TEST_P(SplitTest, Partition_OneOutputEnds_WhatIsMeantForItIsRefusedAndCounted) {
  Values even;
  auto flows = Numbers(200).Partition("partition", 2, [](int i) { return i % 2; });
  flows[0].Map("half", [](int i) { return i / 2; }).Collect("even", even);
  flows[1].Take("take", 3).Ignore("odd");
  Report report = RunIt();
  EXPECT_TRUE(report.ok()) << report.status;
  EXPECT_EQ(even, Iota(100));
  for (const ChannelReport& channel : report.channels) {
    if (channel.name == "take.in") {
      EXPECT_EQ(channel.ledger.accepted + channel.ledger.refused, 100u);
    }
  }
}

TEST_P(SplitTest, Diamond_SplitAndMerged_NothingIsLost) {
  Values into;
  auto flows = Numbers(300).Partition("partition", 2, [](int i) { return i % 2; }, {.capacity = 4});
  auto left = flows[0].Map("left", [](int i) { return i; }, {.capacity = 1});
  auto right = flows[1].Map("right", [](int i) { return i; }, {.workers = 2, .capacity = 3});
  left.Merge("merge", right).Collect("into", into);
  EXPECT_TRUE(RunIt().ok());
  std::sort(into.begin(), into.end());
  EXPECT_EQ(into, Iota(300));
}

TEST_P(SplitTest, Partition_FunctionsOutOfRange_IsAFailure_ThoughAnOutputHasEnded) {
  Values into = {-1};
  auto flows = From(graph_, "numbers", FromRange(std::views::iota(0, 100)))
                   .Partition("partition", 2,
                              [](int i) -> absl::StatusOr<int> {
                                if (i == 50) return absl::OutOfRangeError("no such number");
                                return i % 2;
                              },
                              {.capacity = 1});
  flows[0].Take("take", 1, {.capacity = 1}).Ignore("ignore", {.capacity = 1});
  flows[1].Collect("into", into, {.capacity = 1});
  EXPECT_EQ(RunIt().status, absl::OutOfRangeError("stage 'partition': item 50: no such number"));
  EXPECT_EQ(into, Values{-1}) << "a cut-off input was taken for a complete one";
}

}  // namespace
}  // namespace weir::testing
