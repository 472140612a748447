#include "weir/stages/fuse.h"

#include <algorithm>
#include <atomic>
#include <optional>
#include <ranges>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include "absl/strings/match.h"
#include "weir/core/timer.h"
#include "weir/testing.h"

namespace weir::testing {
namespace {

using Values = std::vector<int>;

int Same(int i) { return i; }
bool IsEven(int i) { return i % 2 == 0; }

// In simulation the seed says whether neighbours are fused, so what holds there holds for all ways of running a graph.
class FuseTest : public EveryEngineTest {
 protected:
  Flow<int> Numbers(int count) {
    return From(graph_, "numbers", FromRange(std::views::iota(0, count)));
  }
  // On real threads the clock stands still: a body that loses its core for a while is not slow then.
  Engine& engine() {
    if (simulated()) return EveryEngineTest::engine();
    if (threaded_ == nullptr) threaded_ = &Threaded(GetParam().threads, {.clock = &clock_});
    return *threaded_;
  }
  Report RunIt() { return RunToEnd(engine(), graph_); }
  // Where each stage ran: its own name if it ran by itself.
  static std::vector<std::string> Heads(const Report& report) {
    std::vector<std::string> heads;
    for (const StageReport& stage : report.stages) {
      heads.push_back(stage.fused_into.empty() ? stage.name : stage.fused_into);
    }
    return heads;
  }
  void ExpectHeads(const Report& report, const std::vector<std::string>& heads) {
    if (!simulated()) {
      EXPECT_EQ(Heads(report), heads);
    }
  }
  internal::ManualClock clock_;
  Engine* threaded_ = nullptr;
  Graph& graph_ = NewGraph();
  Values into_ = {-1};
};
WEIR_ON_EVERY_ENGINE(FuseTest);

// --- What is fused ---

TEST_P(FuseTest, Neighbours_RunInOneWork_AndAreCountedAsDeclared) {
  int sum = 0;
  Numbers(1000)
      .Map("map", Same)
      .Filter("filter", IsEven)
      .Tap("tap", [](int) {})
      .ForEach("sink", [&](int i) { sum += i; });
  Report report = RunIt();
  ASSERT_TRUE(report.ok()) << report.status;
  ExpectHeads(report, {"numbers", "numbers", "numbers", "numbers", "numbers"});
  EXPECT_EQ(sum, 249'500);
  ASSERT_EQ(report.channels.size(), 4u);
  const uint64_t passed[] = {1000, 1000, 500, 500};
  for (size_t i = 0; i < 4; ++i) {
    EXPECT_EQ(report.channels[i].ledger.accepted, passed[i]) << report.channels[i].name;
    EXPECT_EQ(report.channels[i].ledger.received, passed[i]) << report.channels[i].name;
    if (!simulated()) {
      EXPECT_EQ(report.channels[i].ledger.high_water, 0u);
    }
  }
  EXPECT_EQ(report.stages[2].received, 1000u);
  EXPECT_EQ(report.stages[2].sent, 500u);
}

TEST_P(FuseTest, WhatIsNotFused) {
  Numbers(100)
      .Map("alone", Same, {.fuse = false})
      .Map("behind_alone", Same)
      .Map("wide", Same, {.workers = 2})
      .Map("narrow", Same)
      .Map("blocking", Same, {.blocking = true})
      .Map("behind_blocking", Same)
      .FlatMap("expands", [](int i) { return Values{i}; })
      .Map("behind_expands", Same)
      .Take("remembers", 1000)
      .Collect("commits", into_);
  Report report = RunIt();
  EXPECT_TRUE(report.ok()) << report.status;
  EXPECT_EQ(into_.size(), 100u);
  ExpectHeads(report, {"numbers", "alone", "behind_alone", "wide", "narrow", "blocking",
                       "behind_blocking", "expands", "expands", "remembers", "commits"});
}

TEST_P(FuseTest, SeveralOutsIntoOneIn_AreNotFused) {
  Flow<int> left = Numbers(10);
  Flow<int> right = From(graph_, "more", FromRange(std::views::iota(10, 20)));
  auto& map = graph_.Add("map", Map<int>(Same));
  left.To(map.in);
  right.To(map.in);
  Flow(graph_, map.out).Collect("into", into_);
  Report report = RunIt();
  EXPECT_TRUE(report.ok()) << report.status;
  EXPECT_EQ(into_.size(), 20u);
  ExpectHeads(report, {"numbers", "more", "map", "into"});
}

TEST_P(FuseTest, Workers_Ordered_FuseWorkerByWorker_AndKeepTheOrder) {
  Numbers(2000)
      .Map("a", Same, {.workers = 4})
      .Filter("b", IsEven, {.workers = 4})
      .Map("c", [](int i) { return i / 2; }, {.workers = 4})
      .Collect("into", into_);
  Report report = RunIt();
  EXPECT_TRUE(report.ok()) << report.status;
  ASSERT_EQ(into_.size(), 1000u);
  for (int i = 0; i < 1000; ++i) EXPECT_EQ(into_[i], i);
  ExpectHeads(report, {"numbers", "a", "a", "a", "into"});
}

TEST_P(FuseTest, StatefulHead_FeedsThoseBehindIt_AlsoAtItsEnd) {
  Values seen;
  Numbers(100)
      .Reduce("sum", 0, [](int a, int b) { return a + b; })
      .Map("half", [](int i) { return i / 2; })
      .ForEach("sink", [&](int i) { seen.push_back(i); });
  Report report = RunIt();
  EXPECT_TRUE(report.ok()) << report.status;
  EXPECT_EQ(seen, Values{2475});
  ExpectHeads(report, {"numbers", "sum", "sum", "sum"});
}

TEST_P(FuseTest, MoveOnlyItems_AreMovedAllTheWay) {
  int sum = 0;
  From(graph_, "items", Generate([n = 0]() mutable -> std::optional<Counted> {
         if (n == 100) return std::nullopt;
         return Counted(n++);
       }))
      .Map("map", [](Counted item) { return item; })
      .Filter("filter", [](const Counted& item) { return item.value() % 2 == 0; })
      .ForEach("sink", [&](Counted item) { sum += item.value(); });
  EXPECT_TRUE(RunIt().ok());
  EXPECT_EQ(sum, 2450);
}

TEST_P(FuseTest, RunsAgain) {
  for (int run = 0; run < 3; ++run) {
    int sum = 0;
    Graph& graph = NewGraph();
    From(graph, "numbers", FromRange(std::views::iota(0, 10)))
        .Map("map", Same)
        .ForEach("sink", [&](int i) { sum += i; });
    for (int again = 1; again <= 3; ++again) {
      EXPECT_TRUE(RunToEnd(engine(), graph).ok());
      EXPECT_EQ(sum, 45 * again);
    }
  }
}

// --- Errors are those of the stage that was declared ---

TEST_P(FuseTest, Error_NamesItsStageAndItem_WhatCameBeforeGoesOn) {
  Values seen;
  Numbers(200)
      .Filter("even", IsEven)
      .Map("fails",
           [](int i) -> absl::StatusOr<int> {
             if (i == 26) return absl::AbortedError("here");
             return i;
           })
      .ForEach("sink", [&](int i) { seen.push_back(i); });
  Report report = RunIt();
  EXPECT_EQ(report.status, absl::AbortedError("stage 'fails': item 13: here"));
  EXPECT_EQ(report.stages[2].outcome, report.status);
  for (const StageReport& stage : report.stages) {
    if (stage.name != "fails") {
      EXPECT_TRUE(stage.outcome.ok() || absl::IsCancelled(stage.outcome)) << stage.outcome;
    }
  }
  // All thirteen, where the sink is not behind a channel that the failure has cut off.
  if (!simulated()) {
    EXPECT_EQ(seen.size(), 13u);
  }
  for (size_t i = 0; i < seen.size(); ++i) EXPECT_EQ(seen[i], static_cast<int>(2 * i));
  EXPECT_EQ(report.channels[1].ledger.received, 14u) << "none after it";
}

TEST_P(FuseTest, Error_AmongOrderedWorkers_NamesTheItemByItsPlaceInTheOrder) {
  Numbers(200)
      .Map("map", Same, {.workers = 3, .capacity = 3})
      .Map("fails",
           [](int i) -> absl::StatusOr<int> {
             if (i == 100) return absl::AbortedError("here");
             return i;
           },
           {.workers = 3})
      .Ignore("sink");
  EXPECT_EQ(RunIt().status, absl::AbortedError("stage 'fails': item 100: here"));
}

// The eighth and the ninth item are in one batch, unless the head was so quick that it got fewer at a time.
TEST_P(FuseTest, Error_OfTheHeadAndOfAStageBehindIt_AreBothReported) {
  bool head_failed = false;
  Numbers(200)
      .Scan("head", 0,
            [&](int, int i) -> absl::StatusOr<int> {
              if (i != 9) return i;
              head_failed = true;
              return absl::AbortedError("later");
            })
      .Map("fails",
           [](int i) -> absl::StatusOr<int> {
             if (i == 8) return absl::AbortedError("here");
             return i;
           })
      .Ignore("sink");
  const Report report = RunIt();
  if (simulated()) return;  // they may be fused or not, and then the one ends the other
  EXPECT_EQ(report.status, absl::AbortedError("stage 'fails': item 8: here"));
  if (GetParam().threads == 1) {
    EXPECT_TRUE(head_failed);
  }
  if (head_failed) {
    const absl::Status later = absl::AbortedError("stage 'head': item 9: later");
    EXPECT_EQ(report.errors, std::vector<absl::Status>{later});
    EXPECT_EQ(report.stages[1].outcome, later);
  }
}

TEST_P(FuseTest, Error_CommitsNothing) {
  Numbers(200)
      .Map("fails",
           [](int i) -> absl::StatusOr<int> {
             if (i == 150) return absl::AbortedError("here");
             return i;
           })
      .Collect("into", into_);
  EXPECT_FALSE(RunIt().ok());
  EXPECT_EQ(into_, Values{-1});
}

TEST_P(FuseTest, Throws_IsInternal_InTheStageThatThrew) {
  Numbers(200).Map("map", Same).ForEach("sink", [](int i) {
    if (i == 13) throw std::runtime_error("bad luck");
  });
  EXPECT_EQ(RunIt().status, absl::InternalError("stage 'sink': bad luck"));
}

TEST_P(FuseTest, Context_IsThatOfTheStage) {
  Numbers(1)
      .Map("first", Same)
      .Map("second",
           [](int i, Context& context) {
             context.Log("hello");
             return i;
           })
      .Ignore("sink");
  EXPECT_TRUE(RunIt().ok());
  ASSERT_EQ(log().size(), 1u);
  EXPECT_EQ(log()[0], "test.second: hello");
}

// --- How it ends ---

TEST_P(FuseTest, NobodyWantsMore_AllEnd_WithoutAnError) {
  From(graph_, "numbers", FromRange(std::views::iota(0)))
      .Map("a", Same)
      .Filter("b", IsEven)
      .Map("c", Same)
      .Take("take", 10)
      .Collect("into", into_);
  Report report = RunIt();
  EXPECT_TRUE(report.ok()) << report.status;
  EXPECT_EQ(into_.size(), 10u);
  for (const StageReport& stage : report.stages) EXPECT_TRUE(stage.outcome.ok()) << stage.name;
}

TEST_P(FuseTest, AnErrorThatNobodyWants_IsNone) {
  From(graph_, "numbers", FromRange(std::views::iota(0)))
      .Map("fails_late",
           [](int i) -> absl::StatusOr<int> {
             if (i == 1'000'000) return absl::AbortedError("too late");
             return i;
           })
      .Take("take", 10)
      .Ignore("sink");
  EXPECT_TRUE(RunIt().ok());
}

TEST_P(FuseTest, Cancelled_AnEndlessRunWithoutAnyChannelEnds) {
  std::atomic<uint64_t> seen{0};
  From(graph_, "numbers", FromRange(std::views::iota(uint64_t{0})))
      .Map("map", [](uint64_t i) { return i; })
      .ForEach("sink", [&](uint64_t) { seen.fetch_add(1, std::memory_order_relaxed); });
  Run& run = Start(engine(), graph_);
  if (!simulated()) {
    while (seen == 0) std::this_thread::yield();
  } else {
    run.WaitFor(absl::Microseconds(1));
  }
  run.Cancel();
  Report report = Wait(run);
  EXPECT_TRUE(absl::IsCancelled(report.status)) << report.status;
  if (!simulated()) {
    EXPECT_EQ(report.teardown.unwound, (std::vector<std::string>{"numbers#0", "map#0", "sink#0"}));
  }
}

TEST_P(FuseTest, Drained_TheSourceEnds_WhatIsInFlightFlowsOut) {
  std::atomic<uint64_t> seen{0};
  From(graph_, "numbers", FromRange(std::views::iota(uint64_t{0})))
      .Map("map", [](uint64_t i) { return i; })
      .ForEach("sink", [&](uint64_t) { seen.fetch_add(1, std::memory_order_relaxed); });
  Run& run = Start(engine(), graph_);
  run.Drain();
  Report report = Wait(run);
  EXPECT_TRUE(report.ok()) << report.status;
  EXPECT_EQ(report.stages[0].sent, seen);
}

TEST_P(FuseTest, AnEndlessSource_LetsOthersRun) {
  Run& endless = [&]() -> Run& {
    Graph& graph = NewGraph("endless");
    From(graph, "numbers", FromRange(std::views::iota(uint64_t{0})))
        .Filter("none", [](uint64_t) { return false; })
        .Ignore("sink");
    return Start(engine(), graph);
  }();
  Numbers(100).Collect("into", into_);
  EXPECT_TRUE(RunIt().ok());
  endless.Cancel();
  Wait(endless);
}

// --- Bodies that take long ---

TEST(FuseClockTest, SlowBodies_GetWorksOfTheirOwn) {
  internal::ManualClock clock;
  Engine engine({.threads = 2, .clock = &clock});
  Graph graph("test");
  Values into;
  From(graph, "numbers", FromRange(std::views::iota(0, 1000)))
      .Map("quick", Same)
      .Map("slow",
           [&](int i) {
             clock.Advance(absl::Microseconds(1));
             return i;
           })
      .Collect("into", into);
  Report report = weir::Run(engine, graph).Wait();
  EXPECT_TRUE(report.ok()) << report.status;
  EXPECT_EQ(report.stages[1].fused_into, "");
  EXPECT_EQ(report.stages[2].fused_into, "");
  ASSERT_EQ(into.size(), 1000u);
  for (int i = 0; i < 1000; ++i) ASSERT_EQ(into[i], i) << "the order is kept across the change";
  EXPECT_EQ(report.channels[1].ledger.received, 1000u);
  EXPECT_GT(report.channels[1].ledger.high_water, 0u);
}

TEST(FuseClockTest, AfterASplit_ErrorsStillNameTheItemByItsPlaceInTheWholeInput) {
  internal::ManualClock clock;
  Engine engine({.threads = 1, .clock = &clock});
  Graph graph("test");
  From(graph, "numbers", FromRange(std::views::iota(0, 1000))).ForEach("slow", [&](int i) {
    clock.Advance(absl::Microseconds(1));
    return i == 900 ? absl::AbortedError("here") : absl::OkStatus();
  });
  Report report = weir::Run(engine, graph).Wait();
  EXPECT_EQ(report.stages[1].fused_into, "");
  EXPECT_EQ(report.status, absl::AbortedError("stage 'slow': item 900: here"));
}

class FuseGraceTest : public WeirTest {
 protected:
  internal::ManualClock clock_;
};

TEST_F(FuseGraceTest, ABodyThatDoesNotReturn_IsNamedByItsOwnStage) {
  std::atomic<bool> stuck{false}, let_go{false};
  Graph& graph = NewGraph();
  From(graph, "numbers", FromRange(std::views::iota(0, 10)))
      .Map("map", Same)
      .ForEach("sticks", [&](int) {
        stuck = true;
        while (!let_go) std::this_thread::yield();
      });
  Engine& engine = Threaded(2, {.clock = &clock_});
  Run& run = Start(engine, graph);
  while (!stuck) std::this_thread::yield();
  run.Cancel();
  // The Works of those that are fused have come to the gate.
  const auto at_gate = [&] {
    const Census census = engine.Census();
    return std::count_if(census.works.begin(), census.works.end(), [](const CensusEntry& entry) {
             return entry.waits == "waits for its turn to unwind";
           }) == 2;
  };
  while (!at_gate()) std::this_thread::yield();
  EXPECT_EQ(engine.Census().works[0].waits, "runs the function of sticks, fused with it");
  clock_.Advance(absl::Seconds(5));
  while (run.Snapshot().teardown.overdue.empty()) std::this_thread::yield();
  let_go = true;
  EXPECT_EQ(Wait(run).teardown.overdue, std::vector<std::string>{"sticks#0"});
  ASSERT_EQ(log().size(), 1u);
  EXPECT_EQ(log()[0],
            "test.sticks#0 has not stopped 5s after the run was cancelled: runs, fused with "
            "numbers");
}

// What the channel's policy does is done, where its sender waits for room first, and by the stage that sends.
TEST_P(FuseTest, SourceBeforeAFullChannelThatFails_Fails) {
  auto& sink = graph_.Add<ProbeSink<int>>("sink", [](Context& context, In<int>&) -> Task<> {
    auto sleep = context.Sleep(absl::InfiniteDuration());
    absl::Status slept = co_await sleep;
    co_return slept;
  });
  Numbers(10).Map("map", Same).To(sink.in, {.capacity = 1, .when_full = WhenFull::kFail});
  const Report report = RunIt();
  EXPECT_TRUE(absl::IsResourceExhausted(report.status)) << report.status;
  EXPECT_TRUE(absl::StartsWith(report.status.message(), "stage 'map': ")) << report.status;
  EXPECT_EQ(report.stages[1].outcome, report.status);
}

}  // namespace
}  // namespace weir::testing
