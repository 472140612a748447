#include "weir/core/context.h"

#include <atomic>
#include <coroutine>
#include <memory>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "weir/core/simulator.h"
#include "weir/core/timer.h"
#include "weir/testing.h"

namespace weir::testing {
namespace {

class ContextTest : public EveryEngineTest {
 protected:
  Report RunWork(ProbeWork::Body body, RunOptions options = {}) {
    Graph& graph = NewGraph();
    graph.Add<ProbeWork>("work", std::move(body));
    return RunToEnd(engine(), graph, options);
  }
};
WEIR_ON_EVERY_ENGINE(ContextTest);

TEST_P(ContextTest, Fresh_IsNotCancelled_HasNoCauseAndNoDeadline) {
  RunWork([](Context& context) -> Task<> {
    EXPECT_FALSE(context.cancelled());
    EXPECT_TRUE(context.cause().ok());
    EXPECT_EQ(context.deadline(), Instant::InfiniteFuture());
    EXPECT_FALSE(context.draining());
    co_return absl::OkStatus();
  });
}

TEST_P(ContextTest, Cancel_ReachesAllBelow_AndNoneAbove) {
  Report report = RunWork([](Context& context) -> Task<> {
    Context child = context.WithCancel();
    Context sibling = context.WithCancel();
    Context grandchild = child.WithCancel();
    Context great_grandchild = grandchild.WithTimeout(absl::Hours(1));
    child.Cancel(absl::AbortedError("enough"));
    for (Context* below : {&child, &grandchild, &great_grandchild}) {
      EXPECT_TRUE(below->cancelled());
      EXPECT_EQ(below->cause(), absl::AbortedError("enough"));
    }
    EXPECT_FALSE(sibling.cancelled());
    EXPECT_FALSE(context.cancelled());
    co_return absl::OkStatus();
  });
  EXPECT_TRUE(report.ok());
}

TEST_P(ContextTest, Cancel_FirstCauseWinsAndStays) {
  RunWork([](Context& context) -> Task<> {
    Context child = context.WithCancel();
    Context grandchild = child.WithCancel();
    grandchild.Cancel(absl::AbortedError("first"));
    child.Cancel(absl::InternalError("second"));
    child.Cancel(absl::InternalError("third"));
    EXPECT_EQ(grandchild.cause(), absl::AbortedError("first"));
    EXPECT_EQ(child.cause(), absl::InternalError("second"));
    co_return absl::OkStatus();
  });
}

TEST_P(ContextTest, ChildOfACancelledOne_IsBornCancelled) {
  RunWork([](Context& context) -> Task<> {
    Context child = context.WithCancel();
    child.Cancel(absl::AbortedError("enough"));
    Context late = child.WithTimeout(absl::Hours(1));
    EXPECT_TRUE(late.cancelled());
    EXPECT_EQ(late.cause(), absl::AbortedError("enough"));
    co_return absl::OkStatus();
  });
}

TEST_P(ContextTest, ChildrenThatEndInAnyOrder_LeaveTheTreeWhole) {
  RunWork([](Context& context) -> Task<> {
    Context parent = context.WithCancel();
    auto first = std::unique_ptr<Context>(new Context(parent.WithCancel()));
    auto second = std::unique_ptr<Context>(new Context(parent.WithCancel()));
    auto third = std::unique_ptr<Context>(new Context(parent.WithCancel()));
    second.reset();
    first.reset();
    auto fourth = std::unique_ptr<Context>(new Context(parent.WithCancel()));
    parent.Cancel(absl::AbortedError("enough"));
    EXPECT_TRUE(third->cancelled());
    EXPECT_TRUE(fourth->cancelled());
    co_return absl::OkStatus();
  });
}

TEST_P(ContextTest, Deadline_IsTheEarliestOfThoseAbove) {
  RunWork([](Context& context) -> Task<> {
    const Instant soon = context.Now() + absl::Hours(1), late = context.Now() + absl::Hours(2);
    Context outer = context.WithDeadline(soon);
    Context inner = outer.WithDeadline(late);
    Context shorter = outer.WithTimeout(absl::Minutes(1));
    Context endless = outer.WithTimeout(absl::InfiniteDuration());
    EXPECT_EQ(outer.deadline(), soon);
    EXPECT_EQ(inner.deadline(), soon);
    EXPECT_LT(shorter.deadline(), soon);
    EXPECT_EQ(endless.deadline(), soon);
    co_return absl::OkStatus();
  });
}

TEST_P(ContextTest, Deadline_OfTheRun_IsKnownToItsWorks) {
  Instant deadline = Instant::FromNanoseconds(1),
          now;  // in simulation it may pass before the Work begins
  RunWork(
      [&](Context& context) -> Task<> {
        deadline = context.deadline();
        now = context.Now();
        co_return absl::OkStatus();
      },
      {.deadline = absl::Hours(1)});
  EXPECT_LE(deadline, now + absl::Hours(1));
  EXPECT_GT(deadline, Instant());
}

TEST_P(ContextTest, Deadline_Passes_CancelsWithDeadlineExceeded) {
  absl::Status slept, cause, above;
  RunWork([&](Context& context) -> Task<> {
    Context attempt = context.WithTimeout(absl::Milliseconds(1));
    auto sleep = attempt.Sleep(absl::Hours(1));
    slept = co_await sleep;
    cause = attempt.cause();
    above = context.cause();
    co_return absl::OkStatus();
  });
  EXPECT_TRUE(absl::IsCancelled(slept)) << slept;
  EXPECT_TRUE(absl::IsDeadlineExceeded(cause)) << cause;
  EXPECT_TRUE(above.ok()) << above;
}

TEST_P(ContextTest, Deadline_InThePast_IsOverAtOnce) {
  absl::Status slept, cause;
  RunWork([&](Context& context) -> Task<> {
    Context attempt = context.WithTimeout(absl::Milliseconds(-5));
    auto sleep = attempt.Sleep(absl::InfiniteDuration());
    slept = co_await sleep;
    cause = attempt.cause();
    co_return absl::OkStatus();
  });
  EXPECT_TRUE(absl::IsCancelled(slept)) << slept;
  EXPECT_TRUE(absl::IsDeadlineExceeded(cause)) << cause;
}

TEST_P(ContextTest, TheRunsCause_IsSeenByEveryContextOfIt) {
  std::atomic<int> waiting{0};
  std::vector<absl::Status> causes(3);
  Graph& graph = NewGraph();
  for (size_t i = 0; i < causes.size(); ++i) {
    graph.Add<ProbeWork>("waits" + std::to_string(i), [&, i](Context& context) -> Task<> {
      Context child = context.WithCancel();
      waiting.fetch_add(1);
      auto sleep = child.Sleep(absl::InfiniteDuration());
      absl::Status slept = co_await sleep;
      causes[i] = child.cause();
      co_return slept;
    });
  }
  graph.Add<ProbeWork>("fails", [&](Context& context) -> Task<> {
    while (waiting.load() < 3 && !context.cancelled()) co_await context.Yield();
    co_return absl::DataLossError("half a file");
  });
  Report report = RunToEnd(engine(), graph);
  EXPECT_EQ(report.status, absl::DataLossError("stage 'fails': half a file"));
  for (const absl::Status& cause : causes) EXPECT_EQ(cause, report.status);
}

TEST_P(ContextTest, Cancel_FromAnotherThread_WakesTheWait) {
  absl::Status slept;
  std::thread canceller;
  RunWork([&](Context& context) -> Task<> {
    Context child = context.WithCancel();
    // The engine has to be told of another thread's wake-up, so this waits as External does.
    struct Foreign {
      Context& child;
      std::thread& thread;
      bool await_ready() { return false; }
      void await_suspend(std::coroutine_handle<> frame) {
        thread = std::thread([this, frame]() mutable {
          child.Cancel(absl::AbortedError("from outside"));
          frame.resume();
        });
      }
      void await_resume() {}
    } foreign{child, canceller};
    auto external = context.External(std::move(foreign));
    co_await external;
    auto sleep = child.Sleep(absl::InfiniteDuration());
    slept = co_await sleep;
    co_return absl::OkStatus();
  });
  canceller.join();
  EXPECT_TRUE(absl::IsCancelled(slept));
}

TEST_P(ContextTest, Log_NamesGraphAndStage) {
  RunWork([](Context& context) -> Task<> {
    context.Log("hello");
    Context child = context.WithCancel();
    child.Log("from a child");
    co_return absl::OkStatus();
  });
  EXPECT_EQ(log(), (std::vector<std::string>{"test.work: hello", "test.work: from a child"}));
}

TEST_P(ContextTest, WithTimeout_OfInfinitelyLongAgo_HasPassed) {
  Graph& graph = NewGraph();
  absl::Duration rest;
  absl::Status cause;
  graph.Add<ProbeWork>("work", [&](Context& context) -> Task<> {
    Context child = context.WithTimeout(-absl::InfiniteDuration());
    auto sleep = child.Sleep(absl::InfiniteDuration());
    (co_await sleep).IgnoreError();
    rest = child.deadline() - context.Now();
    cause = child.cause();
    co_return absl::OkStatus();
  });
  EXPECT_TRUE(RunToEnd(engine(), graph).ok());
  EXPECT_LE(rest, absl::ZeroDuration());
  EXPECT_TRUE(absl::IsDeadlineExceeded(cause)) << cause;
}

// --- Draining ---

class ContextDrainTest : public EveryEngineTest {};
WEIR_ON_EVERY_ENGINE(ContextDrainTest);

TEST_P(ContextDrainTest, Drain_WakesTheSleepOfASource_WithOk) {
  Graph& graph = NewGraph();
  absl::Status slept = absl::UnknownError(""), again = slept;
  bool draining = false;
  graph.Add<ProbeWork>("source", [&](Context& context) -> Task<> {
    Context child = context.WithCancel();
    auto sleep = child.Sleep(absl::InfiniteDuration());
    slept = co_await sleep;
    draining = context.draining() && child.draining();
    auto sleep_again = context.Sleep(absl::InfiniteDuration());
    again = co_await sleep_again;
    co_return absl::OkStatus();
  });
  Run& run = Start(engine(), graph);
  run.Drain();
  Report report = Wait(run);
  EXPECT_TRUE(report.ok()) << report.status;
  EXPECT_TRUE(report.drained);
  EXPECT_TRUE(slept.ok()) << slept;
  EXPECT_TRUE(again.ok()) << again;
  EXPECT_TRUE(draining);
}

TEST_P(ContextDrainTest, Drain_IsSeenByStagesWithAnInput_WhoseSleepsGoOn) {
  Graph& graph = NewGraph();
  bool draining = false;
  absl::Duration slept_for;
  int received = 0;
  auto& source =
      graph.Add<ProbeSource<int>>("source", [&](Context& context, Out<int>& out) -> Task<> {
        int item = 1;
        auto send = out.Send(item);
        absl::Status sent = co_await send;
        while (!context.draining() && !context.cancelled()) {
          auto sleep = context.Sleep(absl::Hours(1));
          absl::Status slept = co_await sleep;
          sent.Update(slept);
        }
        co_return sent;
      });
  auto& sink = graph.Add<ProbeSink<int>>("sink", [&](Context& context, In<int>& in) -> Task<> {
    while (auto item = co_await in.Receive()) ++received;
    draining = context.draining();
    const Instant before = context.Now();
    auto sleep = context.Sleep(absl::Milliseconds(1));
    absl::Status slept = co_await sleep;
    slept_for = context.Now() - before;
    co_return slept;
  });
  graph.Connect(source.out, sink.in);
  Run& run = Start(engine(), graph);
  while (engine().simulator() == nullptr && run.Snapshot().channels[0].ledger.accepted == 0)
    std::this_thread::yield();
  run.Drain();
  Report report = Wait(run);
  EXPECT_TRUE(report.ok()) << report.status;
  EXPECT_TRUE(draining);
  EXPECT_GE(slept_for, absl::Milliseconds(1));
  if (!simulated()) {
    EXPECT_EQ(received, 1);
  }
}

// What a sink learns at the end of its input, and the report afterwards, of a run that is drained
// while its source and its sink are both under way, or when only the sink is.
class PartialResultTest : public EveryEngineTest {
 protected:
  struct Seen {
    bool discards = false;
    bool cut = false;
  };
  Seen Drained(Partial partial, bool source_has_ended, bool sink_leaves_out) {
    Seen seen;
    Graph& graph = NewGraph();
    std::atomic<bool> ended{false};
    auto& source =
        graph.Add<ProbeSource<int>>("source", [&](Context& context, Out<int>&) -> Task<> {
          auto sleep =
              context.Sleep(source_has_ended ? absl::ZeroDuration() : absl::InfiniteDuration());
          absl::Status slept = co_await sleep;
          co_return slept;
        });
    auto& sink = graph.Add<ProbeSink<int>>("sink", [&](Context& context, In<int>& in) -> Task<> {
      while (auto item = co_await in.Receive()) {
      }
      ended = true;
      while (!context.draining()) {
        auto sleep = context.Sleep(absl::Milliseconds(1));
        absl::Status slept = co_await sleep;
        if (!slept.ok()) co_return slept;
      }
      if (sink_leaves_out) context.NoteInputCut();
      seen.discards = context.discards_partial();
      co_return in.status();
    });
    graph.Connect(source.out, sink.in);
    Run& run = Start(engine(), graph);
    if (simulated()) {
      engine().simulator()->OnStep([&](uint64_t) {
        if (ended || !source_has_ended) run.Drain(absl::InfiniteDuration(), partial);
      });
    } else {
      while (source_has_ended && !ended) std::this_thread::yield();
      run.Drain(absl::InfiniteDuration(), partial);
    }
    const Report report = Wait(run);
    if (simulated()) engine().simulator()->OnStep(nullptr);
    EXPECT_TRUE(report.ok()) << report.status;
    EXPECT_TRUE(report.drained);
    seen.cut = report.input_cut;
    return seen;
  }
};
WEIR_ON_EVERY_ENGINE(PartialResultTest);

TEST_P(PartialResultTest, SourceHadNotEnded_TheInputIsCut) {
  const Seen discarded = Drained(Partial::kDiscard, false, false);
  EXPECT_TRUE(discarded.discards && discarded.cut);
  const Seen kept = Drained(Partial::kKeep, false, false);
  EXPECT_TRUE(!kept.discards && kept.cut);
}

TEST_P(PartialResultTest, AllInputHadBeenRead_TheResultIsComplete) {
  const Seen seen = Drained(Partial::kDiscard, true, false);
  EXPECT_FALSE(seen.discards || seen.cut);
}

TEST_P(PartialResultTest, AReaderThatIsNoSource_SaysThatItLeavesInputOut) {
  const Seen seen = Drained(Partial::kDiscard, true, true);
  EXPECT_TRUE(seen.discards && seen.cut);
}

// --- In virtual time ---

class SleepTest : public EveryEngineTest {};
WEIR_ON_EVERY_SEED(SleepTest);

TEST_P(SleepTest, Sleep_LastsAsLongAsItSays) {
  Graph& graph = NewGraph();
  absl::Duration slept_for;
  graph.Add<ProbeWork>("work", [&](Context& context) -> Task<> {
    const Instant began = context.Now();
    auto sleep = context.Sleep(absl::Hours(5));
    absl::Status slept = co_await sleep;
    slept_for = context.Now() - began;
    co_return slept;
  });
  EXPECT_TRUE(RunToEnd(engine(), graph).ok());
  EXPECT_EQ(slept_for, absl::Hours(5));
}

TEST_P(SleepTest, Sleep_CancelledFromAnotherWork_EndsThen) {
  Graph& graph = NewGraph();
  absl::Status slept = absl::CancelledError("it has not begun");
  graph.Add<ProbeWork>("sleeper", [&](Context& context) -> Task<> {
    auto sleep = context.Sleep(absl::Hours(5));
    slept = co_await sleep;
    co_return slept;
  });
  graph.Add<ProbeWork>("fails", [&](Context& context) -> Task<> {
    auto sleep = context.Sleep(absl::Hours(1));
    absl::Status ok = co_await sleep;
    ok.Update(absl::AbortedError("enough"));
    co_return ok;
  });
  Report report = RunToEnd(engine(), graph);
  EXPECT_TRUE(absl::IsCancelled(slept) || report.elapsed >= absl::Hours(5)) << slept;
  EXPECT_TRUE(absl::IsAborted(report.status)) << report.status;
}

// --- On a hand-turned clock ---

TEST(ManualClockContextTest, Timers_FireWhenTheClockIsTurned) {
  internal::ManualClock clock;
  Engine engine({.threads = 2, .clock = &clock});
  Graph graph("test");
  absl::Status slept, cause;
  graph.Add<ProbeWork>("work", [&](Context& context) -> Task<> {
    Context attempt = context.WithTimeout(absl::Minutes(10));
    auto sleep = attempt.Sleep(absl::Minutes(5));
    slept = co_await sleep;
    auto sleep_again = attempt.Sleep(absl::Hours(1));
    absl::Status cut_short = co_await sleep_again;
    EXPECT_TRUE(absl::IsCancelled(cut_short));
    cause = attempt.cause();
    co_return absl::OkStatus();
  });
  weir::Run run(engine, graph);
  while (clock.armed() < 2) std::this_thread::yield();
  clock.Advance(absl::Minutes(5));
  while (clock.armed() < 2) std::this_thread::yield();
  EXPECT_FALSE(run.over());
  clock.Advance(absl::Minutes(5));
  Report report = run.Wait();
  EXPECT_TRUE(report.ok()) << report.status;
  EXPECT_TRUE(slept.ok());
  EXPECT_TRUE(absl::IsDeadlineExceeded(cause)) << cause;
  EXPECT_EQ(report.elapsed, absl::Minutes(10));
  EXPECT_EQ(clock.armed(), 0u);
}

}  // namespace
}  // namespace weir::testing
