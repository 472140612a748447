#include "weir/stages/transform.h"

#include <algorithm>
#include <atomic>
#include <memory>
#include <optional>
#include <ranges>
#include <stdexcept>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "absl/types/span.h"
#include "weir/core/timer.h"
#include "weir/stages/pace.h"
#include "weir/testing.h"

namespace weir::testing {
namespace {

using Values = std::vector<int>;

class TransformTest : public EveryEngineTest {
 protected:
  Flow<int> Numbers(int count) {
    return From(graph_, "numbers", FromRange(std::views::iota(0, count)));
  }
  Flow<Counted> Items(int count) {
    return From(graph_, "items", Generate([n = 0, count]() mutable -> std::optional<Counted> {
                  if (n == count) return std::nullopt;
                  return Counted(n++);
                }));
  }
  Report RunIt() { return RunToEnd(engine(), graph_); }
  static Values Iota(int from, int to) {
    Values values;
    for (int i = from; i < to; ++i) values.push_back(i);
    return values;
  }
  Graph& graph_ = NewGraph();
  Values into_ = {-1};
};
WEIR_ON_EVERY_ENGINE(TransformTest);

// --- Map ---

TEST_P(TransformTest, Map_OneOutputForEachInput) {
  Numbers(300).Map("map", [](int i) { return i + 1; }).Collect("into", into_);
  EXPECT_TRUE(RunIt().ok());
  EXPECT_EQ(into_, Iota(1, 301));
}

TEST_P(TransformTest, EmptyInput_GivesAnEmptyOutput) {
  std::vector<Values> batches = {{1}};
  Numbers(0)
      .Map("map", [](int i) { return i; }, {.workers = 3})
      .Filter("filter", [](int) { return true; })
      .FlatMap("flat_map", [](int i) { return Values{i}; })
      .Scan("scan", 0, [](int a, int b) { return a + b; })
      .Take("take", 5)
      .Skip("skip", 1)
      .Tap("tap", [](int) {})
      .Batch("batch", 3)
      .Collect("into", batches);
  EXPECT_TRUE(RunIt().ok());
  EXPECT_TRUE(batches.empty());
}

TEST_P(TransformTest, Map_MoveOnlyItems_AreMovedAllTheWay) {
  Items(100)
      .Map("unwrap", [](Counted item) { return std::make_unique<int>(item.value()); })
      .Map("value", [](std::unique_ptr<int> p) { return *p; })
      .Collect("into", into_);
  EXPECT_TRUE(RunIt().ok());
  EXPECT_EQ(into_, Iota(0, 100));
}

TEST_P(TransformTest, Map_StatusOr_ErrorNamesTheItem_WhatCameBeforeIsSent) {
  Values seen;
  Numbers(100)
      .Map("map",
           [](int i) -> absl::StatusOr<int> {
             if (i == 42) return absl::InvalidArgumentError("not this one");
             return i;
           })
      .ForEach("into", [&](int i) { seen.push_back(i); });
  Report report = RunIt();
  EXPECT_EQ(report.status, absl::InvalidArgumentError("stage 'map': item 42: not this one"));
  EXPECT_EQ(report.channels[1].ledger.accepted, 42u);
  EXPECT_EQ(seen, Iota(0, static_cast<int>(seen.size())));
}

TEST_P(TransformTest, Map_Throws_IsInternal) {
  Numbers(100)
      .Map("map", [](int i) { return i == 42 ? throw std::runtime_error("bad luck") : i; })
      .Collect("into", into_);
  EXPECT_EQ(RunIt().status, absl::InternalError("stage 'map': bad luck"));
  EXPECT_EQ(into_, Values{-1}) << "a cut-off input is not committed";
}

TEST_P(TransformTest, Map_TakesAContext_IfItWantsTo) {
  Numbers(10)
      .Map("map", [](int i, Context& context) { return context.cancelled() ? -1 : i; })
      .Collect("into", into_);
  EXPECT_TRUE(RunIt().ok());
  EXPECT_EQ(into_, Iota(0, 10));
}

// --- Workers ---

TEST_P(TransformTest, Workers_Ordered_KeepTheOrder) {
  Numbers(500)
      .Map("map",
           [](int i) {
             for (int spin = 0; spin < (i % 7) * 50; ++spin)
               std::atomic_signal_fence(std::memory_order_seq_cst);
             return i;
           },
           {.workers = 4, .capacity = 16})
      .Collect("into", into_, {.capacity = 4});
  EXPECT_TRUE(RunIt().ok());
  EXPECT_EQ(into_, Iota(0, 500));
}

TEST_P(TransformTest, Workers_OrderedAndBlocking_KeepTheOrder) {
  Numbers(200)
      .Map("map", [](int i) { return i; }, {.workers = 4, .blocking = true, .capacity = 8})
      .Collect("into", into_);
  EXPECT_TRUE(RunIt().ok());
  EXPECT_EQ(into_, Iota(0, 200));
}

TEST_P(TransformTest, Workers_OrderedFilterAndFlatMap_KeepTheOrder) {
  Values expected;
  for (int i = 0; i < 200; ++i) {
    if (i % 3 == 0) continue;
    for (int n = 0; n < i % 5; ++n) expected.push_back(i);
  }
  Numbers(200)
      .Filter("filter", [](int i) { return i % 3 != 0; }, {.workers = 3, .capacity = 8})
      .FlatMap("flat_map", [](int i) { return Values(i % 5, i); }, {.workers = 3, .capacity = 8})
      .Collect("into", into_);
  EXPECT_TRUE(RunIt().ok());
  EXPECT_EQ(into_, expected);
}

TEST_P(TransformTest, Workers_Unordered_EachItemOnce) {
  Numbers(500)
      .Map("map", [](int i) { return i; }, {.workers = 4, .ordered = false, .capacity = 16})
      .Collect("into", into_);
  EXPECT_TRUE(RunIt().ok());
  std::sort(into_.begin(), into_.end());
  EXPECT_EQ(into_, Iota(0, 500));
}

TEST_P(TransformTest, Workers_OrderedFailure_NothingLaterIsEmitted) {
  Values seen;
  Numbers(300)
      .Map("map",
           [](int i) -> absl::StatusOr<int> {
             if (i == 100) return absl::AbortedError("here");
             return i;
           },
           {.workers = 4, .capacity = 8})
      .ForEach("into", [&](int i) { seen.push_back(i); });
  Report report = RunIt();
  EXPECT_EQ(report.status, absl::AbortedError("stage 'map': item 100: here"));
  EXPECT_EQ(seen, Iota(0, static_cast<int>(seen.size())));
  EXPECT_LE(seen.size(), 100u);
}

TEST_P(TransformTest, Workers_Ordered_DownstreamEndsEarly_AllEnd) {
  Numbers(10'000)
      .Map("map", [](int i) { return i; }, {.workers = 4, .capacity = 8})
      .Take("take", 20)
      .Collect("into", into_);
  Report report = RunIt();
  EXPECT_TRUE(report.ok()) << report.status;
  EXPECT_EQ(into_, Iota(0, 20));
}

TEST_P(TransformTest, Workers_AreCalledAtTheSameTime) {
  if (simulated()) GTEST_SKIP() << "one at a time";
  // Each call waits until all four are there, on threads for calls that block.
  std::atomic<int> inside{0};
  Numbers(4)
      .Map("map",
           [&](int i) {
             inside.fetch_add(1);
             while (inside.load() < 4) std::this_thread::yield();
             return i;
           },
           {.workers = 4, .blocking = true})
      .Collect("into", into_);
  EXPECT_TRUE(RunIt().ok());
  EXPECT_EQ(into_, Iota(0, 4));
}

// --- Blocking ---

TEST_P(TransformTest, Blocking_RunsOffThePool_ErrorsAndExceptionsAreTheSame) {
  Numbers(50).Map("map", [](int i) { return i; }, {.blocking = true}).Collect("into", into_);
  EXPECT_TRUE(RunIt().ok());
  EXPECT_EQ(into_, Iota(0, 50));
  Graph& failing = NewGraph();
  From(failing, "numbers", FromRange(std::views::iota(0, 50)))
      .Map("map",
           [](int i) -> absl::StatusOr<int> {
             if (i == 7) return absl::AbortedError("here");
             return i;
           },
           {.blocking = true})
      .Ignore("into");
  EXPECT_EQ(RunToEnd(engine(), failing).status, absl::AbortedError("stage 'map': item 7: here"));
  Graph& throwing = NewGraph();
  From(throwing, "numbers", FromRange(std::views::iota(0, 50)))
      .Map("map", [](int i) { return i == 7 ? throw std::runtime_error("bad luck") : i; },
           {.blocking = true})
      .Ignore("into");
  EXPECT_EQ(RunToEnd(engine(), throwing).status, absl::InternalError("stage 'map': bad luck"));
}

// --- Filter ---

TEST_P(TransformTest, Filter_KeepsWhatItSays) {
  Numbers(100)
      .Filter("filter", [](int i) { return i % 2 == 0; })
      .Map("half", [](int i) { return i / 2; })
      .Collect("into", into_);
  EXPECT_TRUE(RunIt().ok());
  EXPECT_EQ(into_, Iota(0, 50));
}

TEST_P(TransformTest, Filter_MoveOnly_SeesTheItemByReference) {
  Items(100)
      .Filter("filter", [](const Counted& item) { return item.value() < 10; })
      .Map("value", [](Counted item) { return item.value(); })
      .Collect("into", into_);
  EXPECT_TRUE(RunIt().ok());
  EXPECT_EQ(into_, Iota(0, 10));
}

TEST_P(TransformTest, Filter_StatusOrBool) {
  Numbers(100)
      .Filter("filter",
              [](int i) -> absl::StatusOr<bool> {
                if (i == 5) return absl::AbortedError("here");
                return true;
              })
      .Ignore("into");
  EXPECT_EQ(RunIt().status, absl::AbortedError("stage 'filter': item 5: here"));
}

// --- FlatMap ---

TEST_P(TransformTest, FlatMap_ManyForOne_NoneForSome) {
  Numbers(4).FlatMap("flat_map", [](int i) { return Values(i, i); }).Collect("into", into_);
  EXPECT_TRUE(RunIt().ok());
  EXPECT_EQ(into_, (Values{1, 2, 2, 3, 3, 3}));
}

TEST_P(TransformTest, FlatMap_FarMoreThanTheChannelHolds) {
  Numbers(3)
      .FlatMap("flat_map", [](int) { return Values(1000, 7); }, {.workers = 2})
      .Collect("into", into_, {.capacity = 2});
  EXPECT_TRUE(RunIt().ok());
  EXPECT_EQ(into_, Values(3000, 7));
}

TEST_P(TransformTest, FlatMap_MoveOnlyOutputs_AndStatusOr) {
  Numbers(10)
      .FlatMap("flat_map",
               [](int i) -> absl::StatusOr<std::vector<Counted>> {
                 if (i == 8) return absl::AbortedError("here");
                 std::vector<Counted> items;
                 items.emplace_back(i);
                 return items;
               })
      .Ignore("into");
  EXPECT_EQ(RunIt().status, absl::AbortedError("stage 'flat_map': item 8: here"));
}

TEST_P(TransformTest, FlatMap_OfARangeThatIsNotItsOwn_LeavesItAsItWas) {
  std::vector<std::string> table = {"a string that is too long to be kept in place", "b"};
  std::vector<std::string> strings;
  Numbers(3)
      .FlatMap("look_up", [&table](int) -> std::vector<std::string>& { return table; })
      .Collect("into", strings);
  EXPECT_TRUE(RunIt().ok());
  EXPECT_EQ(strings.size(), 6u);
  EXPECT_EQ(strings[4], table[0]);
  EXPECT_EQ(table[1], "b");
}

TEST_P(TransformTest, FlatMap_OfALazyRange_IsNotFarAheadOfWhatIsReceived) {
  constexpr int kCount = 20000;
  std::atomic<int> made{0}, received{0}, most_ahead{0};
  Numbers(2)
      .FlatMap("lazy",
               [&](int) {
                 return std::views::iota(0, kCount) | std::views::transform([&](int i) {
                          const int ahead = made.fetch_add(1) + 1 - received.load();
                          if (ahead > most_ahead.load()) most_ahead.store(ahead);
                          return i;
                        });
               })
      .ForEach("receive", [&](int) { received.fetch_add(1); }, {.capacity = 16});
  EXPECT_TRUE(RunIt().ok());
  EXPECT_EQ(received, 2 * kCount);
  EXPECT_LE(most_ahead, 256 + 16 + 16)
      << "in the hands of the one, in the channel, in the hands of the other";
}

TEST_P(TransformTest, FlatMap_OfAnEndlessRange_EndsOnceNobodyWantsMore) {
  std::atomic<uint64_t> made{0};
  Report report;
  for (bool blocking : {false, true}) {
    Graph& graph = NewGraph();
    made = 0;
    From(graph, "numbers", FromRange(std::views::iota(0, 3)))
        .FlatMap("endless",
                 [&](int) {
                   return std::views::iota(0) | std::views::transform([&](int i) {
                            made.fetch_add(1);
                            return i;
                          });
                 },
                 {.blocking = blocking})
        .Filter("even", [](int i) { return i % 2 == 0; })
        .Take("take", 500)
        .Collect("into", into_);
    report = RunToEnd(engine(), graph);
    EXPECT_TRUE(report.ok()) << report.status;
    EXPECT_EQ(into_.size(), 500u);
    EXPECT_LE(made, 4000u);
  }
}

// Nothing of it is sent, because it is fused with what drops all, and so no send hears of the
// cancellation.
TEST_P(TransformTest, FlatMap_OfAnEndlessRangeThatIsAllDropped_IsCancelled) {
  std::atomic<uint64_t> made{0};
  Numbers(1)
      .FlatMap("endless",
               [&](int) {
                 return std::views::iota(0) | std::views::transform([&](int) {
                          made.fetch_add(1);
                          return 0;
                        });
               })
      .Filter("none", [](int) { return false; })
      .Ignore("into");
  From(graph_, "fails", Generate([&]() -> absl::StatusOr<std::optional<int>> {
         if (made > 2000) return absl::AbortedError("enough");
         return std::optional<int>(0);
       }))
      .Ignore("others", {.capacity = 1});
  EXPECT_EQ(RunIt().status, absl::AbortedError("stage 'fails': enough"));
}

TEST_P(TransformTest, FlatMap_OfRangesThatTakeSeveralRounds_OrderedWorkersKeepTheOrder) {
  Values expected;
  for (int i = 0; i < 12; ++i) {
    for (int k = 0; k < 90 * i; ++k) expected.push_back(1000 * i + k);
  }
  Numbers(12)
      .FlatMap("lazy",
               [](int i) {
                 return std::views::iota(1000 * i, 1000 * i + 90 * i) |
                        std::views::filter([](int) { return true; });
               },
               {.workers = 3, .capacity = 4})
      .FlatMap("kept", [](int i) { return Values(2, i); }, {.workers = 2})
      .Filter("once", [odd = false](int) mutable { return odd = !odd; })
      .Collect("into", into_, {.capacity = 5});
  EXPECT_TRUE(RunIt().ok());
  EXPECT_EQ(into_, expected);
}

TEST_P(TransformTest, FlatMap_OfARangeThatRefersToItsInput) {
  std::vector<std::string> lines;
  for (int i = 0; i < 8; ++i) lines.emplace_back(700, static_cast<char>('a' + i));
  std::string expected, got;
  for (const std::string& line : lines) expected += line;
  From(graph_, "lines", FromVector(lines))
      .FlatMap("characters",
               [](const std::string& line) {
                 return line | std::views::transform([](char c) { return c; });
               })
      .ForEach("into", [&](char c) { got.push_back(c); }, {.capacity = 3});
  EXPECT_TRUE(RunIt().ok());
  EXPECT_EQ(got, expected);
}

// An item that knows how many of its kind there have been at once, those that are moved from
// included.
struct AtOnce {
  AtOnce() { most = std::max(most, ++alive); }
  AtOnce(AtOnce&&) noexcept : AtOnce() {}
  AtOnce& operator=(AtOnce&&) noexcept { return *this; }
  ~AtOnce() { --alive; }
  static inline int alive = 0, most = 0;
};

TEST_F(WeirTest, FlatMap_OfAContainer_IsHeldOnce) {
  Graph& graph = NewGraph();
  From(graph, "numbers", FromRange(std::views::iota(0, 2)))
      .FlatMap("flat_map", [](int) { return std::vector<AtOnce>(2000); })
      .Ignore("into", {.capacity = 8});
  EXPECT_TRUE(RunToEnd(Simulated(), graph).ok());
  EXPECT_LE(AtOnce::most, 2000 + 256 + 3 * 8);
}

TEST_P(TransformTest, FlatMap_CutOffInARange_IsNotCommitted_AndLeavesNothing) {
  std::vector<Counted> into;
  Numbers(3)
      .FlatMap("flat_map",
               [](int) {
                 std::vector<Counted> items;
                 for (int i = 0; i < 1000; ++i) items.emplace_back(i);
                 return items;
               },
               {.workers = 2})
      .Tap("fails",
           [](const Counted& item) {
             return item.value() == 700 ? absl::AbortedError("here") : absl::OkStatus();
           },
           {.capacity = 4})
      .Collect("into", into);
  EXPECT_EQ(RunIt().status, absl::AbortedError("stage 'fails': item 700: here"));
  EXPECT_TRUE(into.empty());
}

// --- Scan and Reduce ---

TEST_P(TransformTest, Scan_GivesTheRunningResult) {
  Numbers(5).Scan("scan", 100, [](int sum, int i) { return sum + i; }).Collect("into", into_);
  EXPECT_TRUE(RunIt().ok());
  EXPECT_EQ(into_, (Values{100, 101, 103, 106, 110}));
}

TEST_P(TransformTest, Reduce_GivesTheResult_OnceTheInputIsComplete) {
  Numbers(101).Reduce("reduce", 0, [](int sum, int i) { return sum + i; }).Collect("into", into_);
  EXPECT_TRUE(RunIt().ok());
  EXPECT_EQ(into_, Values{5050});
}

TEST_P(TransformTest, Reduce_OfNothing_IsTheInitialValue) {
  Numbers(0).Reduce("reduce", 7, [](int sum, int i) { return sum + i; }).Collect("into", into_);
  EXPECT_TRUE(RunIt().ok());
  EXPECT_EQ(into_, Values{7});
}

TEST_P(TransformTest, ScanAndReduce_BeginAnewInEveryRun) {
  Numbers(4)
      .Scan("scan", 0, [](int sum, int i) { return sum + i; })
      .Reduce("reduce", 0, [](int last, int i) { return std::max(last, i); })
      .Collect("into", into_);
  for (int round = 0; round < 3; ++round) {
    EXPECT_TRUE(RunIt().ok());
    EXPECT_EQ(into_, Values{6});
  }
}

TEST_P(TransformTest, Reduce_Error_NamesTheItem_AndGivesNothing) {
  Numbers(10)
      .Reduce("reduce", 0,
              [](int sum, int i) -> absl::StatusOr<int> {
                if (i == 9) return absl::AbortedError("the last");
                return sum + i;
              })
      .Collect("into", into_);
  EXPECT_EQ(RunIt().status, absl::AbortedError("stage 'reduce': item 9: the last"));
  EXPECT_EQ(into_, Values{-1});
}

// --- Take and Skip ---

TEST_P(TransformTest, Take_EndsThoseUpstream_WithoutAnError) {
  Report report;
  From(graph_, "endless", Generate([n = 0]() mutable -> std::optional<int> { return n++; }))
      .Map("map", [](int i) { return i; }, {.workers = 2})
      .Take("take", 25)
      .Collect("into", into_);
  report = RunIt();
  EXPECT_TRUE(report.ok()) << report.status;
  EXPECT_EQ(into_, Iota(0, 25));
  for (const StageReport& stage : report.stages)
    EXPECT_TRUE(stage.outcome.ok()) << stage.name << ": " << stage.outcome;
}

TEST_P(TransformTest, Take_MoreThanThereIs_TakesAll) {
  Numbers(5).Take("take", 100).Collect("into", into_);
  EXPECT_TRUE(RunIt().ok());
  EXPECT_EQ(into_, Iota(0, 5));
}

TEST_P(TransformTest, Take_None_EndsWithoutAnItem) {
  From(graph_, "endless", Generate([]() -> std::optional<int> { return 1; }))
      .Take("take", 0)
      .Collect("into", into_);
  EXPECT_TRUE(RunIt().ok());
  EXPECT_TRUE(into_.empty());
}

TEST_P(TransformTest, Take_ExactlyWhatItSays_TheRestIsUnread) {
  Items(10).Take("take", 3).Ignore("into");
  Report report = RunIt();
  EXPECT_TRUE(report.ok());
  EXPECT_EQ(report.channels[1].ledger.received, 3u);
  EXPECT_EQ(report.channels[0].ledger.received, 3u) << "it takes no item that it does not pass on";
}

TEST_P(TransformTest, Skip_LeavesOutTheFirst) {
  Numbers(10).Skip("skip", 3).Collect("into", into_);
  EXPECT_TRUE(RunIt().ok());
  EXPECT_EQ(into_, Iota(3, 10));
}

TEST_P(TransformTest, Skip_MoreThanThereIs_GivesNothing) {
  Numbers(10).Skip("skip", 30).Collect("into", into_);
  EXPECT_TRUE(RunIt().ok());
  EXPECT_TRUE(into_.empty());
}

// --- Tap, Batch, Merge ---

TEST_P(TransformTest, Tap_SeesEveryItem_AndPassesItOn) {
  Values seen;
  Items(10)
      .Tap("tap", [&](const Counted& item) { seen.push_back(item.value()); })
      .Map("value", [](Counted item) { return item.value(); })
      .Collect("into", into_);
  EXPECT_TRUE(RunIt().ok());
  EXPECT_EQ(seen, Iota(0, 10));
  EXPECT_EQ(into_, Iota(0, 10));
}

TEST_P(TransformTest, Tap_MayFail) {
  Numbers(10)
      .Tap("tap", [](int i) { return i == 3 ? absl::AbortedError("here") : absl::OkStatus(); })
      .Ignore("into");
  EXPECT_EQ(RunIt().status, absl::AbortedError("stage 'tap': item 3: here"));
}

TEST_P(TransformTest, Batch_GroupsOfTheSize_TheLastOfWhatIsLeft) {
  std::vector<Values> batches;
  Numbers(8).Batch("batch", 3).Collect("into", batches);
  EXPECT_TRUE(RunIt().ok());
  EXPECT_EQ(batches, (std::vector<Values>{{0, 1, 2}, {3, 4, 5}, {6, 7}}));
}

TEST_P(TransformTest, Batch_OfZero_IsTakenAsOne) {
  std::vector<Values> batches;
  Numbers(2).Batch("batch", 0).Collect("into", batches);
  EXPECT_TRUE(RunIt().ok());
  EXPECT_EQ(batches, (std::vector<Values>{{0}, {1}}));
}

TEST_P(TransformTest, Merge_PassesOnWhatSeveralSend) {
  auto other = From(graph_, "other", FromRange(std::views::iota(100, 200)));
  Numbers(100).Merge("merge", other).Collect("into", into_);
  EXPECT_TRUE(RunIt().ok());
  Values low, high;
  for (int i : into_) (i < 100 ? low : high).push_back(i);
  EXPECT_EQ(low, Iota(0, 100));
  EXPECT_EQ(high, Iota(100, 200));
}

TEST_P(TransformTest, Cancelled_DestroysEveryItem) {
  Items(1'000'000)
      .Map("map", [](Counted item) { return item; }, {.workers = 3})
      .Batch("batch", 7)
      .Ignore("into");
  Run& run = Start(engine(), graph_);
  run.WaitFor(absl::Milliseconds(1));
  run.Cancel();
  Report report = Wait(run);
  EXPECT_TRUE(report.over);
}

// --- Pace ---

TEST(PaceTest, FitsItsBatchesToFiftyMicroseconds) {
  internal::ManualClock clock;
  Engine engine({.threads = 1, .clock = &clock});
  Graph graph("test");
  std::vector<size_t> limits;
  graph.Add<ProbeWork>("work", [&](Context& context) -> Task<> {
    internal::Pace pace(64);
    auto batch = [&](absl::Duration each) {
      const size_t items = pace.limit();
      limits.push_back(items);
      pace.Begin(context);
      clock.Advance(each * static_cast<int64_t>(items));
      pace.End(context, items);
    };
    for (int i = 0; i < 8; ++i) batch(absl::ZeroDuration());
    for (int i = 0; i < 33; ++i) batch(absl::Microseconds(10));
    limits.push_back(pace.limit());
    batch(absl::Seconds(1));
    limits.push_back(pace.limit());
    co_return absl::OkStatus();
  });
  EXPECT_TRUE(weir::Run(engine, graph).Wait().ok());
  EXPECT_EQ(std::vector<size_t>(limits.begin(), limits.begin() + 8),
            (std::vector<size_t>{1, 2, 4, 8, 16, 32, 64, 64}));
  EXPECT_EQ(limits[limits.size() - 3], 5u) << "50 us of 10 us each";
  EXPECT_EQ(limits.back(), 1u) << "never none";
}

// A long row of fused bodies takes its time to begin with each of them, whatever the batch: that makes neither a slow item nor
// a small batch.
TEST(PaceTest, WhatItTakesToBeginWithBodies_IsNotTheItems) {
  internal::ManualClock clock;
  Engine engine({.threads = 1, .clock = &clock});
  Graph graph("test");
  graph.Add<ProbeWork>("work", [&](Context& context) -> Task<> {
    constexpr size_t kBodies = 10'000;
    const absl::Duration begins = absl::Nanoseconds(100) * static_cast<int64_t>(kBodies);
    internal::Pace row(64), one(64);
    for (int i = 0; i < 8; ++i) {
      row.Begin(context);
      clock.Advance(begins);
      row.End(context, row.limit(), kBodies);
      one.Begin(context);
      clock.Advance(begins);
      one.End(context, one.limit());
    }
    EXPECT_EQ(row.limit(), 64u);
    EXPECT_FALSE(row.slow());
    EXPECT_EQ(one.limit(), 1u);
    EXPECT_TRUE(one.slow());
    co_return absl::OkStatus();
  });
  EXPECT_TRUE(weir::Run(engine, graph).Wait().ok());
}

// Of a range whose items take long to make, what is made is passed on, and a cancellation is heard
// between two of them.
TEST(FlatMapClockTest, RangeOfSlowItems_IsPassedOnAsItIsMade_AndCancelledBetweenItems) {
  internal::ManualClock clock;
  Engine engine({.threads = 1, .clock = &clock});
  Graph graph("test");
  weir::Run* running = nullptr;
  std::atomic<bool> begun{false};
  int made = 0, received = 0, most_behind = 0, made_at_cancel = 0;
  From(graph, "one", FromRange(std::views::iota(0, 1)))
      .FlatMap("slow",
               [&](int) {
                 begun.wait(false);
                 return std::views::iota(0) | std::views::transform([&](int i) {
                          clock.Advance(absl::Milliseconds(1));
                          if (made == 500) {
                            made_at_cancel = made;
                            running->Cancel(absl::AbortedError("enough"));
                          }
                          ++made;
                          return i;
                        });
               },
               {.fuse = false})
      .ForEach(
          "receive",
          [&](int) {
            const int behind = made - received++;
            if (received > 100) most_behind = std::max(most_behind, behind);
          },
          {.fuse = false});
  weir::Run run(engine, graph);
  running = &run;
  begun = true;
  begun.notify_all();
  EXPECT_TRUE(absl::IsAborted(run.Wait().status));
  EXPECT_EQ(made_at_cancel, 500);
  EXPECT_EQ(made, 501);
  EXPECT_LE(most_behind, 2);
}

TEST_P(TransformTest, FlatMap_OfASpan_LeavesWhatItRefersTo) {
  std::vector<std::string> table = {"a string that is too long to be stored in line"};
  const std::vector<std::string> before = table;
  std::vector<std::string> got;
  Numbers(2)
      .FlatMap("look_up", [&](int) { return absl::Span<std::string>(table); })
      .Collect("into", got);
  EXPECT_TRUE(RunIt().ok());
  EXPECT_EQ(table, before);
  EXPECT_EQ(got, (std::vector<std::string>{before[0], before[0]}));
}

}  // namespace
}  // namespace weir::testing
