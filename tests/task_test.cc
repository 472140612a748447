#include "weir/core/task.h"

#include <gmock/gmock.h>

#include <atomic>
#include <memory>
#include <stdexcept>
#include <string>
#include <vector>

#include "weir/testing.h"

namespace weir::testing {
namespace {

class TaskTest : public EveryEngineTest {
 protected:
  // Runs `body` as the one Work of a graph.
  Report RunWork(ProbeWork::Body body) {
    Graph& graph = NewGraph();
    graph.Add<ProbeWork>("work", std::move(body));
    return RunToEnd(engine(), graph);
  }
};
WEIR_ON_EVERY_ENGINE(TaskTest);

Task<int> Add(int a, int b) { co_return a + b; }
Task<void> Increment(int& n) {
  ++n;
  co_return;
}
Task<std::unique_ptr<int>> MakeUnique(int n) { co_return std::make_unique<int>(n); }
Task<int> Throw(std::string what) {
  throw std::runtime_error(what);
  co_return 0;
}
Task<int> YieldAndCount(Context& context, int n) {
  for (int i = 0; i < n; ++i) co_await context.Yield();
  co_return n;
}
// Calls itself to the given depth, and comes back.
Task<int> Depth(int depth) {
  if (depth == 0) co_return 0;
  auto deeper = Depth(depth - 1);
  int below = co_await deeper;
  co_return below + 1;
}

TEST_P(TaskTest, Work_EndsWithOk_RunIsOk) {
  Report report = RunWork([](Context&) -> Task<> { co_return absl::OkStatus(); });
  EXPECT_TRUE(report.ok()) << report.status;
}

TEST_P(TaskTest, Work_EndsWithAnError_RunHasItWithTheStagesName) {
  Report report = RunWork([](Context&) -> Task<> { co_return absl::DataLossError("half a file"); });
  EXPECT_EQ(report.status, absl::DataLossError("stage 'work': half a file"));
}

TEST_P(TaskTest, Work_Throws_IsInternalWithTheText) {
  Report report = RunWork([](Context&) -> Task<> {
    throw std::runtime_error("bad luck");
    co_return absl::OkStatus();
  });
  EXPECT_EQ(report.status, absl::InternalError("stage 'work': bad luck"));
}

TEST_P(TaskTest, Work_ThrowsWhatIsNoException_IsInternal) {
  Report report = RunWork([](Context&) -> Task<> {
    throw 7;
    co_return absl::OkStatus();
  });
  EXPECT_EQ(report.status.code(), absl::StatusCode::kInternal);
}

TEST_P(TaskTest, WorkThatIsNoCoroutine_Throws_IsInternal) {
  Report report = RunWork([](Context&) -> Task<> { throw std::runtime_error("before it began"); });
  EXPECT_EQ(report.status, absl::InternalError("stage 'work': before it began"));
}

TEST_P(TaskTest, Helper_GivesItsValue) {
  int sum = 0, n = 0;
  std::unique_ptr<int> unique;
  Report report = RunWork([&](Context&) -> Task<> {
    sum = co_await Add(2, 3);
    auto increment = Increment(n);
    co_await increment;
    unique = co_await MakeUnique(7);
    co_return absl::OkStatus();
  });
  EXPECT_TRUE(report.ok());
  EXPECT_EQ(sum, 5);
  EXPECT_EQ(n, 1);
  ASSERT_NE(unique, nullptr);
  EXPECT_EQ(*unique, 7);
}

TEST_P(TaskTest, Helper_GivesWhatIsAlignedToACacheLine) {
  struct alignas(64) Line {
    int values[16] = {};
  };
  const auto make = [](Context& context) -> Task<Line> {
    co_await context.Yield();
    Line line;
    line.values[15] = 7;
    co_return line;
  };
  int value = 0;
  uintptr_t misplaced = 1;
  RunWork([&](Context& context) -> Task<> {
    auto making = make(context);
    Line line = co_await making;
    value = line.values[15];
    misplaced = reinterpret_cast<uintptr_t>(&line) % 64;
    co_return absl::OkStatus();
  });
  EXPECT_EQ(value, 7);
  EXPECT_EQ(misplaced, 0u);
}

TEST_P(TaskTest, Helper_Throws_IsThrownAgainWhereItIsAwaited) {
  std::string caught;
  Report report = RunWork([&](Context&) -> Task<> {
    auto helper = Throw("from a helper");
    try {
      int never = co_await helper;
      caught = std::to_string(never);
    } catch (const std::runtime_error& error) {
      caught = error.what();
    }
    co_return absl::OkStatus();
  });
  EXPECT_TRUE(report.ok());
  EXPECT_EQ(caught, "from a helper");
}

TEST_P(TaskTest, Helper_ThrowsAndNobodyCatches_FailsTheRun) {
  Report report = RunWork([&](Context&) -> Task<> {
    auto helper = Throw("not caught");
    int never = co_await helper;
    co_return absl::UnknownError(std::to_string(never));
  });
  EXPECT_EQ(report.status, absl::InternalError("stage 'work': not caught"));
}

TEST_P(TaskTest, AwaitedTwice_FailsTheRun_AndSaysWhere) {
  int sum = 0;
  Report report = RunWork([&](Context&) -> Task<> {
    auto helper = Add(1, 2);
    for (int i = 0; i < 2; ++i) sum += co_await helper;
    co_return absl::OkStatus();
  });
  EXPECT_TRUE(absl::IsInternal(report.status)) << report.status;
  EXPECT_THAT(report.status.message(), ::testing::HasSubstr("awaited at task_test.cc:"));
  EXPECT_EQ(sum, 3);
}

TEST_P(TaskTest, OperationAwaitedTwice_FailsTheRun_AndSaysWhere) {
  std::vector<int> received;
  Graph& graph = NewGraph();
  auto& sink = graph.Add<ProbeSink<int>>("sink", [&](Context&, In<int>& in) -> Task<> {
    auto receive = in.Receive();
    while (auto item = co_await receive) received.push_back(*item);
    co_return in.status();
  });
  From(graph, "numbers", FromVector<int>({1, 2, 3})).To(sink.in);
  const Report report = RunToEnd(engine(), graph);
  EXPECT_TRUE(absl::IsInternal(report.status)) << report.status;
  EXPECT_THAT(report.status.message(), ::testing::HasSubstr("awaited at task_test.cc:"));
  EXPECT_EQ(received, std::vector<int>{1});
  EXPECT_TRUE(report.balanced());
}

TEST_P(TaskTest, Helper_MayWait) {
  int counted = 0;
  Report report = RunWork([&](Context& context) -> Task<> {
    counted = co_await YieldAndCount(context, 100);
    co_return absl::OkStatus();
  });
  EXPECT_TRUE(report.ok());
  EXPECT_EQ(counted, 100);
}

TEST_P(TaskTest, HelpersInHelpers_DoNotDeepenTheStack) {
  int depth = 0, sum = 0;
  Report report = RunWork([&](Context&) -> Task<> {
    depth = co_await Depth(100'000);
    for (int i = 0; i < 100'000; ++i) {
      auto add = Add(sum, 1);
      sum = co_await add;
    }
    co_return absl::OkStatus();
  });
  EXPECT_TRUE(report.ok());
  EXPECT_EQ(depth, 100'000);
  EXPECT_EQ(sum, 100'000);
}

TEST_P(TaskTest, NeverAwaited_FreesItsFrame_AndHasNotBegun) {
  bool began = false;
  auto helper = [&began](Counted) -> Task<int> {
    began = true;
    co_return 0;
  };
  {
    Task<int> task = helper(Counted(1));
    EXPECT_EQ(CountedItems::alive(), 1) << "the frame holds its argument";
  }
  EXPECT_EQ(CountedItems::alive(), 0);
  EXPECT_FALSE(began);
}

TEST_P(TaskTest, Assignment_FreesTheOldFrame) {
  auto hold = [](Counted) -> Task<int> { co_return 0; };
  Task<int> task = hold(Counted(1));
  task = hold(Counted(2));
  EXPECT_EQ(CountedItems::alive(), 1);
  task = Task<int>();
  EXPECT_EQ(CountedItems::alive(), 0);
}

TEST_P(TaskTest, Frames_AreAlignedToACacheLine) {
  struct alignas(64) Line {
    char bytes[64];
  };
  uintptr_t misplaced = 1;
  RunWork([&](Context& context) -> Task<> {
    Line line;
    co_await context.Yield();
    misplaced = reinterpret_cast<uintptr_t>(&line) % 64;
    co_return absl::OkStatus();
  });
  EXPECT_EQ(misplaced, 0u);
}

TEST_P(TaskTest, Cancelled_LocalsOfAllFramesAreDestroyed) {
  Graph& graph = NewGraph();
  std::atomic<bool> waiting{false};
  graph.Add<ProbeWork>("work", [&](Context& context) -> Task<> {
    Counted outer(1);
    auto helper = [&](Context& inner) -> Task<> {
      Counted local(2);
      waiting = true;
      auto sleep = inner.Sleep(absl::InfiniteDuration());
      absl::Status slept = co_await sleep;
      co_return slept;
    };
    auto task = helper(context);
    absl::Status status = co_await task;
    co_return status;
  });
  graph.Add<ProbeWork>("canceller", [&](Context& context) -> Task<> {
    auto until = Until(context, waiting);
    absl::Status status = co_await until;
    if (status.ok()) status = absl::AbortedError("enough");
    co_return status;
  });
  Report report = RunToEnd(engine(), graph);
  EXPECT_EQ(report.status, absl::AbortedError("stage 'canceller': enough"));
  EXPECT_EQ(CountedItems::alive(), 0);
}

}  // namespace
}  // namespace weir::testing
