#include "weir/core/simulator.h"

#include <atomic>
#include <coroutine>
#include <optional>
#include <ranges>
#include <set>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "weir/testing.h"

namespace weir::testing {
namespace {

class SimulatorTest : public WeirTest {
 protected:
  // A graph with something of everything: two sources, workers, a timer, a blocking call, a full channel.
  Graph& Scenario() {
    Graph& graph = NewGraph("scenario");
    auto left = From(graph, "left", FromRange(std::views::iota(0, 20)));
    auto right = From(graph, "right", FromRange(std::views::iota(100, 120)));
    left.Merge("merge", right)
        .Map("map", [](int i) { return i + 1; }, {.workers = 3, .capacity = 2})
        .Map("blocking", [](int i) { return i; }, {.blocking = true, .capacity = 2})
        .ForEach("sink", [](int) {}, {.capacity = 1});
    graph.Add<ProbeWork>("timer", [](Context& context) -> Task<> {
      for (int i = 0; i < 5; ++i) {
        auto sleep = context.Sleep(absl::Microseconds(100));
        absl::Status slept = co_await sleep;
        if (!slept.ok()) co_return slept;
      }
      co_return absl::OkStatus();
    });
    return graph;
  }
  std::string TraceOf(uint64_t seed) {
    Engine& engine = Simulated(seed);
    engine.simulator()->KeepTrace(true);
    EXPECT_TRUE(RunToEnd(engine, Scenario()).ok());
    return engine.simulator()->trace();
  }
};

TEST_F(SimulatorTest, SameSeed_SameTrace_ByteForByte) {
  for (uint64_t seed = 0; seed < 20; ++seed) {
    const std::string trace = TraceOf(seed);
    EXPECT_FALSE(trace.empty());
    EXPECT_EQ(trace, TraceOf(seed)) << "seed " << seed;
  }
}

TEST_F(SimulatorTest, SameSeed_SameReport_ByteForByte) {
  for (uint64_t seed = 0; seed < 10; ++seed) {
    EXPECT_EQ(ToJson(RunToEnd(Simulated(seed), Scenario())),
              ToJson(RunToEnd(Simulated(seed), Scenario())));
  }
}

TEST_F(SimulatorTest, DifferentSeeds_DifferentTraces) {
  std::set<std::string> traces;
  for (uint64_t seed = 0; seed < 20; ++seed) traces.insert(TraceOf(seed));
  EXPECT_EQ(traces.size(), 20u);
}

TEST_F(SimulatorTest, Digest_TellsTracesApart_AlsoWhereTheyAreNotKept) {
  std::set<uint64_t> digests;
  for (int round = 0; round < 2; ++round) {
    for (uint64_t seed = 0; seed < 20; ++seed) {
      Engine& engine = Simulated(seed);
      RunToEnd(engine, Scenario());
      EXPECT_EQ(engine.simulator()->trace(), "");
      digests.insert(engine.simulator()->digest());
    }
  }
  EXPECT_EQ(digests.size(), 20u);
}

TEST_F(SimulatorTest, SecondRunOnTheSameEngine_GoesOnWithTheSeed) {
  auto two = [this](uint64_t seed) {
    Engine& engine = Simulated(seed);
    RunToEnd(engine, Scenario());
    RunToEnd(engine, Scenario());
    return engine.simulator()->digest();
  };
  EXPECT_EQ(two(3), two(3));
}

// --- Choices ---

TEST_F(SimulatorTest, ChoicesThatWereMade_ReplayTheTrace) {
  for (uint64_t seed = 0; seed < 10; ++seed) {
    Engine& drawn = Simulated(seed);
    drawn.simulator()->choices().Keep();
    RunToEnd(drawn, Scenario());
    Engine& replayed = Simulated(0);
    replayed.simulator()->choices().Replay(drawn.simulator()->choices().made());
    RunToEnd(replayed, Scenario());
    EXPECT_EQ(replayed.simulator()->digest(), drawn.simulator()->digest()) << "seed " << seed;
  }
}

TEST_F(SimulatorTest, PastTheEndOfTheChoices_AllTakeTheirTurns) {
  Engine& engine = Simulated(5);
  engine.simulator()->choices().Replay({});
  Graph& graph = Scenario();
  // One that waits for another by giving way would wait for ever if it alone went on.
  std::atomic<bool> called{false};
  graph.Add<ProbeWork>("waits", [&](Context& context) -> Task<> { return Until(context, called); });
  graph.Add<ProbeWork>("also", [&](Context& context) -> Task<> { return Until(context, called); });
  graph.Add<ProbeWork>("calls", [&](Context& context) -> Task<> {
    auto call = context.Blocking([&called] { called = true; });
    absl::Status result = co_await call;
    co_return result;
  });
  EXPECT_TRUE(RunToEnd(engine, graph).ok());
}

// --- Faults ---

TEST_F(SimulatorTest, Faults_OfEveryKind_HappenAndAreReplayed) {
  std::set<internal::FaultKind> happened;
  for (uint64_t seed = 0; seed < 300; ++seed) {
    std::vector<uint32_t> choices;
    std::string trace;
    for (bool replay : {false, true}) {
      Engine& engine = Simulated(seed);
      engine.simulator()->InjectFaults();
      engine.simulator()->KeepTrace(true);
      engine.simulator()->choices().Keep();
      if (replay) engine.simulator()->choices().Replay(choices);
      const Report report = RunToEnd(engine, Scenario());
      bool excused = false;
      for (const internal::Fault& fault : engine.simulator()->faults()) {
        if (!fault.happened) continue;
        happened.insert(fault.kind);
        excused |= fault.excuses_failure();
        EXPECT_NE(engine.simulator()->trace().find(fault.ToString()), std::string::npos);
      }
      EXPECT_TRUE(report.ok() || excused) << "seed " << seed << ": " << report.status;
      if (replay) {
        EXPECT_EQ(engine.simulator()->trace(), trace) << "seed " << seed;
      }
      choices = engine.simulator()->choices().made();
      trace = engine.simulator()->trace();
    }
  }
  EXPECT_EQ(happened.size(), internal::kFaultKinds);
}

TEST_F(SimulatorTest, AThrow_IsThrownByTheCoAwait) {
  // One fault, a throw, at the first wait of all.
  const std::vector<uint32_t> choices = {1, static_cast<uint32_t>(internal::FaultKind::kThrow)};
  Engine& engine = Simulated(0);
  engine.simulator()->choices().Replay(choices);
  engine.simulator()->InjectFaults();
  Graph& graph = NewGraph();
  std::string caught;
  graph.Add<ProbeWork>("catches", [&](Context& context) -> Task<> {
    for (int i = 0; i < 2; ++i) {
      auto sleep = context.Sleep(absl::Seconds(1));
      try {
        absl::Status slept = co_await sleep;
        if (!slept.ok()) co_return slept;
      } catch (const std::exception& error) {
        caught += error.what();
      }
    }
    co_return absl::OkStatus();
  });
  EXPECT_TRUE(RunToEnd(engine, graph).ok());
  EXPECT_EQ(caught, "the simulator throws in catches#0 at wait 0");
}

TEST_F(SimulatorTest, OnStep_IsCalledBeforeEveryStep_AndMayCancel) {
  for (uint64_t at = 0; at < 60; at += 3) {
    Engine& engine = Simulated(at);
    Graph& graph = Scenario();
    Run& run = Start(engine, graph);
    uint64_t expected = 0;
    engine.simulator()->OnStep([&](uint64_t step) {
      EXPECT_EQ(step, expected++);
      if (step == at) run.Cancel(absl::AbortedError("at this step"));
    });
    Report report = Wait(run);
    EXPECT_EQ(report.status, absl::AbortedError("at this step"));
    engine.simulator()->OnStep(nullptr);
  }
}

TEST_F(SimulatorTest, VirtualTime_CostsNoRealTime) {
  Engine& engine = Simulated(1);
  Graph& graph = NewGraph();
  graph.Add<ProbeWork>("work", [](Context& context) -> Task<> {
    auto sleep = context.Sleep(absl::Hours(24 * 365));
    absl::Status slept = co_await sleep;
    co_return slept;
  });
  const Instant began = engine.Now();
  Report report = RunToEnd(engine, graph);
  EXPECT_EQ(report.elapsed, absl::Hours(24 * 365));
  EXPECT_EQ(engine.Now() - began, report.elapsed);
}

TEST_F(SimulatorTest, Timers_MayFireWhileWorkIsReady) {
  bool early = false, late = false;
  for (uint64_t seed = 0; seed < 50 && !(early && late); ++seed) {
    Graph& graph = NewGraph();
    std::atomic<int> yields{0};
    int seen = 0;
    graph.Add<ProbeWork>("busy", [&](Context& context) -> Task<> {
      while (yields.fetch_add(1) < 20) co_await context.Yield();
      co_return absl::OkStatus();
    });
    graph.Add<ProbeWork>("sleeps", [&](Context& context) -> Task<> {
      auto sleep = context.Sleep(absl::Hours(1));
      absl::Status slept = co_await sleep;
      seen = yields.load();
      co_return slept;
    });
    EXPECT_TRUE(RunToEnd(Simulated(seed), graph).ok());
    (seen < 20 ? early : late) = true;
  }
  EXPECT_TRUE(early);
  EXPECT_TRUE(late);
}

TEST_F(SimulatorTest, WaitFor_EndsAtItsTime_BesideABusyRun) {
  Graph& graph = NewGraph();
  From(graph, "source", Generate([]() -> std::optional<int> { return 1; })).Ignore("sink");
  Engine& engine = Simulated(1);
  Run& run = Start(engine, graph);
  for (int i = 0; i < 3; ++i) {
    const Instant began = engine.Now();
    EXPECT_FALSE(run.WaitFor(absl::Milliseconds(5)).over);
    EXPECT_EQ(engine.Now() - began, absl::Milliseconds(5));
  }
  run.Cancel();
}

TEST_F(SimulatorTest, WaitFor_WhileTheRunWaitsForTheProgram_IsNoDeadlock) {
  Graph& graph = NewGraph();
  auto& input = graph.Add<Input<int>>("input");
  Flow(graph, input.out).Ignore("sink");
  Engine& engine = Simulated(1);
  Run& run = Start(engine, graph);
  EXPECT_FALSE(run.WaitFor(absl::Seconds(1)).over);
  EXPECT_TRUE(input.Send(1).ok());
  input.Close();
  EXPECT_TRUE(run.Wait().ok());
}

TEST_F(SimulatorTest, WaitFor_EndsBeforeALaterTimer) {
  Graph& graph = NewGraph();
  graph.Add<ProbeWork>("sleeps", [](Context& context) -> Task<> {
    auto sleep = context.Sleep(absl::Hours(1));
    absl::Status slept = co_await sleep;
    co_return slept;
  });
  Engine& engine = Simulated(1);
  const Instant began = engine.Now();
  Run& run = Start(engine, graph);
  EXPECT_FALSE(run.WaitFor(absl::Seconds(1)).over);
  EXPECT_EQ(engine.Now() - began, absl::Seconds(1));
  EXPECT_TRUE(run.WaitFor(absl::Hours(2)).ok());
  EXPECT_EQ(engine.Now() - began, absl::Hours(1));
}

// --- Deadlock ---

// Two stages that each wait for the other: one to take from a full channel, the other to give to an empty one.
Graph& WedgeIn(Graph& graph) {
  class Pair final : public Stage {
   public:
    Out<int> a{this, "a"};
    Out<int> b{this, "b"};
    Task<> Work(Context&) override {
      // Fills `a` before it gives anything to `b`.
      for (int i = 0; i < 5; ++i) {
        int item = i;
        auto send = a.Send(item);
        absl::Status sent = co_await send;
        if (!sent.ok()) co_return sent;
      }
      int last = 0;
      auto send = b.Send(last);
      absl::Status sent = co_await send;
      co_return sent;
    }
  };
  class Join final : public Stage {
   public:
    In<int> a{this, "a"};
    In<int> b{this, "b"};
    Task<> Work(Context&) override {
      // Wants one of `b` before it takes any of `a`.
      std::optional<int> first = co_await b.Receive();
      while (auto item = co_await a.Receive()) *first += *item;
      co_return a.status();
    }
  };
  auto& pair = graph.Add<Pair>("pair");
  auto& join = graph.Add<Join>("join");
  graph.Connect(pair.a, join.a, {.capacity = 2});
  graph.Connect(pair.b, join.b);
  return graph;
}

TEST_F(SimulatorTest, Deadlock_FailsTheRun_NamingWhoWaitsOnWhat) {
  for (uint64_t seed = 0; seed < 10; ++seed) {
    Report report = RunToEnd(Simulated(seed), WedgeIn(NewGraph("wedge")));
    EXPECT_EQ(report.status.code(), absl::StatusCode::kFailedPrecondition);
    const std::string message(report.status.message());
    for (const char* part : {"deadlock: ", "pair is blocked on join.a, 2 of 2; ",
                             "join waits to receive from join.b; ",
                             "the smallest full channel is join.a: try capacity 4"}) {
      EXPECT_NE(message.find(part), std::string::npos) << message;
    }
    EXPECT_NE(message.find("seed " + std::to_string(seed)), std::string::npos) << message;
  }
}

TEST_F(SimulatorTest, Deadlock_InARunWithinAWork_IsFoundToo) {
  Engine& engine = Simulated(5);
  Graph& inner = WedgeIn(NewGraph("wedge"));
  Graph& outer = NewGraph("outer");
  outer.Add<ProbeWork>("runs", [&](Context& context) -> Task<> {
    Run run(engine, inner, {.parent = &context});
    auto operation = run.Finished();
    absl::StatusOr<Report> finished = co_await operation;
    co_return finished.ok() ? finished->status : finished.status();
  });
  Report report = RunToEnd(engine, outer);
  EXPECT_EQ(report.status.code(), absl::StatusCode::kFailedPrecondition) << report.status;
}

TEST_F(SimulatorTest, Deadlock_OneOfTwoRuns_TheOtherCompletesFirst) {
  Engine& engine = Simulated(5);
  Run& wedge = Start(engine, WedgeIn(NewGraph("wedge")));
  EXPECT_TRUE(RunToEnd(engine, Scenario()).ok());
  EXPECT_EQ(Wait(wedge).status.code(), absl::StatusCode::kFailedPrecondition);
}

TEST_F(SimulatorTest, AWaitForAnotherThread_IsNoDeadlock) {
  std::thread thread;
  Graph& graph = NewGraph();
  graph.Add<ProbeWork>("work", [&](Context& context) -> Task<> {
    struct Foreign {
      std::thread& thread;
      bool await_ready() { return false; }
      void await_suspend(std::coroutine_handle<> frame) {
        thread = std::thread([frame] { frame.resume(); });
      }
      void await_resume() {}
    } foreign{thread};
    auto external = context.External(foreign);
    co_await external;
    co_return absl::OkStatus();
  });
  Report report = RunToEnd(Simulated(1), graph);
  thread.join();
  EXPECT_TRUE(report.ok()) << report.status;
}

TEST_F(SimulatorTest, WhenAWaitEnds_TimeDoesNotGoBack) {
  for (uint64_t seed = 1; seed <= 20; ++seed) {
    Engine& engine = Simulated(seed);
    Graph& graph = NewGraph();
    auto& input = graph.Add<Input<int>>("input");
    Instant called;
    auto& sink = graph.Add<ProbeSink<int>>("sink", [&](Context& context, In<int>& in) -> Task<> {
      auto call = context.Blocking([] {});
      absl::Status status = co_await call;
      called = context.Now();
      while (co_await in.Receive()) {
      }
      co_return in.status();
    });
    graph.Connect(input.out, sink.in);
    Run& run = Start(engine, graph);
    run.WaitFor(absl::Microseconds(300));
    EXPECT_GE(engine.Now().nanoseconds(), called.nanoseconds()) << "seed " << seed;
    const Instant before = engine.Now();
    run.WaitFor(absl::Hours(-1));
    EXPECT_GE(engine.Now().nanoseconds(), before.nanoseconds()) << "seed " << seed;
    input.Close();
    Wait(run);
  }
}

}  // namespace
}  // namespace weir::testing
