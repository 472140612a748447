// Deadlocks are found and named, on every engine; what is slow, or may yet be woken, is not called one.
#include <gtest/gtest.h>

#include <atomic>
#include <optional>
#include <ranges>
#include <string>
#include <vector>

#include "weir/testing.h"

namespace weir {
namespace {

using testing::ProbeSink;
using testing::ProbeSource;
using testing::ProbeWork;

class WedgeTest : public testing::EveryEngineTest {
 protected:
  // A diamond whose join takes from both sides in turn, while all items go to one side.
  void AddDiamond(Graph& graph, size_t capacity) {
    auto sides =
        From(graph, "numbers", FromRange(std::views::iota(0))).Partition("split", 2, [](int) {
          return 0;
        });
    auto left = sides[0].Map("left", [](int n) { return n; }, {.capacity = capacity});
    auto right = sides[1].Map("right", [](int n) { return n; }, {.capacity = capacity});
    auto& zip = graph.Add("zip", Zip<int, int>());
    left.To(zip.first, {.capacity = capacity});
    right.To(zip.second, {.capacity = capacity});
    Flow(graph, zip.out).Ignore("ignore");
  }
};

WEIR_ON_EVERY_ENGINE(WedgeTest);

TEST_P(WedgeTest, Diamond_NamesWhoWaitsOnWhat_AndTheNextCapacity) {
  Graph& graph = NewGraph("diamond");
  AddDiamond(graph, 2);
  const Report report = RunToEnd(engine(), graph);
  EXPECT_TRUE(absl::IsFailedPrecondition(report.status)) << report.status;
  const std::string message(report.status.message());
  for (const char* part : {"deadlock: ", "zip waits to receive from zip.second",
                           "left is blocked on zip.first, 2 of 2", ": try capacity 4"}) {
    EXPECT_NE(message.find(part), std::string::npos) << message;
  }
  const std::optional<NextCapacity> next = NextCapacityOf(report.status);
  ASSERT_TRUE(next.has_value());
  EXPECT_NE(message.find(next->input + ": try capacity 4"), std::string::npos) << message;
  EXPECT_EQ(next->capacity, 4u);
  EXPECT_EQ(next->bytes, 0u);
}

// A small item waits behind a large one that does not fit, whose sender gives up after a time. The receiver waits for a sign that
// comes after the small one.
TEST_P(WedgeTest, BehindASenderThatGivesUpInTime_IsNotStuck) {
  struct Sink final : Stage {
    In<int> items{this, "items"}, sign{this, "sign"};
    int sum = 0;
    Task<> Work(Context&) override {
      auto given = co_await sign.Receive();
      if (!given) co_return absl::InternalError("no sign was given");
      while (auto item = co_await items.Receive()) sum += *item;
      co_return items.status();
    }
  };
  struct Small final : Stage {
    Out<int> out{this, "out"}, sign{this, "sign"};
    std::atomic<bool>* may_send = nullptr;
    Task<> Work(Context& context) override {
      Task<> until = testing::Until(context, *may_send);
      absl::Status status = co_await until;
      auto sleep = context.Sleep(absl::Milliseconds(2));
      if (status.ok()) status = co_await sleep;
      int item = 4;
      auto send = out.Send(item);
      if (status.ok()) status = co_await send;
      auto give = sign.Send(item);
      if (status.ok()) status = co_await give;
      co_return status;
    }
  };
  Graph& graph = NewGraph();
  std::atomic<bool> large_waits{false};
  auto& large = graph.Add<ProbeSource<int>>("large", [&](Context&, Out<int>& out) -> Task<> {
    int first = 6, second = 8;
    auto fits = out.Send(first);
    absl::Status sent = co_await fits;
    if (!sent.ok()) co_return sent;
    large_waits = true;
    auto does_not_fit = out.SendWithin(absl::Milliseconds(30), second);
    sent = co_await does_not_fit;
    if (absl::IsDeadlineExceeded(sent)) co_return absl::OkStatus();
    co_return sent.ok() ? absl::InternalError("it fits") : sent;
  });
  auto& small = graph.Add<Small>("small");
  small.may_send = &large_waits;
  auto& sink = graph.Add<Sink>("sink");
  sink.items.MeasureBy([](const int& bytes) { return static_cast<size_t>(bytes); });
  graph.Connect(large.out, sink.items, {.capacity = kUnboundedItems, .bytes = 10});
  graph.Connect(small.out, sink.items);
  graph.Connect(small.sign, sink.sign);
  const Report report = RunToEnd(engine(), graph);
  EXPECT_TRUE(report.ok()) << report.status;
  EXPECT_EQ(sink.sum, 10);
}

// Who passes on its own Context, or a time without an end, has bounded nothing.
TEST_P(WedgeTest, BoundsThatEndNothing_HideNoDeadlock) {
  class InTurn final : public Stage {
   public:
    In<int> first{this, "first"}, second{this, "second"};
    Task<> Work(Context& context) override {
      while (true) {
        auto receive = first.Receive(context);
        if (!(co_await receive).has_value()) co_return first.status();
        auto other = second.ReceiveWithin(absl::InfiniteDuration());
        absl::StatusOr<int> item = co_await other;
        if (!item.ok()) co_return second.status();
      }
    }
  };
  class Ahead final : public Stage {
   public:
    Out<int> first{this, "first"}, second{this, "second"};
    Task<> Work(Context& context) override {
      for (int i = 0;; ++i) {
        int item = i;
        auto send = first.Send(item, context);
        absl::Status sent = co_await send;
        if (!sent.ok()) co_return sent;
      }
    }
  };
  Graph& graph = NewGraph("bounds");
  auto& ahead = graph.Add<Ahead>("ahead");
  auto& in_turn = graph.Add<InTurn>("in_turn");
  graph.Connect(ahead.first, in_turn.first, {.capacity = 2});
  graph.Connect(ahead.second, in_turn.second, {.capacity = 2});
  const Report report = RunToEnd(engine(), graph);
  EXPECT_TRUE(absl::IsFailedPrecondition(report.status)) << report.status;
  const std::string message(report.status.message());
  for (const char* part : {"in_turn waits to receive from in_turn.second",
                           "ahead is blocked on in_turn.first, 2 of 2"}) {
    EXPECT_NE(message.find(part), std::string::npos) << message;
  }
}

TEST_P(WedgeTest, PartialWedge_IsFoundWhileOthersGoOn) {
  Graph& graph = NewGraph("half");
  AddDiamond(graph, 2);
  graph.Add<ProbeWork>("busy", [](Context& context) -> Task<> {
    while (!context.cancelled()) co_await context.Yield();
    co_return absl::CancelledError("");
  });
  const Report report = RunToEnd(engine(), graph);
  EXPECT_TRUE(absl::IsFailedPrecondition(report.status)) << report.status;
  EXPECT_EQ(report.status.message().find("busy"), std::string::npos) << report.status;
}

TEST_P(WedgeTest, FeedbackLoopThatFills_IsNamed) {
  class Doubles final : public Stage {
   public:
    In<int> in{this, "in"};
    Out<int> out{this, "out"};
    Task<> Work(Context&) override {
      while (auto item = co_await in.Receive()) {
        for (int i = 0; i < 2; ++i) {
          auto send = out.Send(*item);
          absl::Status sent = co_await send;
          if (!sent.ok()) co_return sent;
        }
      }
      co_return in.status();
    }
  };
  Graph& graph = NewGraph("loop");
  auto& doubles = graph.Add<Doubles>("doubles");
  auto& back = graph.Add("back", Map<int>([](int n) { return n; }));
  From(graph, "one", FromVector<int>({1})).To(doubles.in, {.capacity = 4});
  graph.Connect(doubles.out, back.in, {.capacity = 8});
  graph.Connect(back.out, doubles.in, {.feedback = true});
  const Report report = RunToEnd(engine(), graph);
  EXPECT_TRUE(absl::IsFailedPrecondition(report.status)) << report.status;
  const std::string message(report.status.message());
  EXPECT_NE(message.find("the smallest full channel is doubles.in: try capacity 8"),
            std::string::npos)
      << message;
}

TEST_P(WedgeTest, WhoMayStillBeWoken_IsNotCalledStuck) {
  // A receiver whose sender sleeps, one whose sender is in a blocking call, and one that waits with a time of its own.
  Graph& graph = NewGraph("slow");
  int got = 0;
  auto& sleeper =
      graph.Add<ProbeSource<int>>("sleeper", [](Context& context, Out<int>& out) -> Task<> {
        absl::Status slept = co_await context.Sleep(absl::Milliseconds(30));
        if (!slept.ok()) co_return slept;
        int item = 1;
        auto send = out.Send(item);
        absl::Status sent = co_await send;
        co_return sent;
      });
  auto& first = graph.Add<ProbeSink<int>>("first", [&](Context&, In<int>& in) -> Task<> {
    while (auto item = co_await in.Receive()) got += *item;
    co_return in.status();
  });
  graph.Connect(sleeper.out, first.in);
  auto& blocks =
      graph.Add<ProbeSource<int>>("blocks", [](Context& context, Out<int>& out) -> Task<> {
        auto call = context.Blocking([] {});
        absl::Status called = co_await call;
        if (!called.ok()) co_return called;
        int item = 2;
        auto send = out.Send(item);
        absl::Status sent = co_await send;
        co_return sent;
      });
  auto& second = graph.Add<ProbeSink<int>>("second", [&](Context&, In<int>& in) -> Task<> {
    while (true) {
      auto receive = in.ReceiveWithin(absl::Milliseconds(1));
      absl::StatusOr<int> item = co_await receive;
      if (item.ok()) co_return absl::OkStatus();
      if (!absl::IsDeadlineExceeded(item.status())) co_return in.status();
    }
  });
  graph.Connect(blocks.out, second.in);
  const Report report = RunToEnd(engine(), graph);
  EXPECT_TRUE(report.ok()) << report.status;
  EXPECT_EQ(got, 1);
}

// Of two that wait for each other, one gives up after a time, and sends.
TEST_P(WedgeTest, WaitForATime_InACircle_IsNotCalledStuck) {
  class Gives final : public Stage {
   public:
    In<int> in{this, "in"};
    Out<int> out{this, "out"};
    Task<> Work(Context&) override {
      auto receive = in.ReceiveWithin(absl::Milliseconds(300));
      absl::StatusOr<int> item = co_await receive;
      EXPECT_TRUE(absl::IsDeadlineExceeded(item.status())) << item.status();
      int number = 1;
      auto send = out.Send(number);
      absl::Status sent = co_await send;
      co_return sent;
    }
  };
  class Waits final : public Stage {
   public:
    In<int> in{this, "in"};
    Out<int> out{this, "out"};
    Task<> Work(Context&) override {
      auto item = co_await in.Receive();
      EXPECT_TRUE(item.has_value());
      co_return in.status();
    }
  };
  Graph& graph = NewGraph("circle");
  From(graph, "numbers", FromVector<int>({1})).Ignore("ignore");
  auto& gives = graph.Add<Gives>("gives");
  auto& waits = graph.Add<Waits>("waits");
  graph.Connect(gives.out, waits.in);
  graph.Connect(waits.out, gives.in, {.feedback = true});
  const Report report = RunToEnd(engine(), graph);
  EXPECT_TRUE(report.ok()) << report.status;
}

// The program may still send.
TEST_P(WedgeTest, OpenInput_IsTheOutside) {
  if (simulated()) GTEST_SKIP() << "a simulation has no program beside it";
  EngineOptions options;
  Graph& graph = NewGraph("edge");
  auto& input = graph.Add<Input<int>>("input");
  int got = 0;
  Flow(graph, input.out).ForEach("add", [&](int n) { got += n; });
  Run& run = Start(engine(), graph);
  // It has waited for longer than a search takes: samples are taken more rarely than the search is made.
  while (run.Snapshot().stages[1].starved < 3) std::this_thread::yield();
  EXPECT_TRUE(input.Send(7).ok());
  input.Close();
  EXPECT_TRUE(Wait(run).ok());
  EXPECT_EQ(got, 7);
}

TEST_P(WedgeTest, CapacityThatSuffices_RunsThrough) {
  Graph& graph = NewGraph("diamond");
  auto sides =
      From(graph, "numbers", FromRange(std::views::iota(0, 16))).Partition("split", 2, [](int n) {
        return n < 8 ? 0 : 1;
      });
  auto& zip = graph.Add("zip", Zip<int, int>());
  sides[0].To(zip.first, {.capacity = 8});
  sides[1].To(zip.second, {.capacity = 8});
  std::vector<std::pair<int, int>> pairs;
  Flow(graph, zip.out).Collect("collect", pairs);
  const Report report = RunToEnd(engine(), graph);
  EXPECT_TRUE(report.ok()) << report.status;
  EXPECT_EQ(pairs.size(), 8u);
}

}  // namespace
}  // namespace weir
