// What cancelling and draining a run, or a part of it, means. Where the same rules are held elsewhere: in the tests of Go's context
// package and of errgroup, in tokio's CancellationToken, and in the Reactive Streams specification, by its numbers.
#include <gtest/gtest.h>

#include <atomic>
#include <functional>
#include <string>
#include <thread>
#include <vector>

#include "tests/conformance/reference_run.h"
#include "weir/testing.h"

namespace weir::testing {
namespace {

class CancellationRules : public EveryEngineTest {
 protected:
  // A chain that would never end: a source, a stage that passes on, a sink.
  Graph& Endless() {
    Graph& graph = NewGraph("endless");
    auto& source =
        graph.Add<ProbeSource<Counted>>("source", [this](Context&, Out<Counted>& out) -> Task<> {
          while (true) {
            Counted item(1);
            auto send = out.Send(item);
            absl::Status sent = co_await send;
            if (!sent.ok()) co_return sent;
            ++sent_;
          }
        });
    Flow<Counted>(graph, source.out)
        .Map("map", [](Counted item) { return item; }, {.fuse = false, .capacity = 2})
        .ForEach("sink", [](Counted) {}, {.capacity = 2});
    return graph;
  }
  std::atomic<uint64_t> sent_{0};
};

WEIR_ON_EVERY_ENGINE(CancellationRules);

// Of many cancellations the first gives the cause; the others change nothing. Go: a context's cause is set once; Reactive Streams
// 3.5, 3.7: to cancel is idempotent.
TEST_P(CancellationRules, TheFirstCauseStays_ToCancelIsIdempotent) {
  Run& run = Start(engine(), Endless());
  run.Cancel(absl::AbortedError("first"));
  run.Cancel(absl::CancelledError("second"));
  run.Cancel(absl::CancelledError("third"));
  const Report report = Wait(run);
  EXPECT_EQ(report.status, absl::AbortedError("first"));
  run.Cancel(absl::InternalError("too late"));
  EXPECT_EQ(run.Wait().status, absl::AbortedError("first"));
}

// A run that is over is not changed by a cancellation. Go: cancelling a finished errgroup; Reactive Streams 1.7.
TEST_P(CancellationRules, AfterTheEnd_ToCancelChangesNothing) {
  std::vector<int> into;
  Graph& graph = NewGraph();
  From(graph, "numbers", FromVector<int>({1, 2, 3})).Collect("collect", into);
  Run& run = Start(engine(), graph);
  EXPECT_TRUE(Wait(run).ok());
  run.Cancel(absl::AbortedError("too late"));
  run.Drain();
  EXPECT_TRUE(run.Wait().ok());
  EXPECT_EQ(into.size(), 3u);
}

// A Context's cancellation reaches all below it, and none above or beside it; a wait that it ends leaves the item with its sender.
// Go: TestCancel and the propagation tests of context; tokio: child tokens.
TEST_P(CancellationRules, AParentCancelsItsChildren_AndNoneAboveOrBeside) {
  Graph& graph = NewGraph();
  graph.Add<ProbeWork>("work", [](Context& context) -> Task<> {
    Context parent = context.WithCancel();
    Context beside = context.WithCancel();
    Context child = parent.WithTimeout(absl::Hours(10));
    Context grandchild = child.WithCancel();
    parent.Cancel(absl::AbortedError("enough"));
    EXPECT_TRUE(child.cancelled() && grandchild.cancelled());
    EXPECT_EQ(grandchild.cause(), absl::AbortedError("enough"));
    EXPECT_FALSE(context.cancelled());
    EXPECT_FALSE(beside.cancelled());
    auto sleep = grandchild.Sleep(absl::Hours(1));
    absl::Status slept = co_await sleep;
    EXPECT_TRUE(absl::IsCancelled(slept)) << slept;
    Context late = child.WithCancel();
    EXPECT_TRUE(late.cancelled()) << "made below one that is cancelled";
    co_return absl::OkStatus();
  });
  EXPECT_TRUE(RunToEnd(engine(), graph).ok());
}

// A stage that waits for items, for room or for time wakes at once when the run is cancelled, although nothing it waits for happens.
// Go: a select with Done; tokio: cancelled() wakes.
TEST_P(CancellationRules, EveryWaitEnds) {
  Graph& graph = NewGraph();
  std::atomic<int> ended{0};
  auto note = [&](const absl::Status& status) {
    EXPECT_TRUE(absl::IsCancelled(status)) << status;
    ++ended;
    return status;
  };
  std::atomic<int> waiting{0};
  auto& sends =
      graph.Add<ProbeSource<Counted>>("sends", [&](Context&, Out<Counted>& out) -> Task<> {
        Counted item(0);
        auto first = out.Send(item);
        absl::Status sent = co_await first;
        if (!sent.ok()) co_return note(sent);
        ++waiting;
        Counted next(1);
        auto second = out.Send(next);
        sent = co_await second;
        EXPECT_EQ(next.value(), 1);
        co_return note(sent);
      });
  auto& sleeps =
      graph.Add<ProbeSink<Counted>>("sleeps", [&](Context& context, In<Counted>&) -> Task<> {
        ++waiting;
        auto sleep = context.Sleep(absl::InfiniteDuration());
        absl::Status slept = co_await sleep;
        co_return note(slept);
      });
  auto& silent =
      graph.Add<ProbeSource<Counted>>("silent", [&](Context& context, Out<Counted>&) -> Task<> {
        ++waiting;
        auto sleep = context.Sleep(absl::InfiniteDuration());
        absl::Status slept = co_await sleep;
        co_return note(slept);
      });
  auto& receives =
      graph.Add<ProbeSink<Counted>>("receives", [&](Context&, In<Counted>& in) -> Task<> {
        ++waiting;
        auto item = co_await in.Receive();
        EXPECT_FALSE(item.has_value());
        co_return note(in.status());
      });
  graph.Add<ProbeWork>("cancels", [&](Context& context) -> Task<> {
    while (waiting < 4) co_await context.Yield();
    co_return absl::AbortedError("enough");
  });
  graph.Connect(sends.out, sleeps.in, {.capacity = 1});
  graph.Connect(silent.out, receives.in);
  const Report report = RunToEnd(engine(), graph);
  EXPECT_TRUE(absl::IsAborted(report.status)) << report.status;
  EXPECT_EQ(ended, 4);
}

// The reference graphs, on every engine: what every_step_test does at each step, at some items.
class CancellationOfReferenceGraphs : public EveryEngineTest {
 protected:
  // Runs the graph, does something once its functions have been passed by so many items, and waits.
  Report RunAndAct(ReferenceGraph& graph, uint64_t after, const std::function<void(Run&)>& act) {
    graph.Prepare(engine());
    Run run(engine(), graph.graph());
    std::thread actor;
    if (simulated()) {
      act(run);
    } else {
      actor = std::thread([&] {
        while (graph.faults().passed(0) < after && !run.over()) std::this_thread::yield();
        act(run);
      });
    }
    Report report = run.Wait();
    if (actor.joinable()) actor.join();
    ExpectCleanEnd(report, engine());
    return report;
  }
};

WEIR_ON_EVERY_ENGINE(CancellationOfReferenceGraphs);

// Whenever a run is cancelled, it ends clean, with the cause that was given, and no sink takes a cut-off input for a complete one.
// Go: errgroup's first error; Reactive Streams 3.12: a cancellation is eventually obeyed.
TEST_P(CancellationOfReferenceGraphs, CancelledAtAnyItem_EndsClean_CommitsNothingCutOff) {
  for (const ReferenceGraphKind& kind : ReferenceGraphs()) {
    const auto graph = kind.Make();
    graph->Prepare(engine());
    ASSERT_TRUE(RunToEnd(engine(), graph->graph()).ok());
    const auto complete = graph->committed();
    for (uint64_t after : {0, 1, 2, 5, 13, 29}) {
      const Report report =
          RunAndAct(*graph, after, [](Run& run) { run.Cancel(absl::AbortedError("enough")); });
      EXPECT_TRUE(report.ok() || absl::IsAborted(report.status)) << kind << ": " << report.status;
      const auto committed = graph->committed();
      for (size_t i = 0; i < committed.size(); ++i) {
        if (committed[i].happened) {
          EXPECT_EQ(committed[i], complete[i]) << kind;
        }
      }
    }
  }
}

// A run that drains delivers everything that its sources have sent: no failure, every sink commits. Reactive Streams 1.5 and 2.8:
// completion comes behind what was sent.
TEST_P(CancellationOfReferenceGraphs, DrainedAtAnyItem_DeliversWhatWasSent) {
  for (const ReferenceGraphKind& kind : ReferenceGraphs()) {
    const auto graph = kind.Make();
    for (uint64_t after : {0, 1, 3, 17}) {
      const Report report = RunAndAct(*graph, after, [](Run& run) { run.Drain(); });
      EXPECT_TRUE(report.ok()) << kind << ": " << report.status;
      for (const auto& sink : graph->committed()) EXPECT_TRUE(sink.happened) << kind;
      for (const ChannelReport& channel : report.channels) {
        EXPECT_EQ(channel.ledger.discarded, 0u) << kind;
      }
    }
  }
}

}  // namespace
}  // namespace weir::testing
