// Loops: a back edge leads items to a stage that they have passed, and the run still ends.
#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <coroutine>
#include <deque>
#include <optional>
#include <ranges>
#include <thread>
#include <vector>

#include "weir/core/simulator.h"
#include "weir/weir.h"

namespace weir {
namespace {

// Halves numbers, sending the even ones round again, until they are odd.
class Halve final : public Stage {
 public:
  In<int> in{this, "in"};
  Out<int> odd{this, "odd"};
  Out<int> again{this, "again"};

  Task<> Work(Context&) override {
    while (auto number = co_await in.Receive()) {
      absl::Status sent;
      if (*number % 2 == 1) {
        auto send = odd.Send(*number);
        sent = co_await send;
      } else {
        int half = *number / 2;
        auto send = again.Send(half);
        sent = co_await send;
      }
      if (!sent.ok()) co_return sent;
    }
    co_return in.status();
  }
};

// Where the odd numbers come out.
Out<int>& AddHalving(Graph& graph) {
  auto& halve = graph.Add<Halve>("halve");
  From(graph, "numbers", FromVector<int>({8, 12, 7, 1024})).To(halve.in, {.capacity = 100});
  graph.Connect(halve.again, halve.in, {.feedback = true});
  return halve.odd;
}

void BuildHalving(Graph& graph, std::vector<int>& result) {
  Flow(graph, AddHalving(graph)).Collect("collect", result);
}

TEST(Loop, WhenTheLoopIsQuietAndItsInputHasEnded_TheRunEnds_Simulated) {
  for (uint64_t seed = 0; seed < 200; ++seed) {
    std::vector<int> result;
    Graph graph("halving");
    BuildHalving(graph, result);
    Engine engine = Engine::Simulated(seed);
    const Report report = weir::Run(engine, graph).Wait();
    ASSERT_TRUE(report.ok()) << report.status;
    ASSERT_TRUE(report.balanced());
    std::sort(result.begin(), result.end());
    ASSERT_EQ(result, (std::vector<int>{1, 1, 3, 7})) << "seed " << seed;
  }
}

TEST(Loop, WhenTheLoopIsQuietAndItsInputHasEnded_TheRunEnds) {
  std::vector<int> result;
  Graph graph("halving");
  BuildHalving(graph, result);
  Engine engine({.threads = 2});
  const Report report = weir::Run(engine, graph).Wait();
  ASSERT_TRUE(report.ok()) << report.status;
  std::sort(result.begin(), result.end());
  EXPECT_EQ(result, (std::vector<int>{1, 1, 3, 7}));
}

// Something else is always ready, because it waits for the loop's end by trying again and again.
TEST(Loop, BesideAPoller_TheRunEnds_Simulated) {
  class Polls final : public Stage {
   public:
    In<int> in{this, "in"};
    Task<> Work(Context&) override {
      absl::StatusOr<int> item;
      do {
        auto receive = in.ReceiveWithin(absl::ZeroDuration());
        item = co_await receive;
      } while (item.ok() || absl::IsDeadlineExceeded(item.status()));
      co_return in.status();
    }
  };
  for (uint64_t seed = 0; seed < 50; ++seed) {
    Graph graph("polled");
    graph.Connect(AddHalving(graph), graph.Add<Polls>("polls").in);
    Engine engine = Engine::Simulated(seed);
    weir::Run run(engine, graph);
    engine.simulator()->OnStep([&run](uint64_t step) {
      if (step == 20'000) run.Cancel(absl::AbortedError("it does not end"));
    });
    const Report report = run.Wait();
    ASSERT_TRUE(report.ok()) << report.status << ", seed " << seed;
  }
}

// Waits for another library, as far as the engine can see: until the test lets it go on.
class ByHand {
 public:
  explicit ByHand(std::atomic<void*>& waiting) : waiting_(&waiting) {}
  bool await_ready() const { return false; }
  void await_suspend(std::coroutine_handle<> frame) { *waiting_ = frame.address(); }
  void await_resume() {}

 private:
  std::atomic<void*>* waiting_;
};

TEST(Loop, WithAnItemInAStagesHands_IsNotQuiet) {
  class Holds final : public Stage {
   public:
    In<int> in{this, "in"};
    Out<int> again{this, "again"};
    explicit Holds(std::atomic<void*>& waiting) : waiting_(waiting) {}
    Task<> Work(Context& context) override {
      for (int rounds = 0; auto item = co_await in.Receive(); ++rounds) {
        if (rounds == 1) continue;
        auto external = context.External(ByHand(waiting_));
        co_await external;
        auto send = again.Send(*item);
        absl::Status sent = co_await send;
        EXPECT_TRUE(sent.ok()) << sent;
        if (!sent.ok()) co_return sent;
      }
      co_return in.status();
    }

   private:
    std::atomic<void*>& waiting_;
  };
  std::atomic<void*> waiting{nullptr};
  Graph graph("holds");
  auto& holds = graph.Add<Holds>("holds", waiting);
  From(graph, "one", FromVector<int>({1})).To(holds.in);
  graph.Connect(holds.again, holds.in, {.feedback = true});
  Engine engine({.threads = 2});
  weir::Run run(engine, graph);
  // Loops are looked at more often than samples are taken.
  const auto held = [&] {
    for (const StageReport& stage : run.Snapshot().stages) {
      if (stage.name == "holds") return stage.waiting >= 3;
    }
    return false;
  };
  while (!held()) std::this_thread::yield();
  std::coroutine_handle<>::from_address(waiting).resume();
  const Report report = run.Wait();
  EXPECT_TRUE(report.ok()) << report.status;
}

// Sends each item once round its loop: to `step`, and through one of two back edges to here again.
class TwoBackEdges final : public Stage {
 public:
  In<int> in{this, "in"};
  In<int> left{this, "left"};
  In<int> right{this, "right"};
  Out<int> step{this, "step"};
  Out<int> done{this, "done"};

  Task<> Work(Context&) override {
    while (auto item = co_await in.Receive()) {
      auto send = step.Send(*item);
      absl::Status sent = co_await send;
      if (!sent.ok()) co_return sent;
    }
    std::array<bool, 2> open{true, true};
    while (open[0] || open[1]) {
      std::optional<int> item;
      auto from_left = left.OnReceive(item);
      auto from_right = right.OnReceive(item);
      from_left.When(open[0]);
      from_right.When(open[1]);
      auto select = weir::Select(from_left, from_right);
      const Selected selected = co_await select;
      if (absl::IsCancelled(selected.status)) co_return selected.status;
      if (!item.has_value()) {
        open[selected.which] = false;
        continue;
      }
      auto send = done.Send(*item);
      absl::Status sent = co_await send;
      if (!sent.ok()) co_return sent;
    }
    co_return in.status();
  }
};

// Keeps each item for a second.
class Sleeps final : public Stage {
 public:
  In<int> in{this, "in"};
  Out<int> left{this, "left"};
  Out<int> right{this, "right"};

  Task<> Work(Context& context) override {
    while (auto item = co_await in.Receive()) {
      auto sleep = context.Sleep(absl::Seconds(1));
      absl::Status slept = co_await sleep;
      if (!slept.ok()) co_return slept;
      auto send = (*item % 2 == 0 ? left : right).Send(*item);
      absl::Status sent = co_await send;
      if (!sent.ok()) co_return sent;
    }
    co_return in.status();
  }
};

TEST(Loop, WithAWaitUnderTheWorksOwnContext_IsQuiet_Simulated) {
  class Ends final : public Stage {
   public:
    In<int> in{this, "in"};
    Out<int> again{this, "again"};
    Task<> Work(Context& context) override {
      while (true) {
        auto receive = in.Receive(context);
        std::optional<int> item = co_await receive;
        if (!item.has_value()) co_return in.status();
        if (*item == 0) continue;
        int less = *item - 1;
        auto on_again = again.OnSend(less);
        auto select = weir::Select(on_again).Under(context);
        const Selected selected = co_await select;
        if (!selected.status.ok()) co_return selected.status;
      }
    }
  };
  class Passes final : public Stage {
   public:
    In<int> in{this, "in"};
    Out<int> out{this, "out"};
    Task<> Work(Context& context) override {
      while (true) {
        std::optional<int> item;
        auto on_in = in.OnReceive(item);
        auto select = weir::Select(on_in).Under(context);
        const Selected selected = co_await select;
        if (!selected.status.ok()) co_return in.status();
        auto send = out.Send(*item, context);
        absl::Status sent = co_await send;
        if (!sent.ok()) co_return sent;
      }
    }
  };
  for (uint64_t seed = 0; seed < 50; ++seed) {
    Graph graph("under");
    auto& ends = graph.Add<Ends>("ends");
    auto& passes = graph.Add<Passes>("passes");
    From(graph, "numbers", FromVector<int>({3, 0, 2})).To(ends.in, {.capacity = 10});
    graph.Connect(ends.again, passes.in);
    graph.Connect(passes.out, ends.in, {.feedback = true});
    Engine engine = Engine::Simulated(seed);
    const Report report = weir::Run(engine, graph).Wait();
    ASSERT_TRUE(report.ok()) << report.status << ", seed " << seed;
  }
}

// One Work that waits for two channels is one, not two.
TEST(Loop, WithASelectOverTwoBackEdges_AndAnItemInAnothersHands_IsNotQuiet_Simulated) {
  for (uint64_t seed = 0; seed < 50; ++seed) {
    std::vector<int> result;
    Graph graph("two_back_edges");
    auto& hub = graph.Add<TwoBackEdges>("hub");
    auto& step = graph.Add<Sleeps>("step");
    From(graph, "numbers", FromVector<int>({1, 2, 3})).To(hub.in);
    graph.Connect(hub.step, step.in);
    graph.Connect(step.left, hub.left, {.feedback = true});
    graph.Connect(step.right, hub.right, {.feedback = true});
    Flow(graph, hub.done).Collect("collect", result);
    Engine engine = Engine::Simulated(seed);
    const Report report = weir::Run(engine, graph).Wait();
    ASSERT_TRUE(report.ok()) << report.status << ", seed " << seed;
    std::sort(result.begin(), result.end());
    ASSERT_EQ(result, (std::vector<int>{1, 2, 3})) << "seed " << seed;
  }
}

// Keeps what it gets until `out` has room, and listens to its own back edge meanwhile. What goes out goes round too, once.
class Listens final : public Stage {
 public:
  In<int> in{this, "in"};
  In<int> heard{this, "heard"};
  Out<int> out{this, "out"};
  Out<int> again{this, "again"};

  Task<> Work(Context&) override {
    std::deque<int> kept;
    while (auto item = co_await in.Receive()) kept.push_back(*item);
    if (!in.status().ok()) co_return in.status();
    while (true) {
      std::optional<int> item;
      int first = kept.empty() ? 0 : kept.front();
      auto listen = heard.OnReceive(item);
      auto to_out = out.OnSend(first);
      to_out.When(!kept.empty());
      auto select = weir::Select(to_out, listen);
      const Selected selected = co_await select;
      if (selected.which == 1 && absl::IsOutOfRange(selected.status) && kept.empty()) break;
      if (!selected.status.ok()) co_return selected.status;
      if (selected.which == 1) continue;
      auto send = again.Send(first);
      absl::Status sent = co_await send;
      if (!sent.ok()) co_return sent;
      kept.pop_front();
    }
    co_return heard.status();
  }
};

TEST(Loop, WithASelectThatMayYetSend_IsNotQuiet_Simulated) {
  class Slow final : public Stage {
   public:
    In<int> in{this, "in"};
    explicit Slow(std::vector<int>& result) : result_(result) {}
    Task<> Work(Context& context) override {
      while (auto item = co_await in.Receive()) {
        auto sleep = context.Sleep(absl::Seconds(1));
        absl::Status slept = co_await sleep;
        if (!slept.ok()) co_return slept;
        result_.push_back(*item);
      }
      co_return in.status();
    }

   private:
    std::vector<int>& result_;
  };
  for (uint64_t seed = 0; seed < 50; ++seed) {
    std::vector<int> result;
    Graph graph("listens");
    auto& listens = graph.Add<Listens>("listens");
    From(graph, "numbers", FromVector<int>({1, 2, 3, 4})).To(listens.in);
    graph.Connect(listens.again, listens.heard, {.feedback = true});
    graph.Connect(listens.out, graph.Add<Slow>("slow", result).in, {.capacity = 1});
    Engine engine = Engine::Simulated(seed);
    const Report report = weir::Run(engine, graph).Wait();
    ASSERT_TRUE(report.ok()) << report.status << ", seed " << seed;
    ASSERT_EQ(result, (std::vector<int>{1, 2, 3, 4})) << "seed " << seed;
  }
}

TEST(Loop, WithASelectThatATimerMayEnd_IsNotQuiet_Simulated) {
  class Beats final : public Stage {
   public:
    In<int> in{this, "in"};
    In<int> heard{this, "heard"};
    Out<int> again{this, "again"};
    Task<> Work(Context&) override {
      while (co_await in.Receive()) {
      }
      std::optional<int> item;
      auto listen = heard.OnReceive(item);
      auto select = weir::Select(listen).Within(absl::Seconds(1));
      const Selected selected = co_await select;
      EXPECT_TRUE(absl::IsDeadlineExceeded(selected.status)) << selected.status;
      int beat = 1;
      auto send = again.Send(beat);
      absl::Status sent = co_await send;
      EXPECT_TRUE(sent.ok()) << sent;
      auto receive = heard.Receive();
      item = co_await receive;
      EXPECT_EQ(item, 1);
      while (co_await heard.Receive()) {
      }
      co_return heard.status();
    }
  };
  for (uint64_t seed = 0; seed < 50; ++seed) {
    Graph graph("beats");
    auto& beats = graph.Add<Beats>("beats");
    From(graph, "numbers", FromVector<int>({1})).To(beats.in);
    graph.Connect(beats.again, beats.heard, {.feedback = true});
    Engine engine = Engine::Simulated(seed);
    const Report report = weir::Run(engine, graph).Wait();
    ASSERT_TRUE(report.ok()) << report.status << ", seed " << seed;
  }
}

TEST(Loop, UndeclaredCycle_IsRefused_NamingIt) {
  Graph graph("cycle");
  auto& halve = graph.Add<Halve>("halve");
  From(graph, "numbers", FromVector<int>({1})).To(halve.in);
  graph.Connect(halve.again, halve.in);
  Flow(graph, halve.odd).Ignore("ignore");
  EXPECT_EQ(graph.Check().message(),
            "graph 'cycle' cannot run: it has a cycle: halve -> halve; if it is meant, connect the "
            "edge that leads back "
            "with {.feedback = true}");
}

TEST(Loop, FeedbackThatClosesNoLoop_IsRefused) {
  Graph graph("line");
  std::vector<int> result;
  auto& map = graph.Add("map", Map<int>([](int n) { return n; }));
  From(graph, "numbers", FromVector<int>({1})).To(map.in, {.feedback = true});
  Flow(graph, map.out).Collect("collect", result);
  EXPECT_EQ(graph.Check().message(),
            "graph 'line' cannot run: the channel from 'numbers.out' to 'map.in' is marked as "
            "feedback but closes no loop; "
            "leave the mark out");
}

}  // namespace
}  // namespace weir
