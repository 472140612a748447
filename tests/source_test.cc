#include "weir/stages/source.h"

#include <algorithm>
#include <atomic>
#include <list>
#include <memory>
#include <optional>
#include <ranges>
#include <stdexcept>
#include <string>
#include <vector>

#include "weir/testing.h"

namespace weir::testing {
namespace {

class SourceTest : public EveryEngineTest {};
WEIR_ON_EVERY_ENGINE(SourceTest);

TEST_P(SourceTest, FromRange_GivesTheRange_EveryRunFromItsBeginning) {
  Graph& graph = NewGraph();
  std::vector<int> into;
  From(graph, "range", FromRange(std::views::iota(0, 1000))).Collect("into", into);
  for (int round = 0; round < 2; ++round) {
    into.clear();
    EXPECT_TRUE(RunToEnd(engine(), graph).ok());
    ASSERT_EQ(into.size(), 1000u);
    for (int i = 0; i < 1000; ++i) EXPECT_EQ(into[i], i);
  }
}

TEST_P(SourceTest, FromRange_OfAContainer_CopiesItsItems) {
  Graph& graph = NewGraph();
  std::vector<std::string> into;
  From(graph, "range", FromRange(std::list<std::string>{"a", "b", "c"})).Collect("into", into);
  for (int round = 0; round < 2; ++round) {
    EXPECT_TRUE(RunToEnd(engine(), graph).ok());
    EXPECT_EQ(into, (std::vector<std::string>{"a", "b", "c"}));
  }
}

TEST_P(SourceTest, EmptySources_EndAtOnce) {
  Graph& graph = NewGraph();
  std::vector<int> range = {1}, vector = {1}, generated = {1};
  From(graph, "range", FromRange(std::views::iota(0, 0))).Collect("a", range);
  From(graph, "vector", FromVector<int>({})).Collect("b", vector);
  From(graph, "generate", Generate([]() -> std::optional<int> { return std::nullopt; }))
      .Collect("c", generated);
  EXPECT_TRUE(RunToEnd(engine(), graph).ok());
  EXPECT_TRUE(range.empty());
  EXPECT_TRUE(vector.empty());
  EXPECT_TRUE(generated.empty());
}

TEST_P(SourceTest, FromVector_CopiesForEveryRun) {
  Graph& graph = NewGraph();
  std::vector<std::string> into;
  From(graph, "vector", FromVector<std::string>({"x", "y"})).Collect("into", into);
  for (int round = 0; round < 2; ++round) {
    EXPECT_TRUE(RunToEnd(engine(), graph).ok());
    EXPECT_EQ(into, (std::vector<std::string>{"x", "y"}));
  }
}

TEST_P(SourceTest, FromVector_MoveOnly_IsGivenToTheFirstRun_TheSecondFails) {
  Graph& graph = NewGraph();
  std::vector<Counted> items;
  for (int i = 0; i < 100; ++i) items.emplace_back(i);
  int sum = 0;
  From(graph, "vector", FromVector(std::move(items))).ForEach("sum", [&](Counted item) {
    sum += item.value();
  });
  EXPECT_TRUE(RunToEnd(engine(), graph).ok());
  EXPECT_EQ(sum, 4950);
  const absl::Status second = RunToEnd(engine(), graph).status;
  EXPECT_EQ(second.code(), absl::StatusCode::kFailedPrecondition) << second;
}

TEST_P(SourceTest, Generate_UntilNothing) {
  Graph& graph = NewGraph();
  std::vector<int> into;
  From(graph, "generate", Generate([n = 0]() mutable -> std::optional<int> {
         if (n == 500) return std::nullopt;
         return n++;
       }))
      .Collect("into", into);
  EXPECT_TRUE(RunToEnd(engine(), graph).ok());
  EXPECT_EQ(into.size(), 500u);
}

TEST_P(SourceTest, Generate_Error_FailsTheRun_WhatCameBeforeIsSent) {
  Graph& graph = NewGraph();
  std::atomic<int> seen{0};
  From(graph, "generate", Generate([n = 0]() mutable -> absl::StatusOr<std::optional<int>> {
         if (n == 10) return absl::DataLossError("half a file");
         return std::optional<int>(n++);
       }))
      .ForEach("into", [&](int) { seen.fetch_add(1); });
  Report report = RunToEnd(engine(), graph);
  EXPECT_EQ(report.status, absl::DataLossError("stage 'generate': half a file"));
  EXPECT_EQ(report.channels[0].ledger.accepted, 10u);
}

TEST_P(SourceTest, Generate_Throws_IsInternal) {
  Graph& graph = NewGraph();
  From(graph, "generate",
       Generate([]() -> std::optional<int> { throw std::runtime_error("bad luck"); }))
      .Ignore("into");
  EXPECT_EQ(RunToEnd(engine(), graph).status, absl::InternalError("stage 'generate': bad luck"));
}

TEST_P(SourceTest, Generate_MoveOnlyItems) {
  Graph& graph = NewGraph();
  std::vector<std::unique_ptr<int>> into;
  From(graph, "generate", Generate([n = 0]() mutable -> std::optional<std::unique_ptr<int>> {
         if (n == 3) return std::nullopt;
         return std::make_unique<int>(n++);
       }))
      .Collect("into", into);
  EXPECT_TRUE(RunToEnd(engine(), graph).ok());
  ASSERT_EQ(into.size(), 3u);
  EXPECT_EQ(*into[2], 2);
}

TEST_P(SourceTest, Generate_MakesNoMoreThanTheChannelHas_RoomFor) {
  Graph& graph = NewGraph();
  uint64_t most = 0;
  std::atomic<uint64_t> made{0}, received{0};
  auto flow = From(graph, "generate", Generate([&]() -> std::optional<int> {
                     if (made == 300) return std::nullopt;
                     made.fetch_add(1);
                     most = std::max<uint64_t>(most, made - received);
                     return 0;
                   }));
  auto& sink = graph.Add<ProbeSink<int>>("sink", [&](Context& context, In<int>& in) -> Task<> {
    while (auto item = co_await in.Receive()) {
      co_await context.Yield();
      received.fetch_add(1);
    }
    co_return in.status();
  });
  flow.To(sink.in, {.capacity = 8});
  EXPECT_TRUE(RunToEnd(engine(), graph).ok());
  EXPECT_EQ(received, 300u);
  EXPECT_LE(most, 8u + 1u) << "in the channel, and in the sink's hands";
}

TEST_P(SourceTest, NobodyWantsMore_TheSourceEnds_WithoutAnError) {
  Graph& graph = NewGraph();
  std::vector<int> into;
  From(graph, "endless", Generate([n = 0]() mutable -> std::optional<int> { return n++; }))
      .Take("take", 10)
      .Collect("into", into);
  Report report = RunToEnd(engine(), graph);
  EXPECT_TRUE(report.ok()) << report.status;
  EXPECT_EQ(into, (std::vector<int>{0, 1, 2, 3, 4, 5, 6, 7, 8, 9}));
  EXPECT_TRUE(report.stages[0].outcome.ok());
}

// A source whose items take long gives its turn away after each batch: what it has made is received while it is warm in the
// core's cache, and does not wait for the channel to be full.
TEST(SourceClockTest, WhatTakesLongToMake_IsReceivedBeforeMoreIsMade) {
  internal::ManualClock clock;
  Engine engine({.threads = 1, .clock = &clock});
  Graph graph("test");
  int made = 0, received = 0, most_behind = 0;
  From(graph, "make", Generate([&]() -> std::optional<int> {
         if (made == 500) return std::nullopt;
         clock.Advance(absl::Microseconds(60));
         return made++;
       }))
      .ForEach(
          "receive",
          [&](int) {
            const int behind = made - received++;
            // The source may fill the channel before the other Work has been posted for the first time.
            if (received > 100) most_behind = std::max(most_behind, behind);
          },
          {.fuse = false});
  EXPECT_TRUE(weir::Run(engine, graph).Wait().ok());
  EXPECT_EQ(received, 500);
  EXPECT_LE(most_behind, 2);
}

}  // namespace
}  // namespace weir::testing
