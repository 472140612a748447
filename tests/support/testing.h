// The test kit: a fixture that fails a test which leaves anything behind, engines to run on, probes that a test turns by hand,
// items that are counted, and stages made from a lambda; and, from weir/explore.h, what runs many schedules with faults. GUIDE.md
// leads from a green test to a found bug. For weir's own tests, and for tests of one's own graphs:
//
//   class RouteTest : public weir::testing::WeirTest {};
//
//   TEST_F(RouteTest, Send_OnTime_GoesToOut) {
//     weir::Graph& graph = NewGraph();
//     ...
//     weir::Report report = RunToEnd(Simulated(7), graph);
//     EXPECT_TRUE(report.ok()) << report.status;
//   }
//
// After the test the fixture joins its runs and looks, once and without patience: every run is over, its ledgers balance
// with nothing queued, every engine's Census is empty, and no Counted item is alive.
#pragma once

#include <gtest/gtest.h>

#include <atomic>
#include <functional>
#include <memory>
#include <mutex>
#include <ostream>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "weir/core/timer.h"
#include "weir/explore.h"
#include "weir/weir.h"

namespace weir::testing {

// --- Items that are counted ---

// What is known of all Counted items of the process. Thread-safe.
class CountedItems {
 public:
  static int64_t alive() { return alive_.load(); }
  static uint64_t copies() { return copies_.load(); }
  // Calls `told` for each item that is destroyed and has not been moved from, on the thread that destroys it; null ends it.
  // Not while items are being destroyed elsewhere.
  static void OnDestroyed(std::function<void(int value)> told);

 private:
  template <bool kCopyable>
  friend class BasicCounted;
  static void Born() { alive_.fetch_add(1); }
  static void Died(bool moved_from, int value);
  static inline std::atomic<int64_t> alive_{0};
  static inline std::atomic<uint64_t> copies_{0};
};

// An item that knows how many of its kind there are, and what has become of it: -1 once moved from.
template <bool kCopyable>
class BasicCounted {
 public:
  explicit BasicCounted(int value) : value_(value) { CountedItems::Born(); }
  BasicCounted(BasicCounted&& other) noexcept : value_(std::exchange(other.value_, -1)) {
    CountedItems::Born();
  }
  BasicCounted& operator=(BasicCounted&& other) noexcept {
    value_ = std::exchange(other.value_, -1);
    return *this;
  }
  BasicCounted(const BasicCounted& other) requires kCopyable : value_(other.value_) {
    CountedItems::Born();
    CountedItems::copies_.fetch_add(1);
  }
  BasicCounted& operator=(const BasicCounted& other) requires kCopyable {
    value_ = other.value_;
    CountedItems::copies_.fetch_add(1);
    return *this;
  }
  ~BasicCounted() { CountedItems::Died(moved_from(), value_); }

  int value() const { return value_; }
  bool moved_from() const { return value_ == -1; }
  friend bool operator==(const BasicCounted& a, const BasicCounted& b) {
    return a.value_ == b.value_;
  }
  friend std::ostream& operator<<(std::ostream& os, const BasicCounted& item) {
    return os << item.value_;
  }

 private:
  int value_;
};

using Counted = BasicCounted<false>;  // move-only
using CopyableCounted = BasicCounted<true>;

// --- Probes: a test gives and expects items, one at a time ---
//
//   weir::testing::TestSource<Order> orders(graph);
//   weir::testing::TestSink<Bill> bills(graph);
//   graph.Connect(orders.out(), billing.in);
//   graph.Connect(billing.out, bills.in());
//   Run& run = Start(Simulated(7), graph);
//   orders.Give({.id = 1});
//   bills.Expect({.id = 1, .amount = 10});
//   orders.End();
//   bills.ExpectEnd();
//
// They are a graph's Input and Output (weir/core/edge.h), with expectations. On every kind of engine; on a simulated one the
// calls take the steps. On the thread of the test.

template <class T>
class TestSource {
 public:
  explicit TestSource(Graph& graph, std::string_view name = "source")
      : input_(graph.Add<Input<T>>(name)), flow_(graph, input_.out) {}

  Out<T>& out() { return input_.out; }
  // What a Flow begins with.
  const Flow<T>& flow() const { return flow_; }
  // Waits for room. Fails the test if the graph does not take the item.
  void Give(T item) {
    const absl::Status sent = input_.Send(item);
    EXPECT_TRUE(sent.ok()) << "the graph does not take what is given: " << sent;
  }
  // True if there was room, at once.
  bool TryGive(T item) { return input_.SendWithin(absl::ZeroDuration(), item).ok(); }
  void End() { input_.Close(); }

 private:
  Input<T>& input_;
  Flow<T> flow_;
};

template <class T>
class TestSink {
 public:
  explicit TestSink(Graph& graph, std::string_view name = "sink")
      : output_(graph.Add<Output<T>>(name)) {}

  In<T>& in() { return output_.in; }
  // Waits for the next item. OUT_OF_RANGE at the end, CANCELLED if the run was cancelled.
  absl::StatusOr<T> Next() { return output_.Receive(); }
  void Expect(const T& expected) {
    absl::StatusOr<T> item = Next();
    if (item.ok()) {
      EXPECT_EQ(*item, expected);
    } else {
      ADD_FAILURE() << "no item, but " << item.status();
    }
  }
  // Waits for the end.
  void ExpectEnd() {
    EXPECT_TRUE(absl::IsOutOfRange(Next().status())) << "an item, or a cut-off input, not the end";
  }
  // In simulation alone, where time costs nothing: whatever the graph does within `time`, it sends nothing.
  void ExpectNothing(absl::Duration time = absl::Hours(1)) {
    const absl::Status received = output_.ReceiveWithin(time).status();
    EXPECT_TRUE(absl::IsDeadlineExceeded(received)) << "an item, or the end: " << received;
  }

 private:
  Output<T>& output_;
};

// A clock that stands still until a test turns it: `{.clock = &clock}` in EngineOptions, and `clock.Advance(absl::Seconds(1))`.
using ManualClock = internal::ManualClock;

// --- Stages made from a lambda ---
//
// The lambda is a coroutine and belongs to the stage, so what it captures lives as long as the graph.

// No ports: a Work that only has its Context.
class ProbeWork final : public Stage {
 public:
  using Body = std::function<Task<>(Context&)>;
  explicit ProbeWork(Body body) : body_(std::move(body)) {}
  Task<> Work(Context& context) override { return body_(context); }

 private:
  const Body body_;
};

template <class T>
class ProbeSource final : public Stage {
 public:
  Out<T> out{this, "out"};
  using Body = std::function<Task<>(Context&, Out<T>&)>;
  explicit ProbeSource(Body body) : body_(std::move(body)) {}
  Task<> Work(Context& context) override { return body_(context, out); }

 private:
  const Body body_;
};

template <class T>
class ProbeSink final : public Stage {
 public:
  In<T> in{this, "in"};
  using Body = std::function<Task<>(Context&, In<T>&)>;
  explicit ProbeSink(Body body) : body_(std::move(body)) {}
  Task<> Work(Context& context) override { return body_(context, in); }

 private:
  const Body body_;
};

template <class I, class O>
class ProbeStage final : public Stage {
 public:
  In<I> in{this, "in"};
  Out<O> out{this, "out"};
  using Body = std::function<Task<>(Context&, In<I>&, Out<O>&)>;
  explicit ProbeStage(Body body) : body_(std::move(body)) {}
  Task<> Work(Context& context) override { return body_(context, in, out); }

 private:
  const Body body_;
};

// Gives others their turn until `flag` is set: how one probe waits for another without a channel.
Task<> Until(Context& context, const std::atomic<bool>& flag);

// --- Nothing is left ---

// A fixture, for tests that have engines of their own. After the test nothing may be alive on those that it was told of: no Work, no
// timer. It looks once, at each by itself, so tests beside it do not disturb it.
class VerifyNothingLeft : public ::testing::Test {
 protected:
  using Run = weir::Run;  // not GoogleTest's Test::Run, which it hides

  // It must live until TearDown: a member, or longer.
  void Watch(const Engine& engine) { engines_.push_back(&engine); }
  // The report of a run that is over: all Works have ended, every ledger balances, nothing is in a channel.
  static void Check(const Report& report);
  void TearDown() override;

 private:
  std::vector<const Engine*> engines_;
};

// The same for an engine that the tests of a program share: after each test, and at the end.
//
//   int main(int argc, char** argv) {
//     ::testing::InitGoogleTest(&argc, argv);
//     weir::Engine engine;
//     ::testing::AddGlobalTestEnvironment(new weir::testing::VerifyNothingLeftEnvironment(engine));
//     return RUN_ALL_TESTS();
//   }
class VerifyNothingLeftEnvironment : public ::testing::Environment {
 public:
  // The engine must outlive the tests.
  explicit VerifyNothingLeftEnvironment(const Engine& engine) : engine_(engine) {}
  void SetUp() override;
  void TearDown() override;

 private:
  const Engine& engine_;
  ::testing::TestEventListener* after_each_ = nullptr;  // GoogleTest's list owns it meanwhile
};

// --- The fixture ---

class WeirTest : public VerifyNothingLeft {
 public:
  WeirTest();
  ~WeirTest() override;

 protected:
  // Engines and graphs that live until the end of the test. Engines log into `log()`.
  Engine& Simulated(uint64_t seed = 1, EngineOptions options = {});
  Engine& Threaded(int threads = 2, EngineOptions options = {});
  Graph& NewGraph(std::string_view name = "test");

  // Begins a run, which is looked at after the test, and cancelled then if it is not over.
  Run& Start(Engine& engine, Graph& graph, RunOptions options = {});
  // Waits for the run, and checks its report as is done after the test.
  Report Wait(Run& run);
  Report RunToEnd(Engine& engine, Graph& graph, RunOptions options = {});

  // The lines that the engines have logged.
  std::vector<std::string> log() const;

  void TearDown() override;

 private:
  EngineOptions WithLog(EngineOptions options);

  mutable std::mutex mutex_;
  std::vector<std::string> log_;  // guarded by mutex_
  std::vector<std::unique_ptr<Engine>> engines_;
  std::vector<std::unique_ptr<Graph>> graphs_;
  std::vector<std::unique_ptr<Run>> runs_;
};

// --- The same test on every kind of engine ---

struct EngineKind {
  uint64_t seed = 0;  // of a simulated engine
  int threads = 0;    // of one on real threads, if not 0
  friend std::ostream& operator<<(std::ostream& os, const EngineKind& kind);
};

//   class ChainTest : public weir::testing::EveryEngineTest {};
//   WEIR_ON_EVERY_ENGINE(ChainTest);
//   TEST_P(ChainTest, ...) { ... RunToEnd(engine(), graph) ... }
class EveryEngineTest : public WeirTest, public ::testing::WithParamInterface<EngineKind> {
 protected:
  // Made on first use.
  Engine& engine();
  bool simulated() const { return GetParam().threads == 0; }

 private:
  Engine* engine_ = nullptr;
};

// Some simulated seeds.
std::vector<EngineKind> EverySeed();
// The same, and engines of 1, 2 and 8 threads.
std::vector<EngineKind> EveryEngine();
std::string EngineKindName(const ::testing::TestParamInfo<EngineKind>& info);

#define WEIR_ON_EVERY_ENGINE(fixture)                                                             \
  INSTANTIATE_TEST_SUITE_P(Engines, fixture, ::testing::ValuesIn(::weir::testing::EveryEngine()), \
                           ::weir::testing::EngineKindName)
// Only those in virtual time: for tests in which much time passes.
#define WEIR_ON_EVERY_SEED(fixture)                                                             \
  INSTANTIATE_TEST_SUITE_P(Engines, fixture, ::testing::ValuesIn(::weir::testing::EverySeed()), \
                           ::weir::testing::EngineKindName)

}  // namespace weir::testing
