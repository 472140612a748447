#include "weir/core/blocking.h"

#include <pthread.h>

#include <atomic>
#include <thread>

#include "weir/testing.h"

namespace weir::testing {
namespace {

// On real threads: one thread for blocking calls, so that who runs and who is queued is known.
class BlockingPoolTest : public WeirTest {
 protected:
  Engine& engine_ = Threaded(2, {.blocking_threads = 1});
  std::atomic<bool> running_{false};
  std::atomic<bool> let_go_{false};

  void LetGo() {
    let_go_.store(true);
    let_go_.notify_all();
  }
  // A Work whose call runs until it is let go.
  ProbeWork::Body Holder(absl::Status& result, bool& finished) {
    return [&, this](Context& context) -> Task<> {
      auto call = context.Blocking([&] {
        running_.store(true);
        let_go_.wait(false);
        finished = true;
      });
      result = co_await call;
      co_return result;
    };
  }
};

TEST_F(BlockingPoolTest, Cancel_QueuedCallIsDropped_RunningOneIsWaitedFor) {
  Graph& graph = NewGraph();
  absl::Status holder, queued;
  bool finished = false, called = false;
  std::atomic<bool> waiting{false};
  graph.Add<ProbeWork>("holder", Holder(holder, finished));
  graph.Add<ProbeWork>("queued", [&](Context& context) -> Task<> {
    auto until = Until(context, running_);
    absl::Status status = co_await until;
    auto call = context.Blocking([&] { called = true; });
    waiting = true;
    queued = co_await call;
    status.Update(queued);
    co_return status;
  });
  Run& run = Start(engine_, graph);
  while (!waiting) std::this_thread::yield();
  run.Cancel(absl::AbortedError("enough"));
  EXPECT_FALSE(run.over()) << "the running call is waited for";
  LetGo();
  Report report = Wait(run);
  EXPECT_TRUE(absl::IsAborted(report.status)) << report.status;
  EXPECT_TRUE(finished);
  EXPECT_TRUE(holder.ok()) << "the call was made: " << holder;
  EXPECT_FALSE(called);
  EXPECT_TRUE(absl::IsCancelled(queued)) << queued;
}

// No thread can be started while it lives: each would want more stack than there are addresses.
class NoNewThreads {
 public:
  NoNewThreads() { Set(size_t{1} << 60); }
  ~NoNewThreads() { Set(before_); }

 private:
  void Set(size_t stack) {
    pthread_attr_t attributes;
    ::pthread_getattr_default_np(&attributes);
    ::pthread_attr_getstacksize(&attributes, &before_);
    ::pthread_attr_setstacksize(&attributes, stack);
    ::pthread_setattr_default_np(&attributes);
    ::pthread_attr_destroy(&attributes);
  }
  size_t before_ = 0;
};

TEST_F(BlockingPoolTest, WithoutAThread_IsRefused_AndTheNextFindsOne) {
  Graph& graph = NewGraph();
  absl::Status refused, made;
  bool called_too_early = false, called = false;
  graph.Add<ProbeWork>("work", [&](Context& context) -> Task<> {
    {
      const NoNewThreads none;
      auto call = context.Blocking([&] { called_too_early = true; });
      refused = co_await call;
    }
    auto call = context.Blocking([&] { called = true; });
    made = co_await call;
    co_return made;
  });
  // Of one thread, which is there when the others cannot be started.
  const Report report = RunToEnd(Threaded(1, {.blocking_threads = 1}), graph);
  EXPECT_TRUE(report.ok()) << report.status;
  EXPECT_TRUE(absl::IsResourceExhausted(refused)) << refused;
  EXPECT_FALSE(called_too_early);
  EXPECT_TRUE(called);
}

TEST_F(BlockingPoolTest, RunningCall_SeesTheCancellationInItsContext) {
  Graph& graph = NewGraph();
  bool saw = false;
  graph.Add<ProbeWork>("work", [&](Context& context) -> Task<> {
    auto call = context.Blocking([&](Context& inside) {
      running_ = true;
      while (!inside.cancelled()) std::this_thread::yield();
      saw = true;
    });
    absl::Status called = co_await call;
    co_return called;
  });
  Run& run = Start(engine_, graph);
  while (!running_) std::this_thread::yield();
  run.Cancel();
  Report report = Wait(run);
  EXPECT_TRUE(saw);
  EXPECT_TRUE(absl::IsCancelled(report.status));
}

TEST_F(BlockingPoolTest, ABlockedCall_HoldsNoThreadOfThePool) {
  Engine& engine = Threaded(1, {.blocking_threads = 4});
  Graph& graph = NewGraph();
  absl::Status holder;
  bool finished = false;
  graph.Add<ProbeWork>("holder", Holder(holder, finished));
  graph.Add<ProbeWork>("other", [&](Context& context) -> Task<> {
    auto until = Until(context, running_);
    absl::Status status = co_await until;
    for (int i = 0; i < 1000; ++i) co_await context.Yield();
    LetGo();
    co_return status;
  });
  EXPECT_TRUE(RunToEnd(engine, graph).ok());
  EXPECT_TRUE(finished);
}

TEST_F(BlockingPoolTest, GracePeriod_NamesWhoDoesNotReturn_AndWaitsForItAllTheSame) {
  Engine& engine = Threaded(2, {.blocking_threads = 1, .grace = absl::ZeroDuration()});
  Graph& graph = NewGraph();
  absl::Status holder;
  bool finished = false;
  graph.Add<ProbeWork>("holder", Holder(holder, finished));
  Run& run = Start(engine, graph);
  while (!running_) std::this_thread::yield();
  run.Cancel();
  while (run.Snapshot().teardown.overdue.empty()) std::this_thread::yield();
  EXPECT_FALSE(run.over());
  LetGo();
  Report report = Wait(run);
  EXPECT_EQ(report.teardown.overdue, std::vector<std::string>{"holder#0"});
  EXPECT_TRUE(finished);
  ASSERT_EQ(log().size(), 1u);
  EXPECT_EQ(log()[0].find("test.holder#0 has not stopped"), 0u) << log()[0];
}

TEST_F(BlockingPoolTest, Wait_InACallOfTheRunItself_IsRefused) {
  Graph& graph = NewGraph();
  std::atomic<Run*> run{nullptr};
  Report waited;
  graph.Add<ProbeWork>("work", [&](Context& context) -> Task<> {
    auto call = context.Blocking([&] {
      while (run.load() == nullptr) std::this_thread::yield();
      waited = run.load()->Wait();
    });
    absl::Status called = co_await call;
    co_return called;
  });
  run = &Start(engine_, graph);
  EXPECT_TRUE(Wait(*run.load()).ok());
  EXPECT_FALSE(waited.over);
  EXPECT_TRUE(absl::IsFailedPrecondition(waited.status)) << waited.status;
  EXPECT_NE(waited.status.message().find("blocking call"), absl::string_view::npos);
}

// Its own run waits for the call, and the run above waits for that.
TEST_F(BlockingPoolTest, Wait_ForTheRunAbove_IsRefused_ForAnotherItIsNot) {
  Graph& graph = NewGraph("above");
  Graph& inner = NewGraph("inner");
  Graph& other = NewGraph("other");
  other.Add<ProbeWork>("other", [](Context&) -> Task<> { co_return absl::OkStatus(); });
  std::atomic<Run*> run{nullptr};
  Report above, unrelated;
  inner.Add<ProbeWork>("inner", [&](Context& context) -> Task<> {
    auto call = context.Blocking([&] {
      while (run.load() == nullptr) std::this_thread::yield();
      above = run.load()->Wait();
      unrelated = weir::Run(engine_, other).Wait();
    });
    absl::Status called = co_await call;
    co_return called;
  });
  graph.Add<ProbeWork>("outer", [&](Context& context) -> Task<> {
    weir::Run below(engine_, inner, {.parent = &context});
    auto finished = below.Finished();
    absl::StatusOr<Report> report = co_await finished;
    co_return report.ok() ? report->status : report.status();
  });
  run = &Start(engine_, graph);
  EXPECT_TRUE(Wait(*run.load()).ok());
  EXPECT_TRUE(absl::IsFailedPrecondition(above.status)) << above.status;
  EXPECT_TRUE(unrelated.ok()) << unrelated.status;
}

TEST_F(BlockingPoolTest, Engine_JoinsItsThreads_WhenTheirCallsHaveReturned) {
  for (int round = 0; round < 20; ++round) {
    Engine engine({.threads = 1, .blocking_threads = 2});
    Graph graph("test");
    int calls = 0;
    graph.Add<ProbeWork>("work", [&](Context& context) -> Task<> {
      auto call = context.Blocking([&] { ++calls; });
      absl::Status called = co_await call;
      co_return called;
    });
    EXPECT_TRUE(weir::Run(engine, graph).Wait().ok());
    EXPECT_EQ(calls, 1);
  }
}

}  // namespace
}  // namespace weir::testing
