// The kit, as a user's test meets it; what must fail a test is looked at with GoogleTest's own EXPECT_NONFATAL_FAILURE.
#include "weir/testing.h"

#include <gtest/gtest-spi.h>
#include <gtest/gtest.h>

#include <memory>
#include <optional>
#include <string>

#include "weir/weir.h"

namespace weir::testing {
namespace {

class ProbeTest : public EveryEngineTest {
 protected:
  ProbeTest() {
    source_.flow()
        .Map("twice", [](int n) { return 2 * n; }, {.capacity = 1})
        .To(sink_.in(), {.capacity = 1});
  }
  Graph& graph_ = NewGraph();
  TestSource<int> source_{graph_};
  TestSink<int> sink_{graph_};
};

WEIR_ON_EVERY_ENGINE(ProbeTest);

TEST_P(ProbeTest, OneItemAtATime_AndTheEnd) {
  Run& run = Start(engine(), graph_);
  for (int n = 0; n < 20; ++n) {
    source_.Give(n);
    sink_.Expect(2 * n);
  }
  source_.End();
  sink_.ExpectEnd();
  EXPECT_TRUE(Wait(run).ok());
}

TEST_P(ProbeTest, TryGive_TellsWhenTheGraphIsFull) {
  Run& run = Start(engine(), graph_);
  int given = 0;
  // Nobody takes anything out: there is room for what the channels hold, and for what the stage has in its hands.
  while (given < 100 && source_.TryGive(given)) ++given;
  EXPECT_GE(given, 1);
  EXPECT_LT(given, 100);
  for (int n = 0; n < given; ++n) sink_.Expect(2 * n);
  source_.End();
  sink_.ExpectEnd();
  EXPECT_TRUE(Wait(run).ok());
}

TEST_P(ProbeTest, ACancelledRun_EndsTheProbesWaits) {
  Run& run = Start(engine(), graph_);
  run.Cancel();
  EXPECT_TRUE(absl::IsCancelled(sink_.Next().status()));
  EXPECT_NONFATAL_FAILURE(source_.Give(1), "does not take");
}

TEST_P(ProbeTest, WhatIsNotAsExpected_FailsTheTest) {
  Run& run = Start(engine(), graph_);
  source_.Give(1);
  EXPECT_NONFATAL_FAILURE(sink_.Expect(3), "3");
  source_.Give(2);
  EXPECT_NONFATAL_FAILURE(sink_.ExpectEnd(), "not the end");
  source_.End();
  EXPECT_NONFATAL_FAILURE(sink_.Expect(4), "no item");
  EXPECT_TRUE(Wait(run).ok());
}

TEST_P(ProbeTest, ExpectNothing_TakesNoTimeInSimulation) {
  if (!simulated()) GTEST_SKIP() << "real time would pass";
  Run& run = Start(engine(), graph_);
  sink_.ExpectNothing();
  source_.Give(1);
  EXPECT_NONFATAL_FAILURE(sink_.ExpectNothing(), "an item");
  source_.End();
  sink_.ExpectEnd();
  EXPECT_TRUE(Wait(run).ok());
}

class ManualClockTest : public WeirTest {
 protected:
  ManualClock clock_;  // outlives the engines, which go in TearDown
};

TEST_F(ManualClockTest, TurnedByHand_DecidesATimedSend) {
  Graph& graph = NewGraph();
  std::atomic<bool> sends{false};
  graph.Connect(graph
                    .Add<ProbeSource<int>>("source",
                                           [&](Context&, Out<int>& out) -> Task<> {
                                             int first = 1, second = 2;
                                             absl::Status sent = co_await out.Send(first);
                                             if (!sent.ok()) co_return sent;
                                             sends = true;
                                             sent = co_await out.SendWithin(absl::Hours(1), second);
                                             co_return absl::IsDeadlineExceeded(sent)
                                                 ? absl::OkStatus()
                                                 : absl::InternalError("sent");
                                           })
                    .out,
                graph
                    .Add<ProbeSink<int>>("sink",
                                         [&](Context& context, In<int>& in) -> Task<> {
                                           // Until the timed send has armed its timer and lost it again.
                                           Task<> waits = Until(context, sends);
                                           absl::Status begun = co_await waits;
                                           if (!begun.ok()) co_return begun;
                                           while (clock_.armed() == 0) co_await context.Yield();
                                           clock_.Advance(absl::Hours(1));
                                           while (auto item = co_await in.Receive()) {
                                           }
                                           co_return in.status();
                                         })
                    .in,
                {.capacity = 1});
  const Report report = RunToEnd(Threaded(2, {.clock = &clock_}), graph);
  EXPECT_TRUE(report.ok()) << report.status;
}

// --- VerifyNothingLeft ---

class OwnEngineTest : public VerifyNothingLeft {
 protected:
  OwnEngineTest() { Watch(engine_); }
  Graph graph_{"input"};
  Input<int>& input_ = graph_.Add<Input<int>>("input");
  Engine engine_{{.threads = 2}};
};

TEST_F(OwnEngineTest, WhatEndedInTime_IsNotMissed) {
  Flow(graph_, input_.out).Ignore("ignore");
  Run run(engine_, graph_);
  input_.Close();
  Check(run.Wait());
}

TEST_F(OwnEngineTest, WhatIsAlive_FailsTheTest) {
  Flow(graph_, input_.out).Ignore("ignore");
  Run run(engine_, graph_);
  EXPECT_NONFATAL_FAILURE(VerifyNothingLeft::TearDown(), "input#0");
  Watch(engine_);
  run.Cancel();
  run.Wait();
}

TEST_F(OwnEngineTest, AnotherEngineBesideIt_DoesNotDisturbIt) {
  Engine other({.threads = 1});
  Flow(graph_, input_.out).Ignore("ignore");
  Run run(other, graph_);
  VerifyNothingLeft::TearDown();
  Watch(engine_);
}

TEST(VerifyNothingLeftEnvironmentTest, LooksAtItsEngineAtTheEnd) {
  Engine engine({.threads = 1});
  Graph graph("input");
  auto& input = graph.Add<Input<int>>("input");
  Flow(graph, input.out).Ignore("ignore");
  VerifyNothingLeftEnvironment environment(engine);
  environment.SetUp();
  weir::Run run(engine, graph);
  EXPECT_NONFATAL_FAILURE(environment.TearDown(), "input#0");
  input.Close();
  run.Wait();
}

// The environment of this program, for the tests above.
Engine& SharedEngine() {
  static auto& engine = *new Engine({.threads = 2});
  return engine;
}

TEST(SharedEngineTest, IsLookedAtAfterEachTest) {
  Graph graph("shared");
  From(graph, "numbers", FromVector<int>({1, 2, 3})).Ignore("ignore");
  EXPECT_TRUE(weir::Run(SharedEngine(), graph).Wait().ok());
}

}  // namespace
}  // namespace weir::testing

int main(int argc, char** argv) {
  ::testing::InitGoogleTest(&argc, argv);
  ::testing::AddGlobalTestEnvironment(
      new weir::testing::VerifyNothingLeftEnvironment(weir::testing::SharedEngine()));
  return RUN_ALL_TESTS();
}
