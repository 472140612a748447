#include "weir/core/operations.h"

#include <atomic>
#include <coroutine>
#include <exception>
#include <functional>
#include <memory>
#include <stdexcept>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "weir/testing.h"

namespace weir::testing {
namespace {

class OperationsTest : public EveryEngineTest {
 protected:
  Report RunWork(ProbeWork::Body body) {
    Graph& graph = NewGraph();
    graph.Add<ProbeWork>("work", std::move(body));
    return RunToEnd(engine(), graph);
  }
  // A graph in which `body` runs beside a Work that fails once `flag_` is set.
  Report RunAndCancel(ProbeWork::Body body) {
    Graph& graph = NewGraph();
    graph.Add<ProbeWork>("work", std::move(body));
    graph.Add<ProbeWork>("canceller", [this](Context& context) -> Task<> {
      auto until = Until(context, flag_);
      absl::Status status = co_await until;
      if (status.ok()) status = absl::AbortedError("enough");
      co_return status;
    });
    return RunToEnd(engine(), graph);
  }
  std::atomic<bool> flag_{false};
};
WEIR_ON_EVERY_ENGINE(OperationsTest);

// --- Sleep and Yield ---

TEST_P(OperationsTest, Sleep_OfNoTime_IsOkAtOnce) {
  absl::Status zero = absl::UnknownError(""), negative = zero;
  RunWork([&](Context& context) -> Task<> {
    auto sleep = context.Sleep(absl::ZeroDuration());
    zero = co_await sleep;
    auto sleep_back = context.Sleep(absl::Seconds(-1));
    negative = co_await sleep_back;
    co_return absl::OkStatus();
  });
  EXPECT_TRUE(zero.ok());
  EXPECT_TRUE(negative.ok());
}

TEST_P(OperationsTest, Sleep_IsOkWhenTheTimeHasPassed) {
  absl::Status slept = absl::UnknownError("");
  RunWork([&](Context& context) -> Task<> {
    auto sleep = context.Sleep(absl::Milliseconds(1));
    slept = co_await sleep;
    co_return absl::OkStatus();
  });
  EXPECT_TRUE(slept.ok()) << slept;
}

TEST_P(OperationsTest, Sleep_InACancelledContext_IsCancelledAtOnce) {
  absl::Status slept;
  RunWork([&](Context& context) -> Task<> {
    Context child = context.WithCancel();
    child.Cancel(absl::AbortedError("enough"));
    auto sleep = child.Sleep(absl::InfiniteDuration());
    slept = co_await sleep;
    co_return absl::OkStatus();
  });
  EXPECT_TRUE(absl::IsCancelled(slept)) << slept;
}

TEST_P(OperationsTest, Sleep_ForEver_EndsWithTheRun) {
  absl::Status slept;
  RunAndCancel([&](Context& context) -> Task<> {
    flag_ = true;
    auto sleep = context.Sleep(absl::InfiniteDuration());
    slept = co_await sleep;
    co_return slept;
  });
  EXPECT_TRUE(absl::IsCancelled(slept) || !flag_) << slept;
}

TEST_P(OperationsTest, Yield_LetsAnotherWorkRun) {
  Graph& graph = NewGraph();
  std::atomic<int> turns{0};
  for (int me = 0; me < 2; ++me) {
    graph.Add<ProbeWork>("work" + std::to_string(me), [&turns, me](Context& context) -> Task<> {
      // Neither can go on alone.
      for (int i = 0; i < 50; ++i) {
        while (turns.load() % 2 != me) co_await context.Yield();
        turns.fetch_add(1);
      }
      co_return absl::OkStatus();
    });
  }
  EXPECT_TRUE(RunToEnd(engine(), graph).ok());
  EXPECT_EQ(turns, 100);
}

// --- Blocking ---

TEST_P(OperationsTest, Blocking_GivesWhatTheFunctionReturns) {
  absl::Status nothing = absl::UnknownError(""), status;
  absl::StatusOr<int> value = absl::UnknownError(""), status_or = absl::UnknownError(""), error = 0;
  absl::StatusOr<std::unique_ptr<int>> move_only = absl::UnknownError("");
  bool has_context = false;
  Report report = RunWork([&](Context& context) -> Task<> {
    auto returns_nothing = context.Blocking([] {});
    nothing = co_await returns_nothing;
    auto returns_status = context.Blocking([] { return absl::NotFoundError("no such file"); });
    status = co_await returns_status;
    auto returns_value = context.Blocking([] { return 7; });
    value = co_await returns_value;
    auto returns_status_or = context.Blocking([]() -> absl::StatusOr<int> { return 8; });
    status_or = co_await returns_status_or;
    auto returns_error =
        context.Blocking([]() -> absl::StatusOr<int> { return absl::DataLossError("torn"); });
    error = co_await returns_error;
    auto returns_unique = context.Blocking([] { return std::make_unique<int>(9); });
    move_only = co_await returns_unique;
    auto takes_context =
        context.Blocking([&](Context& given) { has_context = &given == &context; });
    absl::Status called = co_await takes_context;
    co_return called;
  });
  EXPECT_TRUE(report.ok()) << report.status;
  EXPECT_TRUE(nothing.ok()) << nothing;
  EXPECT_EQ(status, absl::NotFoundError("no such file"));
  EXPECT_EQ(value.value(), 7);
  EXPECT_EQ(status_or.value(), 8);
  EXPECT_EQ(error.status(), absl::DataLossError("torn"));
  ASSERT_TRUE(move_only.ok());
  EXPECT_EQ(**move_only, 9);
  EXPECT_TRUE(has_context);
}

TEST_P(OperationsTest, Blocking_Throws_IsInternalWithTheText) {
  absl::Status status, other;
  absl::StatusOr<int> value = 0;
  RunWork([&](Context& context) -> Task<> {
    auto call = context.Blocking([] { throw std::runtime_error("bad luck"); });
    status = co_await call;
    auto value_call = context.Blocking([]() -> int { throw std::runtime_error("worse luck"); });
    value = co_await value_call;
    auto odd_call = context.Blocking([] { throw 7; });
    other = co_await odd_call;
    co_return absl::OkStatus();
  });
  EXPECT_EQ(status, absl::InternalError("bad luck"));
  EXPECT_EQ(value.status(), absl::InternalError("worse luck"));
  EXPECT_EQ(other.code(), absl::StatusCode::kInternal);
}

TEST_P(OperationsTest, Blocking_RunsOnAThreadOfItsOwn) {
  std::thread::id body, call, after;
  RunWork([&](Context& context) -> Task<> {
    body = std::this_thread::get_id();
    auto blocking = context.Blocking([&] { call = std::this_thread::get_id(); });
    absl::Status called = co_await blocking;
    after = std::this_thread::get_id();
    co_return called;
  });
  if (!simulated()) {
    EXPECT_NE(call, body);
    EXPECT_NE(call, after) << "the Work goes on on the pool";
  }
}

TEST_P(OperationsTest, Blocking_InACancelledContext_IsDropped) {
  absl::Status status;
  bool called = false;
  RunWork([&](Context& context) -> Task<> {
    Context child = context.WithCancel();
    child.Cancel(absl::AbortedError("enough"));
    auto call = child.Blocking([&] { called = true; });
    status = co_await call;
    co_return absl::OkStatus();
  });
  EXPECT_TRUE(absl::IsCancelled(status));
  EXPECT_FALSE(called);
}

// A deadline does not end a call that does not look at it: but what comes too late is not taken for
// what came in time.
class BlockingClockTest : public WeirTest {
 protected:
  ManualClock clock_;
};

TEST_F(BlockingClockTest, Blocking_ReturnsAfterTheDeadline_SaysSo) {
  Engine& engine = Threaded(1, {.clock = &clock_});
  Graph& graph = NewGraph();
  absl::Status in_time, late, none, own_error, endless;
  int value = 0;
  graph.Add<ProbeWork>("work", [&](Context& context) -> Task<> {
    {
      Context attempt = context.WithTimeout(absl::Seconds(2));
      auto call = attempt.Blocking([&] {
        clock_.Advance(absl::Seconds(1));
        return 7;
      });
      absl::StatusOr<int> result = co_await call;
      in_time = result.status();
      if (result.ok()) value = *result;
    }
    {
      Context attempt = context.WithTimeout(absl::Seconds(2));
      auto call = attempt.Blocking([&] {
        clock_.Advance(absl::Seconds(19));
        return 8;
      });
      absl::StatusOr<int> result = co_await call;
      late = result.status();
    }
    {
      Context attempt = context.WithTimeout(absl::Seconds(2));
      auto call = attempt.Blocking([&] { clock_.Advance(absl::Seconds(2)); });
      none = co_await call;
    }
    {
      Context attempt = context.WithTimeout(absl::Seconds(2));
      auto call = attempt.Blocking([&](Context& own) {
        clock_.Advance(absl::Seconds(3));
        return own.cancelled() ? absl::AbortedError("half done") : absl::OkStatus();
      });
      own_error = co_await call;
    }
    auto call = context.Blocking([&] { clock_.Advance(absl::Hours(1)); });
    endless = co_await call;
    co_return absl::OkStatus();
  });
  EXPECT_TRUE(RunToEnd(engine, graph).ok());
  EXPECT_TRUE(in_time.ok()) << in_time;
  EXPECT_EQ(value, 7);
  EXPECT_EQ(late, absl::DeadlineExceededError("the blocking call returned after its deadline"));
  EXPECT_TRUE(absl::IsDeadlineExceeded(none)) << none;
  EXPECT_EQ(own_error, absl::AbortedError("half done"));
  EXPECT_TRUE(endless.ok()) << endless;
}

TEST_P(OperationsTest, Blocking_ManyAtOnce_AllAreMade) {
  constexpr int kStages = 40;  // more than there are threads for them
  Graph& graph = NewGraph();
  std::atomic<int> calls{0};
  for (int i = 0; i < kStages; ++i) {
    graph.Add<ProbeWork>("work" + std::to_string(i), [&](Context& context) -> Task<> {
      for (int n = 0; n < 5; ++n) {
        auto call = context.Blocking([&] { calls.fetch_add(1); });
        absl::Status called = co_await call;
        if (!called.ok()) co_return called;
      }
      co_return absl::OkStatus();
    });
  }
  EXPECT_TRUE(RunToEnd(engine(), graph).ok());
  EXPECT_EQ(calls, 5 * kStages);
}

// --- External ---

// An awaitable of another library: its work is done by a thread that it starts, which also resumes whoever waits.
template <class T>
class OnAnotherThread {
 public:
  OnAnotherThread(std::function<T()> work, std::thread& thread)
      : work_(std::move(work)), thread_(&thread) {}
  bool await_ready() const { return false; }
  void await_suspend(std::coroutine_handle<> waiting) {
    *thread_ = std::thread([this, waiting]() mutable {
      try {
        value_ = work_();
      } catch (...) {
        exception_ = std::current_exception();
      }
      waiting.resume();
    });
  }
  T await_resume() {
    if (exception_) std::rethrow_exception(exception_);
    return std::move(value_);
  }

 private:
  std::function<T()> work_;
  std::thread* thread_;
  T value_{};
  std::exception_ptr exception_;
};

TEST_P(OperationsTest, External_ResumedByAnotherThread_GivesTheValue_OnThePool) {
  std::unique_ptr<int> value;
  std::thread thread;
  std::thread::id foreign, after;
  Report report = RunWork([&](Context& context) -> Task<> {
    OnAnotherThread<std::unique_ptr<int>> awaitable(
        [&] {
          foreign = std::this_thread::get_id();
          return std::make_unique<int>(7);
        },
        thread);
    auto external = context.External(std::move(awaitable));
    value = co_await external;
    after = std::this_thread::get_id();
    co_return absl::OkStatus();
  });
  thread.join();
  EXPECT_TRUE(report.ok()) << report.status;
  ASSERT_NE(value, nullptr);
  EXPECT_EQ(*value, 7);
  EXPECT_NE(after, foreign);
}

TEST_P(OperationsTest, External_Throws_IsThrownAgain) {
  std::string caught;
  std::thread thread;
  RunWork([&](Context& context) -> Task<> {
    OnAnotherThread<int> awaitable([]() -> int { throw std::runtime_error("from afar"); }, thread);
    auto external = context.External(std::move(awaitable));
    try {
      int never = co_await external;
      caught = std::to_string(never);
    } catch (const std::runtime_error& error) {
      caught = error.what();
    }
    co_return absl::OkStatus();
  });
  thread.join();
  EXPECT_EQ(caught, "from afar");
}

struct ReadyAtOnce {
  int value;
  bool await_ready() const { return true; }
  void await_suspend(std::coroutine_handle<>) {}
  int await_resume() const { return value; }
};
struct ReadyVoid {
  bool* resumed;
  bool await_ready() const { return true; }
  void await_suspend(std::coroutine_handle<>) {}
  void await_resume() const { *resumed = true; }
};
struct WithMemberOperator {
  int value;
  ReadyAtOnce operator co_await() const { return ReadyAtOnce{value}; }
};
struct WithFreeOperator {
  int value;
};
ReadyAtOnce operator co_await(const WithFreeOperator& awaitable) {
  return ReadyAtOnce{awaitable.value};
}

TEST_P(OperationsTest, External_TakesAllKindsOfAwaitables) {
  int direct = 0, member = 0, free = 0;
  bool nothing = false;
  RunWork([&](Context& context) -> Task<> {
    auto a = context.External(ReadyAtOnce{1});
    direct = co_await a;
    auto b = context.External(WithMemberOperator{2});
    member = co_await b;
    auto c = context.External(WithFreeOperator{3});
    free = co_await c;
    auto d = context.External(ReadyVoid{&nothing});
    co_await d;
    co_return absl::OkStatus();
  });
  EXPECT_EQ(direct, 1);
  EXPECT_EQ(member, 2);
  EXPECT_EQ(free, 3);
  EXPECT_TRUE(nothing);
}

TEST_P(OperationsTest, External_OfACancelledRun_IsWaitedFor) {
  bool finished = false;
  std::thread thread;
  Report report = RunAndCancel([&](Context& context) -> Task<> {
    OnAnotherThread<int> awaitable(
        [&] {
          flag_ = true;
          while (!context.cancelled()) std::this_thread::yield();
          return 7;
        },
        thread);
    auto external = context.External(std::move(awaitable));
    int value = co_await external;
    finished = value == 7;
    co_return absl::CancelledError("");
  });
  thread.join();
  EXPECT_TRUE(absl::IsAborted(report.status)) << report.status;
  EXPECT_TRUE(finished);
}

// --- Turns ---

TEST_P(OperationsTest, Turnstile_LetsThroughInTheOrderOfNumbers) {
  internal::Turnstile turns;
  std::vector<int> order;
  Graph& graph = NewGraph();
  for (int i = 0; i < 5; ++i) {
    const int number = 4 - i;
    graph.Add<ProbeWork>("work" + std::to_string(number), [&, number](Context& context) -> Task<> {
      internal::TurnOperation turn(turns, static_cast<uint64_t>(number), context);
      absl::Status come = co_await turn;
      if (!come.ok()) co_return come;
      order.push_back(number);  // one at a time: guarded by the turns
      turns.Advance(static_cast<uint64_t>(number) + 1);
      co_return absl::OkStatus();
    });
  }
  EXPECT_TRUE(RunToEnd(engine(), graph).ok());
  EXPECT_EQ(order, (std::vector<int>{0, 1, 2, 3, 4}));
}

// As of ordered workers whose output is refused: what they give back has places anew, and whose turn had come keeps it.
TEST_P(OperationsTest, Turnstile_AdvancedToAnEarlierNumber_StaysWhereItWas) {
  internal::Turnstile turns;
  turns.Advance(5);
  turns.Advance(3);
  Graph& graph = NewGraph();
  graph.Add<ProbeWork>("work", [&](Context& context) -> Task<> {
    internal::TurnOperation turn(turns, 5, context);
    absl::Status come = co_await turn;
    co_return come;
  });
  const Report report = RunToEnd(engine(), graph);
  EXPECT_TRUE(report.ok()) << report.status;
}

TEST_P(OperationsTest, Turnstile_CancelledWhileWaiting_IsCancelled) {
  internal::Turnstile turns;
  absl::Status come = absl::CancelledError("it has not begun");
  Graph& graph = NewGraph();
  auto& source = graph.Add<ProbeSource<int>>(
      "source", [&](Context&, Out<int>&) -> Task<> { co_return absl::OkStatus(); });
  auto& sink = graph.Add<ProbeSink<int>>("waits", [&](Context& context, In<int>&) -> Task<> {
    flag_ = true;
    internal::TurnOperation turn(turns, 7, context);
    come = co_await turn;
    co_return come;
  });
  graph.Connect(source.out, sink.in);
  graph.Add<ProbeWork>("fails", [&](Context& context) -> Task<> {
    auto until = Until(context, flag_);
    absl::Status status = co_await until;
    if (status.ok()) status = absl::AbortedError("enough");
    co_return status;
  });
  Report report = RunToEnd(engine(), graph);
  EXPECT_TRUE(absl::IsAborted(report.status)) << report.status;
  EXPECT_TRUE(absl::IsCancelled(come)) << come;
}

// --- Whoever never has to wait lets others have their turn ---

struct Ready {
  bool await_ready() { return true; }
  void await_suspend(std::coroutine_handle<>) {}
  void await_resume() {}
};

class FairOperationsTest : public OperationsTest {
 protected:
  // Awaits what `operation` gives under a cancelled Context until another Work has had its turn.
  template <class Make>
  void ExpectTurns(Make make) {
    constexpr int kTries = 100'000;
    int tries = 0;
    Graph& graph = NewGraph();
    graph.Add<ProbeWork>("tries", [&](Context& context) -> Task<> {
      Context attempt = context.WithCancel();
      attempt.Cancel(absl::AbortedError("enough"));
      for (; !flag_ && tries < kTries; ++tries) {
        auto operation = make(attempt);
        static_cast<void>(co_await operation);
      }
      co_return absl::OkStatus();
    });
    graph.Add<ProbeWork>("sets", [this](Context& context) -> Task<> {
      co_await context.Yield();
      flag_ = true;
      co_return absl::OkStatus();
    });
    EXPECT_TRUE(RunToEnd(engine(), graph).ok());
    EXPECT_LT(tries, kTries);
  }
};
WEIR_ON_EVERY_SEED(FairOperationsTest);

TEST_P(FairOperationsTest, Sleep_InACancelledContext) {
  ExpectTurns([](Context& context) { return context.Sleep(absl::Milliseconds(1)); });
}
TEST_P(FairOperationsTest, Blocking_InACancelledContext) {
  ExpectTurns([](Context& context) { return context.Blocking([] {}); });
}
TEST_P(FairOperationsTest, External_ThatIsReady) {
  ExpectTurns([](Context& context) { return context.External(Ready()); });
}

}  // namespace
}  // namespace weir::testing
