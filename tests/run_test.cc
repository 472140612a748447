#include "weir/core/run.h"

#include <atomic>
#include <coroutine>
#include <memory>
#include <optional>
#include <ranges>
#include <stdexcept>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "weir/core/timer.h"
#include "weir/testing.h"

namespace weir::testing {
namespace {

using Names = std::vector<std::string>;

// A Work that waits longer than any test does, and ends with what its wait came to.
ProbeWork::Body Forever(std::atomic<bool>* began = nullptr) {
  return [began](Context& context) -> Task<> {
    if (began != nullptr) began->store(true);
    auto sleep = context.Sleep(absl::Hours(1'000'000));
    absl::Status slept = co_await sleep;
    if (slept.ok() && !context.draining()) slept = absl::InternalError("it did not sleep for ever");
    co_return slept;
  };
}

class RunTest : public EveryEngineTest {
 protected:
  // source -> sink, with `count` numbers.
  Graph& Numbers(int count, std::vector<int>& into) {
    Graph& graph = NewGraph("numbers");
    From(graph, "source", FromRange(std::views::iota(0, count))).Collect("sink", into);
    return graph;
  }
  Graph& Endless() {
    Graph& graph = NewGraph("endless");
    From(graph, "source", Generate([]() -> std::optional<int> { return 1; })).Ignore("sink");
    return graph;
  }
};
WEIR_ON_EVERY_ENGINE(RunTest);

// --- Waiting ---

TEST_P(RunTest, Wait_GivesTheFinalReport) {
  std::vector<int> into;
  Graph& graph = Numbers(100, into);
  Run& run = Start(engine(), graph);
  Report report = Wait(run);
  EXPECT_TRUE(report.ok()) << report.status;
  EXPECT_TRUE(run.over());
  EXPECT_EQ(report.graph, "numbers");
  EXPECT_FALSE(report.drained);
  EXPECT_FALSE(report.teardown.happened);
  EXPECT_TRUE(report.errors.empty());
  ASSERT_EQ(report.stages.size(), 2u);
  EXPECT_EQ(report.stages[0].name, "source");
  EXPECT_EQ(report.stages[0].sent, 100u);
  EXPECT_EQ(report.stages[1].received, 100u);
  ASSERT_EQ(report.channels.size(), 1u);
  EXPECT_EQ(report.channels[0].name, "sink.in");
  EXPECT_EQ(report.channels[0].from, Names{"source.out"});
  EXPECT_EQ(report.channels[0].ledger.accepted, 100u);
  EXPECT_EQ(ToJson(run.Wait()), ToJson(report)) << "Wait can be asked again";
  EXPECT_EQ(ToJson(run.Snapshot()), ToJson(report));
}

TEST_P(RunTest, WaitFor_NotOver_SaysSo) {
  Graph& graph = NewGraph();
  graph.Add<ProbeWork>("work", Forever());
  Run& run = Start(engine(), graph);
  Report report = run.WaitFor(absl::Milliseconds(1));
  EXPECT_FALSE(report.over);
  EXPECT_FALSE(report.ok());
  EXPECT_TRUE(absl::IsDeadlineExceeded(report.status)) << report.status;
  EXPECT_FALSE(run.over());
  run.Cancel();
  EXPECT_TRUE(Wait(run).over);
  EXPECT_TRUE(run.WaitFor(absl::ZeroDuration()).over);
}

// A stage that is in a blocking call is at work, as much as one that computes.
TEST_F(WeirTest, Report_Bottleneck_MayBeAStageThatBlocks) {
  Graph& graph = NewGraph();
  auto& writes =
      graph.Add<ProbeSink<int>>("writes", [](Context& context, In<int>& in) -> Task<> {
        while (auto item = co_await in.Receive()) {
          auto call = context.Blocking([] {});
          absl::Status called = co_await call;
          if (!called.ok()) co_return called;
        }
        co_return in.status();
      });
  From(graph, "numbers", FromRange(std::views::iota(0, 200))).To(writes.in);
  const Report report = RunToEnd(Simulated(), graph);
  EXPECT_TRUE(report.ok()) << report.status;
  EXPECT_EQ(report.bottleneck.find("writes: its 1 worker was busy in "), 0u)
      << "'" << report.bottleneck << "'";
  EXPECT_EQ(report.stages[1].waiting, 0u);
}

TEST_P(RunTest, OnDone_IsCalledOnceWithTheFinalReport) {
  std::vector<int> into;
  Graph& graph = Numbers(10, into);
  Run& run = Start(engine(), graph);
  std::atomic<int> calls{0};
  bool over = false;
  for (int i = 0; i < 3; ++i) {
    run.OnDone([&](const Report& report) {
      over = report.over;
      calls.fetch_add(1);
    });
  }
  Wait(run);
  EXPECT_EQ(calls, 3);
  EXPECT_TRUE(over);
  run.OnDone([&](const Report&) { calls.fetch_add(1); });
  EXPECT_EQ(calls, 4) << "of a run that is over: at once";
}

TEST_P(RunTest, OnDone_ThatThrows_IsLogged_TheOthersAreCalled) {
  Graph& graph = Endless();
  Run& run = Start(engine(), graph);
  bool called = false;
  run.OnDone([](const Report&) { throw std::runtime_error("bad luck"); });
  run.OnDone([&](const Report&) { called = true; });
  run.Cancel();
  Wait(run);
  EXPECT_TRUE(called);
  ASSERT_EQ(log().size(), 1u);
  EXPECT_NE(log()[0].find("a callback of OnDone threw: bad luck"), std::string::npos) << log()[0];
}

TEST_P(RunTest, Finished_FromAnotherEngine_GivesTheReport) {
  // In simulation an engine is driven by who waits for it, so both Works are on the same one.
  Engine& other = simulated() ? engine() : Threaded(1);
  std::vector<int> into;
  Graph& inner = Numbers(50, into);
  Run& run = Start(other, inner);
  Graph& outer = NewGraph("outer");
  absl::StatusOr<Report> finished = absl::UnknownError("");
  outer.Add<ProbeWork>("waits", [&](Context&) -> Task<> {
    auto operation = run.Finished();
    finished = co_await operation;
    co_return finished.status();
  });
  EXPECT_TRUE(RunToEnd(engine(), outer).ok());
  ASSERT_TRUE(finished.ok()) << finished.status();
  EXPECT_TRUE(finished->ok());
  EXPECT_EQ(into.size(), 50u);
}

TEST_P(RunTest, Finished_OnTheSameEngine_ARunWithinAWork) {
  std::vector<int> into;
  Graph& inner = Numbers(50, into);
  Graph& outer = NewGraph("outer");
  Report report;
  outer.Add<ProbeWork>("runs", [&](Context& context) -> Task<> {
    Run run(engine(), inner, {.parent = &context});
    auto operation = run.Finished();
    absl::StatusOr<Report> finished = co_await operation;
    if (finished.ok()) report = *std::move(finished);
    co_return absl::OkStatus();
  });
  EXPECT_TRUE(RunToEnd(engine(), outer).ok());
  EXPECT_TRUE(report.ok()) << report.status;
  EXPECT_EQ(into.size(), 50u);
}

TEST_P(RunTest, Finished_OfARunThatIsOver_IsReadyAtOnce) {
  std::vector<int> into;
  Graph& inner = Numbers(5, into);
  Run& run = Start(engine(), inner);
  Wait(run);
  Graph& outer = NewGraph("outer");
  bool ok = false;
  outer.Add<ProbeWork>("asks", [&](Context&) -> Task<> {
    auto operation = run.Finished();
    absl::StatusOr<Report> finished = co_await operation;
    ok = finished.ok() && finished->ok();
    co_return absl::OkStatus();
  });
  EXPECT_TRUE(RunToEnd(engine(), outer).ok());
  EXPECT_TRUE(ok);
}

TEST_P(RunTest, Finished_OfACancelledWaiter_IsCancelled) {
  Graph& inner = Endless();
  Graph& outer = NewGraph("outer");
  Run& run = Start(engine(), inner);
  absl::Status finished = absl::CancelledError("it has not begun");
  std::atomic<bool> waiting{false};
  outer.Add<ProbeWork>("waits", [&](Context&) -> Task<> {
    waiting = true;
    auto operation = run.Finished();
    absl::StatusOr<Report> report = co_await operation;
    finished = report.status();
    co_return finished;
  });
  outer.Add<ProbeWork>("fails", [&](Context& context) -> Task<> {
    auto until = Until(context, waiting);
    absl::Status status = co_await until;
    if (status.ok()) status = absl::AbortedError("enough");
    co_return status;
  });
  EXPECT_TRUE(absl::IsAborted(RunToEnd(engine(), outer).status));
  EXPECT_TRUE(absl::IsCancelled(finished)) << finished;
  EXPECT_FALSE(run.over());
  run.Cancel();
}

TEST_P(RunTest, Wait_OnAThreadOfTheRunsOwnEngine_IsRefused) {
  Graph& inner = Endless();
  Run& run = Start(engine(), inner);
  Graph& outer = NewGraph("outer");
  Report waited, waited_for;
  outer.Add<ProbeWork>("waits", [&](Context&) -> Task<> {
    waited = run.Wait();
    waited_for = run.WaitFor(absl::Milliseconds(1));
    co_return absl::OkStatus();
  });
  EXPECT_TRUE(RunToEnd(engine(), outer).ok());
  EXPECT_EQ(waited.status.code(), absl::StatusCode::kFailedPrecondition) << waited.status;
  EXPECT_EQ(waited_for.status.code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_FALSE(waited.over);
  EXPECT_NE(waited.status.message().find("co_await run.Finished()"), absl::string_view::npos)
      << waited.status;
  run.Cancel();
}

TEST_P(RunTest, Wait_FromManyThreads_AllGetTheReport) {
  if (simulated()) GTEST_SKIP() << "a simulated engine is driven by one thread";
  Graph& graph = Endless();
  Run& run = Start(engine(), graph);
  std::atomic<int> over{0};
  std::vector<std::thread> threads;
  for (int i = 0; i < 4; ++i) threads.emplace_back([&] { over.fetch_add(run.Wait().over); });
  run.Cancel();
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(over, 4);
}

// --- Refusals ---

TEST_P(RunTest, RefusedGraph_GivesARunThatIsOver) {
  Graph& graph = NewGraph("wrong");
  graph.Add<ProbeSource<int>>("source",
                              [](Context&, Out<int>&) -> Task<> { co_return absl::OkStatus(); });
  Run& run = Start(engine(), graph);
  EXPECT_TRUE(run.over());
  Report report = run.Wait();
  EXPECT_EQ(report.status, graph.Check());
  EXPECT_TRUE(absl::IsInvalidArgument(report.status));
  bool told = false;
  run.OnDone([&](const Report& done) { told = done.over; });
  EXPECT_TRUE(told);
  run.Cancel();
  run.Drain();
  EXPECT_EQ(run.Wait().status, graph.Check());
}

TEST_P(RunTest, SecondRunOfAGraphThatRuns_IsRefused_TheFirstGoesOn) {
  Graph& graph = Endless();
  Run& first = Start(engine(), graph);
  Run& second = Start(engine(), graph);
  EXPECT_TRUE(second.over());
  EXPECT_EQ(second.Wait().status, absl::FailedPreconditionError(
                                      "graph 'endless' runs already; a graph runs once at a time"));
  EXPECT_FALSE(first.over());
  first.Cancel();
  EXPECT_TRUE(absl::IsCancelled(Wait(first).status));
  Run& third = Start(engine(), graph);
  EXPECT_FALSE(third.over()) << "it is free again";
  third.Cancel();
}

TEST_P(RunTest, Graph_RunsManyTimes) {
  std::vector<int> into;
  Graph& graph = Numbers(20, into);
  for (int round = 0; round < 10; ++round) {
    into.clear();
    EXPECT_TRUE(RunToEnd(engine(), graph).ok());
    EXPECT_EQ(into.size(), 20u);
  }
}

TEST_P(RunTest, SeveralGraphsOnOneEngine_DoNotDisturbEachOther) {
  std::vector<std::vector<int>> into(5);
  std::vector<Run*> runs;
  for (auto& items : into) runs.push_back(&Start(engine(), Numbers(100, items)));
  Graph& failing = NewGraph("failing");
  failing.Add<ProbeWork>("work", [](Context&) -> Task<> { co_return absl::AbortedError("alone"); });
  EXPECT_TRUE(absl::IsAborted(RunToEnd(engine(), failing).status));
  for (Run* run : runs) EXPECT_TRUE(Wait(*run).ok());
  for (auto& items : into) EXPECT_EQ(items.size(), 100u);
}

// --- Cancelling ---

TEST_P(RunTest, Cancel_BeforeTheFirstWorkHasBegun) {
  Graph& graph = NewGraph();
  int began = 0;
  graph.Add<ProbeWork>("work", [&](Context&) -> Task<> {
    ++began;
    co_return absl::OkStatus();
  });
  Run& run = Start(engine(), graph);
  run.Cancel(absl::AbortedError("never mind"));
  Report report = Wait(run);
  if (simulated()) {
    EXPECT_EQ(began, 0);
    EXPECT_EQ(report.status, absl::AbortedError("never mind"));
    EXPECT_EQ(report.teardown.unwound, Names{"work#0"});
  }
}

TEST_P(RunTest, Cancel_FirstCauseWins_LaterErrorsAreKept) {
  Graph& graph = NewGraph();
  std::atomic<bool> cancelled_again = false;
  graph.Add<ProbeWork>("work", Forever());
  graph.Add<ProbeWork>("worse", [&](Context& context) -> Task<> {
    auto sleep = context.Sleep(absl::Hours(1'000'000));
    absl::Status slept = co_await sleep;
    cancelled_again.wait(false);  // what it says comes after the second cause
    if (absl::IsCancelled(slept)) slept = absl::DataLossError("while cleaning up");
    co_return slept;
  });
  Run& run = Start(engine(), graph);
  run.WaitFor(absl::Milliseconds(1));
  run.Cancel(absl::AbortedError("first"));
  run.Cancel(absl::AbortedError("second"));
  run.Cancel();
  cancelled_again = true;
  cancelled_again.notify_all();
  Report report = Wait(run);
  EXPECT_EQ(report.status, absl::AbortedError("first"));
  ASSERT_FALSE(report.errors.empty());
  EXPECT_EQ(report.errors[0], absl::AbortedError("second"));
  EXPECT_LE(report.errors.size(), 2u);
  run.Cancel(absl::AbortedError("too late"));
  EXPECT_EQ(run.Wait().status, absl::AbortedError("first"));
}

TEST_P(RunTest, Cancel_KeepsSixteenLaterErrors_CountsTheRest) {
  Graph& graph = NewGraph();
  graph.Add<ProbeWork>("work", Forever());
  Run& run = Start(engine(), graph);
  // From the outside, while the Work cannot have unwound: in simulation nothing runs meanwhile.
  for (int i = 0; i < 21; ++i) run.Cancel(absl::AbortedError(std::to_string(i)));
  Report report = Wait(run);
  EXPECT_EQ(report.status, absl::AbortedError("0"));
  if (simulated()) {
    EXPECT_EQ(report.errors.size(), 16u);
    EXPECT_EQ(report.more_errors, 4u);
  }
}

TEST_P(RunTest, Cancel_WithAnOkStatus_DoesNotEndOk) {
  Graph& graph = Endless();
  Run& run = Start(engine(), graph);
  run.Cancel(absl::OkStatus());
  const Report report = Wait(run);
  EXPECT_TRUE(absl::IsCancelled(report.status)) << report.status;
  EXPECT_NE(report.status.message().find("not a cause"), absl::string_view::npos) << report.status;
}

TEST_P(RunTest, Cancel_FromManyThreads_EndsOnce) {
  if (simulated()) GTEST_SKIP() << "a simulated engine is driven by one thread";
  for (int round = 0; round < 20; ++round) {
    Graph& graph = Endless();
    Run& run = Start(engine(), graph);
    std::atomic<int> done{0};
    run.OnDone([&](const Report&) { done.fetch_add(1); });
    std::vector<std::thread> threads;
    for (int i = 0; i < 4; ++i)
      threads.emplace_back([&run] { run.Cancel(absl::AbortedError("enough")); });
    Report report = Wait(run);
    for (std::thread& thread : threads) thread.join();
    EXPECT_EQ(report.status, absl::AbortedError("enough"));
    EXPECT_EQ(done, 1);
  }
}

TEST_P(RunTest, Cancel_UnwindsInTopologicalOrder_WorkersByIndex) {
  Graph& graph = NewGraph();
  std::atomic<int> began{0};
  std::vector<std::string> destroyed;  // Works unwind one at a time
  struct Tells {
    Tells(std::vector<std::string>& order, std::string name)
        : order(order), name(std::move(name)) {}
    ~Tells() { order.push_back(name); }
    std::vector<std::string>& order;
    const std::string name;
  };
  // Added back to front, so that the order of addition says nothing.
  auto& sink = graph.Add<ProbeSink<int>>("sink", [&](Context&, In<int>& in) -> Task<> {
    Tells tells(destroyed, "sink");
    began.fetch_add(1);
    while (auto item = co_await in.Receive()) {
    }
    co_return in.status();
  });
  auto& middle =
      graph.Add<ProbeStage<int, int>>("middle", [&](Context&, In<int>& in, Out<int>&) -> Task<> {
        Tells tells(destroyed, "middle");
        began.fetch_add(1);
        while (auto item = co_await in.Receive()) {
        }
        co_return in.status();
      });
  middle.set_workers(3);
  auto& source = graph.Add<ProbeSource<int>>("source", [&](Context& context, Out<int>&) -> Task<> {
    Tells tells(destroyed, "source");
    began.fetch_add(1);
    auto sleep = context.Sleep(absl::InfiniteDuration());
    absl::Status slept = co_await sleep;
    co_return slept;
  });
  graph.Connect(source.out, middle.in);
  graph.Connect(middle.out, sink.in);
  graph.Add<ProbeWork>("canceller", [&](Context& context) -> Task<> {
    while (began.load() < 5 && !context.cancelled()) co_await context.Yield();
    co_return absl::AbortedError("enough");
  });
  Report report = RunToEnd(engine(), graph);
  EXPECT_EQ(destroyed, (Names{"source", "middle", "middle", "middle", "sink"}));
  EXPECT_EQ(report.teardown.unwound,
            (Names{"source#0", "middle#0", "middle#1", "middle#2", "sink#0"}));
  EXPECT_EQ(report.teardown.ended, Names{"canceller#0"});
  EXPECT_TRUE(report.teardown.overdue.empty());
}

TEST_P(RunTest, Cancel_DiscardsWhatIsQueued_AfterTheWorksHaveEnded) {
  Graph& graph = NewGraph();
  std::atomic<bool> full{false};
  std::vector<int> discarded;
  auto& source =
      graph.Add<ProbeSource<Counted>>("source", [&](Context& context, Out<Counted>& out) -> Task<> {
        for (int i = 0; i < 4; ++i) {
          Counted item(i);
          auto send = out.Send(item);
          absl::Status sent = co_await send;
          if (!sent.ok()) co_return sent;
        }
        full = true;
        auto sleep = context.Sleep(absl::InfiniteDuration());
        absl::Status slept = co_await sleep;
        CountedItems::OnDestroyed([&](int value) { discarded.push_back(value); });
        co_return slept;
      });
  auto& sink = graph.Add<ProbeSink<Counted>>("sink", [&](Context& context, In<Counted>&) -> Task<> {
    auto until = Until(context, full);
    absl::Status status = co_await until;
    if (status.ok()) status = absl::AbortedError("enough");
    co_return status;
  });
  graph.Connect(source.out, sink.in);
  Report report = RunToEnd(engine(), graph);
  EXPECT_EQ(discarded, (std::vector<int>{0, 1, 2, 3}));
  EXPECT_EQ(report.channels[0].ledger.discarded, 4u);
  EXPECT_EQ(report.teardown.discarded, Names{"sink.in"});
}

TEST_P(RunTest, Destructor_CancelsAndJoins) {
  Graph& graph = NewGraph();
  std::atomic<bool> unwound{false};
  graph.Add<ProbeWork>("work", [&](Context& context) -> Task<> {
    auto sleep = context.Sleep(absl::InfiniteDuration());
    absl::Status slept = co_await sleep;
    unwound = true;
    co_return slept;
  });
  { Run run(engine(), graph); }
  EXPECT_TRUE(engine().Census().empty());
  EXPECT_TRUE(RunToEnd(engine(), NewGraph("empty")).over);
}

// --- Failing ---

TEST_P(RunTest, Failure_WinsOverTheCancelledThatItBringsAbout) {
  Graph& graph = NewGraph();
  std::atomic<bool> began{false};
  auto& source = graph.Add<ProbeSource<int>>("source", [&](Context&, Out<int>& out) -> Task<> {
    began = true;
    for (int i = 0;; ++i) {
      int item = i;
      auto send = out.Send(item);
      absl::Status sent = co_await send;
      if (!sent.ok()) co_return sent;
    }
  });
  auto& sink = graph.Add<ProbeSink<int>>("sink", [&](Context& context, In<int>&) -> Task<> {
    auto until = Until(context, began);
    absl::Status status = co_await until;
    if (status.ok()) status = absl::DataLossError("the disk is full");
    co_return status;
  });
  graph.Connect(source.out, sink.in);
  Report report = RunToEnd(engine(), graph);
  EXPECT_EQ(report.status, absl::DataLossError("stage 'sink': the disk is full"));
  EXPECT_EQ(report.stages[1].outcome, report.status);
  EXPECT_TRUE(absl::IsCancelled(report.stages[0].outcome)) << report.stages[0].outcome;
  EXPECT_TRUE(report.errors.empty()) << "CANCELLED after a cancel is no error";
}

TEST_P(RunTest, OutOfRange_OfNoOut_IsAFailure) {
  Graph& graph = NewGraph();
  graph.Add<ProbeWork>("work",
                       [](Context&) -> Task<> { co_return absl::OutOfRangeError("index 7"); });
  EXPECT_EQ(RunToEnd(engine(), graph).status, absl::OutOfRangeError("stage 'work': index 7"));
}

TEST_P(RunTest, Cancelled_WithoutACancel_IsAFailure) {
  Graph& graph = NewGraph();
  graph.Add<ProbeWork>("work", [](Context&) -> Task<> { co_return absl::CancelledError(""); });
  EXPECT_EQ(RunToEnd(engine(), graph).status, absl::CancelledError("stage 'work': CANCELLED"));
}

TEST_P(RunTest, OneWorkerFails_TheStagesOutcomeIsItsError) {
  Graph& graph = NewGraph();
  std::atomic<int> number{0};
  auto& work = graph.Add<ProbeWork>("work", [&](Context& context) -> Task<> {
    if (number.fetch_add(1) == 1) throw std::runtime_error("the second");
    auto sleep = context.Sleep(absl::InfiniteDuration());
    absl::Status slept = co_await sleep;
    co_return slept;
  });
  work.set_workers(3);
  Report report = RunToEnd(engine(), graph);
  EXPECT_EQ(report.status, absl::InternalError("stage 'work': the second"));
  EXPECT_EQ(report.stages[0].outcome, report.status);
  EXPECT_EQ(report.stages[0].ended, 3);
}

// --- Draining ---

TEST_P(RunTest, Drain_SourcesEnd_WhatIsInFlightFlowsOut) {
  Graph& graph = NewGraph();
  uint64_t received = 0;
  From(graph, "source", Generate([n = 0]() mutable -> std::optional<int> { return n++; }))
      .Map("map", [](int i) { return i; })
      .ForEach("sink", [&](int) { ++received; });
  Run& run = Start(engine(), graph);
  run.WaitFor(absl::Milliseconds(1));
  run.Drain();
  run.Drain(absl::ZeroDuration());  // the first counts
  Report report = Wait(run);
  EXPECT_TRUE(report.ok()) << report.status;
  EXPECT_TRUE(report.drained);
  EXPECT_FALSE(report.teardown.happened);
  for (const ChannelReport& channel : report.channels) {
    EXPECT_EQ(channel.ledger.accepted, channel.ledger.received) << channel.name;
  }
  EXPECT_EQ(received, report.channels[1].ledger.received);
}

TEST_P(RunTest, Drain_RefusesTheNextSendOfASource_ItemStays) {
  Graph& graph = NewGraph();
  absl::Status sent;
  int kept = 0;
  std::atomic<bool> full{false};
  auto& source =
      graph.Add<ProbeSource<Counted>>("source", [&](Context&, Out<Counted>& out) -> Task<> {
        for (int i = 0;; ++i) {
          Counted item(i);
          if (i == 2) full = true;
          auto send = out.Send(item);
          sent = co_await send;
          kept = item.value();
          if (!sent.ok()) co_return sent;
        }
      });
  std::atomic<bool> drained{false};
  auto& sink =
      graph.Add<ProbeSink<Counted>>("sink", [&](Context& context, In<Counted>& in) -> Task<> {
        auto until = Until(context, drained);
        absl::Status status = co_await until;
        while (auto item = co_await in.Receive()) {
        }
        status.Update(in.status());
        co_return status;
      });
  graph.Connect(source.out, sink.in, {.capacity = 2});
  Run& run = Start(engine(), graph);
  while (!full) run.WaitFor(absl::Microseconds(10));
  run.Drain();
  drained = true;
  Report report = Wait(run);
  EXPECT_TRUE(report.ok()) << report.status;
  EXPECT_TRUE(absl::IsOutOfRange(sent)) << sent;
  EXPECT_EQ(kept, 2);
  EXPECT_EQ(report.channels[0].ledger.received, 2u);
  EXPECT_EQ(report.channels[0].ledger.refused, 1u);
}

TEST_P(RunTest, Drain_NotDoneAtItsDeadline_IsCancelled) {
  Graph& graph = NewGraph();
  auto& source = graph.Add<ProbeSource<int>>(
      "source", [](Context&, Out<int>&) -> Task<> { co_return absl::OkStatus(); });
  auto& sink = graph.Add<ProbeSink<int>>("sink", [](Context& context, In<int>&) -> Task<> {
    auto sleep = context.Sleep(absl::InfiniteDuration());
    absl::Status slept = co_await sleep;
    co_return slept;
  });
  graph.Connect(source.out, sink.in);
  Run& run = Start(engine(), graph);
  run.Drain(absl::Milliseconds(1));
  Report report = Wait(run);
  EXPECT_TRUE(absl::IsDeadlineExceeded(report.status)) << report.status;
  EXPECT_TRUE(report.drained);
}

// --- Deadlines and parents ---

TEST_P(RunTest, Deadline_Passes_RunIsCancelledWithDeadlineExceeded) {
  Graph& graph = NewGraph();
  graph.Add<ProbeWork>("work", Forever());
  Report report = RunToEnd(engine(), graph, {.deadline = absl::Milliseconds(1)});
  EXPECT_EQ(report.status, absl::DeadlineExceededError("the run's deadline of 1ms has passed"));
  EXPECT_TRUE(report.teardown.happened);
}

TEST_P(RunTest, Deadline_OfZero_IsOverAtOnce) {
  Graph& graph = NewGraph();
  graph.Add<ProbeWork>("work", Forever());
  EXPECT_TRUE(absl::IsDeadlineExceeded(
      RunToEnd(engine(), graph, {.deadline = absl::ZeroDuration()}).status));
}

TEST_P(RunTest, Deadline_NotReached_LeavesNothingBehind) {
  if (simulated())
    GTEST_SKIP() << "in simulation a timer may fire as early as it likes beside ready work";
  std::vector<int> into;
  Graph& graph = Numbers(10, into);
  EXPECT_TRUE(RunToEnd(engine(), graph, {.deadline = absl::Hours(1)}).ok());
  EXPECT_TRUE(engine().Census().empty());
}

TEST_P(RunTest, Parent_CancelsTheRun_WithItsCause) {
  Graph& inner = Endless();
  Graph& outer = NewGraph("outer");
  Report report;
  outer.Add<ProbeWork>("runs", [&](Context& context) -> Task<> {
    Context child = context.WithCancel();
    Run run(engine(), inner, {.parent = &child});
    for (int i = 0; i < 10; ++i) co_await context.Yield();
    child.Cancel(absl::AbortedError("the parent says so"));
    auto operation = run.Finished();
    absl::StatusOr<Report> finished = co_await operation;
    if (finished.ok()) report = *std::move(finished);
    co_return absl::OkStatus();
  });
  EXPECT_TRUE(RunToEnd(engine(), outer).ok());
  EXPECT_EQ(report.status, absl::AbortedError("the parent says so"));
}

// Who is cancelled waits for what it has begun all the same: its Run goes with its frame.
TEST_P(RunTest, Parent_CancelledWhileItWaits_TheRunIsOverBeforeTheWaitIs) {
  for (const bool below : {false, true}) {
    Graph& inner = Endless();
    Graph& outer = NewGraph("outer");
    std::atomic<bool> waiting{false};
    bool over = false;
    Report report;
    outer.Add<ProbeWork>("runs", [&](Context& context) -> Task<> {
      Context child = context.WithCancel();
      Run run(engine(), inner, {.parent = below ? &child : &context});
      auto operation = run.Finished();
      waiting = true;
      absl::StatusOr<Report> finished = co_await operation;
      over = run.over();
      if (finished.ok()) report = *std::move(finished);
      co_return absl::CancelledError("");
    });
    outer.Add<ProbeWork>("fails", [&](Context& context) -> Task<> {
      auto until = Until(context, waiting);
      absl::Status status = co_await until;
      co_return status.ok() ? absl::AbortedError("enough") : status;
    });
    EXPECT_TRUE(absl::IsAborted(RunToEnd(engine(), outer).status));
    EXPECT_TRUE(over);
    EXPECT_TRUE(absl::IsAborted(report.status)) << report.status;
  }
}

TEST_P(RunTest, Parent_CancelledAlready_RunIsCancelledAtOnce) {
  Graph& inner = NewGraph("inner");
  bool began = false;
  inner.Add<ProbeWork>("work", [&](Context&) -> Task<> {
    began = true;
    co_return absl::OkStatus();
  });
  Graph& outer = NewGraph("outer");
  Report report;
  outer.Add<ProbeWork>("runs", [&](Context& context) -> Task<> {
    Context child = context.WithCancel();
    child.Cancel(absl::AbortedError("the parent says so"));
    Run run(engine(), inner, {.parent = &child});
    auto operation = run.Finished();
    absl::StatusOr<Report> finished = co_await operation;
    if (finished.ok()) report = *std::move(finished);
    co_return absl::OkStatus();
  });
  EXPECT_TRUE(RunToEnd(engine(), outer).ok());
  EXPECT_EQ(report.status, absl::AbortedError("the parent says so"));
  EXPECT_FALSE(began);
}

// --- Engines ---

TEST(EngineTest, BadOptions_RefuseEveryRun) {
  for (int threads : {-1, 257, 1000}) {
    Engine engine({.threads = threads});
    EXPECT_TRUE(absl::IsInvalidArgument(engine.status())) << engine.status();
    Graph graph("test");
    graph.Add<ProbeWork>("work", Forever());
    weir::Run run(engine, graph);
    EXPECT_TRUE(run.over());
    EXPECT_EQ(run.Wait().status, engine.status());
  }
  EXPECT_EQ(Engine({.threads = 1000}).status(),
            absl::InvalidArgumentError("an engine cannot have 1000 threads; give it 1 to 256"));
  EXPECT_EQ(
      Engine({.blocking_threads = 0}).status(),
      absl::InvalidArgumentError("an engine cannot have 0 blocking_threads; give it 1 to 256"));
}

TEST(EngineTest, Threads_AreWhatWasAskedFor) {
  for (int threads : {1, 2, 64}) EXPECT_EQ(Engine({.threads = threads}).threads(), threads);
  EXPECT_GE(Engine().threads(), 1);
  EXPECT_EQ(Engine::Simulated(1).threads(), 1);
}

TEST(EngineTest, Census_NamesWhoWaitsForWhat) {
  Engine engine({.threads = 1});
  Graph graph("test");
  auto& source = graph.Add<ProbeSource<int>>("source", [&](Context& context, Out<int>&) -> Task<> {
    auto sleep = context.Sleep(absl::InfiniteDuration());
    absl::Status slept = co_await sleep;
    co_return slept;
  });
  auto& sink = graph.Add<ProbeSink<int>>("sink", [&](Context&, In<int>& in) -> Task<> {
    while (auto item = co_await in.Receive()) {
    }
    co_return in.status();
  });
  graph.Connect(source.out, sink.in);
  weir::Run run(engine, graph);
  const auto waits = [&] {
    Names lines;
    for (const CensusEntry& entry : engine.Census().works) {
      lines.push_back(absl::StrCat(entry.graph, ".", entry.work, ": ", entry.waits));
    }
    return lines;
  };
  const Names expected = {"test.source#0: sleeps", "test.sink#0: waits to receive from sink.in"};
  while (waits() != expected) std::this_thread::yield();
  for (const CensusEntry& entry : engine.Census().works) {
    EXPECT_TRUE(entry.place.starts_with("run_test.cc:")) << entry.place;
  }
  run.Cancel();
  run.Wait();
  EXPECT_TRUE(engine.Census().empty());
}

// It may go on at any time, so that those who wait for it are not called stuck: the census names it.
TEST(EngineTest, Census_NamesWhoPolls) {
  Engine engine({.threads = 1});
  Graph graph("test");
  auto& source = graph.Add<ProbeSource<int>>("source", [](Context& context, Out<int>&) -> Task<> {
    auto sleep = context.Sleep(absl::InfiniteDuration());
    absl::Status slept = co_await sleep;
    co_return slept;
  });
  auto& sink = graph.Add<ProbeSink<int>>("poller", [](Context& context, In<int>& in) -> Task<> {
    while (!context.cancelled()) {
      auto once = in.ReceiveWithin(absl::ZeroDuration());
      absl::StatusOr<int> item = co_await once;
      if (!absl::IsDeadlineExceeded(item.status())) break;
      co_await context.Yield();
    }
    co_return absl::CancelledError("");
  });
  graph.Connect(source.out, sink.in);
  weir::Run run(engine, graph);
  std::string waits;
  while (waits.find("polls, ") == std::string::npos) {
    for (const CensusEntry& entry : engine.Census().works) {
      if (entry.work == "poller#0") waits = entry.waits;
    }
  }
  EXPECT_NE(waits.find(" times in vain"), std::string::npos) << waits;
  run.Cancel();
}

TEST(EngineTest, Destructor_WithActiveRuns_EndsTheProcessWithAMessage) {
  GTEST_FLAG_SET(death_test_style, "threadsafe");
  EXPECT_DEATH(
      {
        auto* graph = new Graph("test");
        graph->Add<ProbeWork>("work", Forever());
        Engine engine({.threads = 1});
        new weir::Run(engine, *graph);
      },
      "an Engine was destroyed while runs were active; it must outlive its Runs");
}

// --- An engine may end as soon as its runs are over, whoever has ended them ---

// What another thread resumes: `handle` is set once a coroutine waits for it.
struct Resumption {
  std::atomic<void*>* handle;
  bool await_ready() { return false; }
  void await_suspend(std::coroutine_handle<> waiting) { handle->store(waiting.address()); }
  void await_resume() {}
};

constexpr int kEngineEnds = 100;

TEST(EngineEndTest, AThreadThatResumesAnExternal_IsWaitedFor) {
  for (int i = 0; i < kEngineEnds; ++i) {
    std::atomic<void*> handle{nullptr};
    auto engine = std::make_unique<Engine>(EngineOptions{.threads = 1 + i % 2});
    Graph graph("test");
    graph.Add<ProbeWork>("work", [&](Context& context) -> Task<> {
      Resumption resumption{&handle};
      auto external = context.External(resumption);
      co_await external;
      co_return absl::OkStatus();
    });
    std::thread other([&] {
      while (handle.load() == nullptr) std::this_thread::yield();
      std::coroutine_handle<>::from_address(handle.load()).resume();
    });
    EXPECT_TRUE(weir::Run(*engine, graph).Wait().ok());
    engine.reset();
    other.join();
  }
}

TEST(EngineEndTest, AThreadThatCancelsAContext_IsWaitedFor) {
  for (int i = 0; i < kEngineEnds; ++i) {
    std::atomic<Context*> waits{nullptr};
    auto engine = std::make_unique<Engine>(EngineOptions{.threads = 1 + i % 2});
    Graph graph("test");
    graph.Add<ProbeWork>("work", [&](Context& context) -> Task<> {
      Context attempt = context.WithCancel();
      waits.store(&attempt);
      auto sleep = attempt.Sleep(absl::InfiniteDuration());
      absl::Status slept = co_await sleep;
      co_return absl::IsCancelled(slept) ? absl::OkStatus() : absl::InternalError("it slept");
    });
    std::thread other([&] {
      while (waits.load() == nullptr) std::this_thread::yield();
      waits.load()->Cancel(absl::AbortedError("enough"));
    });
    EXPECT_TRUE(weir::Run(*engine, graph).Wait().ok());
    engine.reset();
    other.join();
  }
}

TEST(EngineEndTest, AnotherEngineWhoseRunWasAwaited_IsWaitedFor) {
  Engine other({.threads = 1});
  for (int i = 0; i < kEngineEnds; ++i) {
    std::vector<int> into;
    Graph inner("inner");
    From(inner, "source", FromRange(std::views::iota(0, 3))).Collect("sink", into);
    auto engine = std::make_unique<Engine>(EngineOptions{.threads = 1 + i % 2});
    std::optional<weir::Run> awaited;
    Graph graph("test");
    graph.Add<ProbeWork>("work", [&](Context&) -> Task<> {
      awaited.emplace(other, inner);
      auto finished = awaited->Finished();
      absl::StatusOr<Report> report = co_await finished;
      co_return report.ok() ? report->status : report.status();
    });
    EXPECT_TRUE(weir::Run(*engine, graph).Wait().ok());
    engine.reset();
    EXPECT_EQ(into.size(), 3u);
  }
}

TEST(EngineTest, GraphDestroyedWhileItRuns_EndsTheProcessWithAMessage) {
  GTEST_FLAG_SET(death_test_style, "threadsafe");
  EXPECT_DEATH(
      {
        auto* engine = new Engine({.threads = 1});
        Graph graph("short_lived");
        graph.Add<ProbeWork>("work", Forever());
        new weir::Run(*engine, graph);
      },
      "graph 'short_lived' was destroyed while it ran; it must outlive its Runs");
}

TEST(EngineTest, GraphDestroyedBeforeARunThatIsOver_TheReportIsStillThere) {
  Engine engine({.threads = 1});
  auto graph = std::make_unique<Graph>("short_lived");
  graph->Add<ProbeWork>("work", [](Context&) -> Task<> { co_return absl::AbortedError("so"); });
  weir::Run first(engine, *graph);
  first.Wait();
  weir::Run second(engine, *graph);
  while (!second.over()) std::this_thread::yield();
  { weir::Run gone(engine, *graph); }
  graph.reset();
  for (weir::Run* run : {&first, &second}) {
    const Report report = run->Wait();
    EXPECT_EQ(report.status, absl::AbortedError("stage 'work': so"));
    EXPECT_EQ(report.graph, "short_lived");
    ASSERT_EQ(report.stages.size(), 1u);
    EXPECT_EQ(report.stages[0].name, "work");
  }
}

// --- On a hand-turned clock ---

TEST(RunClockTest, Deadline_OnAHandTurnedClock) {
  internal::ManualClock clock;
  Engine engine({.threads = 2, .clock = &clock});
  Graph graph("test");
  std::atomic<bool> began{false};
  graph.Add<ProbeWork>("work", Forever(&began));
  weir::Run run(engine, graph, {.deadline = absl::Hours(1)});
  while (!began) std::this_thread::yield();
  clock.Advance(absl::Minutes(59));
  EXPECT_FALSE(run.over());
  clock.Advance(absl::Minutes(1));
  Report report = run.Wait();
  EXPECT_TRUE(absl::IsDeadlineExceeded(report.status)) << report.status;
  EXPECT_EQ(report.elapsed, absl::Hours(1));
  EXPECT_EQ(clock.armed(), 0u);
}

// --- The monitor of leaks ---

// While no Work runs, no Work is looked at; the time is counted all the same.
TEST(RunSamplesTest, AWaitThatHasNotEnded_IsCountedUpToNow) {
  Engine engine({.threads = 1});
  Graph graph("test");
  auto& input = graph.Add<Input<int>>("input");
  Flow(graph, input.out).Ignore("sink");
  weir::Run run(engine, graph);
  while (run.Snapshot().stages[1].starved < 5) std::this_thread::yield();
  const uint64_t starved = run.Snapshot().stages[1].starved;
  input.Close();
  EXPECT_GE(run.Wait().stages[1].starved, starved);
}

// One thread, and a body that does not hear: the others are ready to stop, and have no thread to do it on.
TEST(RunOverdueTest, ADeafBody_IsNamedFirst_TheOthersAsWaitingForIt) {
  internal::ManualClock clock;
  std::vector<std::string> log;
  Engine engine({.threads = 1,
                 .log = [&](std::string_view line) { log.emplace_back(line); },
                 .clock = &clock});
  Graph graph("test");
  std::atomic<bool> sleeps{false}, deaf_runs{false}, let_go{false};
  graph.Add<ProbeWork>("innocent", Forever(&sleeps));
  graph.Add<ProbeWork>("deaf", [&](Context& context) -> Task<> {
    Task<> until = Until(context, sleeps);
    absl::Status status = co_await until;
    deaf_runs = true;
    while (!let_go) std::this_thread::yield();
    co_return status;
  });
  weir::Run run(engine, graph);
  while (!deaf_runs) std::this_thread::yield();
  run.Cancel(absl::AbortedError("enough"));
  clock.Advance(absl::Seconds(5));
  EXPECT_EQ(run.Snapshot().teardown.overdue, (Names{"deaf#0", "innocent#0"}));
  let_go = true;
  EXPECT_TRUE(absl::IsAborted(run.Wait().status));
  ASSERT_EQ(log.size(), 2u);
  EXPECT_NE(log[0].find("test.deaf#0 has not stopped"), std::string::npos) << log[0];
  EXPECT_EQ(log[1],
            "test.innocent#0 has not stopped 5s after the run was cancelled: is ready, and waits for a "
            "thread, as deaf#0 holds one");
}

TEST(CensusLimit, IsTold_WhenMoreWorksAreAlive_AndOnlyThenAgain) {
  std::vector<size_t> told;
  Engine engine =
      Engine::Simulated(1, {.census_limit = {.works = 2, .on_growth = [&](const Census& census) {
                                               told.push_back(census.works.size());
                                               EXPECT_FALSE(census.ToString().empty());
                                             }}});
  for (const size_t stages : {2, 4, 3, 4, 5}) {
    Graph graph("many");
    for (size_t i = 0; i < stages; ++i) {
      graph.Add<ProbeWork>("work" + std::to_string(i), [](Context& context) -> Task<> {
        for (int k = 0; k < 200; ++k) co_await context.Yield();
        co_return absl::OkStatus();
      });
    }
    EXPECT_TRUE(weir::Run(engine, graph).Wait().ok());
  }
  EXPECT_EQ(told, (std::vector<size_t>{4, 5}));
}

TEST(RunLog, TheSink_MayAskForTheCensus_ButNotWaitForARun) {
  Engine* asked = nullptr;
  std::atomic<weir::Run*> asked_run{nullptr};
  std::atomic<bool> running{false}, warned{false};
  std::string census;
  Report waited;
  Engine engine({.threads = 2, .grace = absl::ZeroDuration(), .log = [&](std::string_view) {
                   census = asked->Census().ToString();
                   waited = asked_run.load()->WaitFor(absl::ZeroDuration());
                   warned = true;
                 }});
  asked = &engine;
  Graph graph("test");
  graph.Add<ProbeWork>("holder", [&](Context& context) -> Task<> {
    auto call = context.Blocking([&] {
      running = true;
      while (!warned) std::this_thread::yield();
    });
    absl::Status status = co_await call;
    co_return status;
  });
  weir::Run run(engine, graph);
  asked_run = &run;
  while (!running) std::this_thread::yield();
  run.Cancel();
  run.Wait();
  EXPECT_TRUE(absl::IsFailedPrecondition(waited.status)) << waited.status;
  EXPECT_NE(census.find("test.holder"), std::string::npos) << census;
}

}  // namespace
}  // namespace weir::testing
