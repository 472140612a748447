#include "weir/core/select.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <functional>
#include <numeric>
#include <optional>
#include <vector>

#include "weir/testing.h"

namespace weir {
namespace {

using testing::Counted;
using testing::ProbeSink;
using testing::ProbeSource;

// A stage with two inputs and two outputs, and a body from the test.
class Hub final : public Stage {
 public:
  In<Counted> a{this, "a"}, b{this, "b"};
  Out<Counted> x{this, "x"}, y{this, "y"};
  using Body = std::function<Task<>(Context&, Hub&)>;
  explicit Hub(Body body) : body_(std::move(body)) {}
  Task<> Work(Context& context) override { return body_(context, *this); }

 private:
  const Body body_;
};

class SelectTest : public testing::EveryEngineTest {
 protected:
  // Feeds `count` numbers from `first` on.
  static ProbeSource<Counted>::Body Feed(int first, int count) {
    return [first, count](Context&, Out<Counted>& out) -> Task<> {
      for (int i = 0; i < count; ++i) {
        Counted item(first + i);
        auto send = out.Send(item);
        absl::Status sent = co_await send;
        if (!sent.ok()) co_return sent;
      }
      co_return absl::OkStatus();
    };
  }
  static ProbeSink<Counted>::Body Receive(std::vector<int>& into) {
    return [&into](Context&, In<Counted>& in) -> Task<> {
      while (auto item = co_await in.Receive()) into.push_back(item->value());
      co_return in.status();
    };
  }
  Hub& Build(Graph& graph, Hub::Body body, int from_a = 20, int from_b = 20) {
    auto& hub = graph.Add<Hub>("hub", std::move(body));
    auto& a = graph.Add<ProbeSource<Counted>>("feed_a", Feed(0, from_a));
    auto& b = graph.Add<ProbeSource<Counted>>("feed_b", Feed(1000, from_b));
    graph.Connect(a.out, hub.a, {.capacity = 2});
    graph.Connect(b.out, hub.b, {.capacity = 3});
    graph.Connect(hub.x, graph.Add<ProbeSink<Counted>>("sink_x", Receive(x_)).in, {.capacity = 1});
    graph.Connect(hub.y, graph.Add<ProbeSink<Counted>>("sink_y", Receive(y_)).in, {.capacity = 2});
    return hub;
  }

  std::vector<int> x_, y_;
};

WEIR_ON_EVERY_ENGINE(SelectTest);

TEST_P(SelectTest, TwoInputs_EveryItemOnce_FifoPerInput_EndsAreTold) {
  std::vector<int> got;
  Graph& graph = NewGraph();
  Build(graph, [&](Context&, Hub& hub) -> Task<> {
    bool a_open = true, b_open = true;
    while (a_open || b_open) {
      std::optional<Counted> from_a, from_b;
      auto on_a = hub.a.OnReceive(from_a);
      auto on_b = hub.b.OnReceive(from_b);
      on_a.When(a_open);
      on_b.When(b_open);
      auto select = Select(on_a, on_b);
      const Selected selected = co_await select;
      if (absl::IsOutOfRange(selected.status)) {
        (selected.which == 0 ? a_open : b_open) = false;
        continue;
      }
      if (!selected.status.ok()) co_return selected.status;
      EXPECT_EQ(from_a.has_value(), selected.which == 0);
      EXPECT_EQ(from_b.has_value(), selected.which == 1);
      got.push_back(selected.which == 0 ? from_a->value() : from_b->value());
    }
    co_return absl::OkStatus();
  });
  const Report report = RunToEnd(engine(), graph);
  EXPECT_TRUE(report.ok()) << report.status;
  ASSERT_EQ(got.size(), 40u);
  int next_a = 0, next_b = 1000;
  for (const int value : got) EXPECT_EQ(value, value < 1000 ? next_a++ : next_b++);
}

TEST_P(SelectTest, TwoOutputs_TheLosersKeepTheirItems) {
  Graph& graph = NewGraph();
  Build(
      graph,
      [&](Context&, Hub& hub) -> Task<> {
        std::optional<Counted> to_x, to_y;
        int next = 0;
        while (next < 100) {
          if (!to_x) to_x.emplace(next++);
          if (!to_y) to_y.emplace(next++);
          auto on_x = hub.x.OnSend(*to_x);
          auto on_y = hub.y.OnSend(*to_y);
          auto select = Select(on_x, on_y);
          const Selected selected = co_await select;
          if (!selected.status.ok()) co_return selected.status;
          std::optional<Counted>& sent = selected.which == 0 ? to_x : to_y;
          std::optional<Counted>& kept = selected.which == 0 ? to_y : to_x;
          EXPECT_TRUE(sent->moved_from());
          EXPECT_FALSE(kept->moved_from());
          sent.reset();
        }
        co_return absl::OkStatus();
      },
      0, 0);
  const Report report = RunToEnd(engine(), graph);
  EXPECT_TRUE(report.ok()) << report.status;
  EXPECT_GE(x_.size() + y_.size(), 98u);
  for (const ChannelReport& channel : report.channels) EXPECT_EQ(channel.ledger.refused, 0u);
}

// Receives where there is something, sends where there is room: a buffer between, as one would write it in Go.
TEST_P(SelectTest, ReceiveAndSend_InOneSelect_PassEverythingInOrder) {
  Graph& graph = NewGraph();
  Build(graph, [&](Context&, Hub& hub) -> Task<> {
    std::vector<Counted> held;
    bool open = true;
    while (open || !held.empty()) {
      std::optional<Counted> item;
      Counted none(0);
      auto on_a = hub.a.OnReceive(item);
      auto on_x = hub.x.OnSend(held.empty() ? none : held.front());
      on_a.When(open && held.size() < 3);
      on_x.When(!held.empty());
      auto select = Select(on_a, on_x);
      const Selected selected = co_await select;
      if (selected.which == 0 && absl::IsOutOfRange(selected.status)) {
        open = false;
      } else if (!selected.status.ok()) {
        co_return selected.status;
      } else if (selected.which == 0) {
        held.push_back(std::move(*item));
      } else {
        held.erase(held.begin());
      }
    }
    while (auto item = co_await hub.b.Receive()) {
    }
    co_return absl::OkStatus();
  });
  const Report report = RunToEnd(engine(), graph);
  EXPECT_TRUE(report.ok()) << report.status;
  ASSERT_EQ(x_.size(), 20u);
  for (int i = 0; i < 20; ++i) EXPECT_EQ(x_[i], i);
}

TEST_P(SelectTest, Biased_TakesTheFirstThatCanGoOn) {
  Graph& graph = NewGraph();
  std::vector<int> got;
  Build(
      graph,
      [&](Context& context, Hub& hub) -> Task<> {
        // Both inputs have something once both have ended feeding: two and three items are queued.
        auto& a = hub.a.channel();
        auto& b = hub.b.channel();
        while (a.ledger().queued < 2 || b.ledger().queued < 3) {
          if (context.cancelled()) co_return absl::CancelledError("");
          co_await context.Yield();
        }
        for (int i = 0; i < 2; ++i) {
          std::optional<Counted> from_a, from_b;
          auto on_b = hub.b.OnReceive(from_b);
          auto on_a = hub.a.OnReceive(from_a);
          auto select = Select(on_b, on_a).Biased();
          const Selected selected = co_await select;
          if (!selected.status.ok()) co_return selected.status;
          got.push_back(static_cast<int>(selected.which));
        }
        co_return absl::OkStatus();
      },
      2, 3);
  const Report report = RunToEnd(engine(), graph);
  EXPECT_TRUE(report.ok()) << report.status;
  EXPECT_EQ(got, (std::vector<int>{0, 0}));
}

TEST_P(SelectTest, Fair_BothOfTwoReadyInputsAreChosen) {
  Graph& graph = NewGraph();
  std::array<int, 2> chosen = {0, 0};
  Build(
      graph,
      [&](Context& context, Hub& hub) -> Task<> {
        auto& a = hub.a.channel();
        auto& b = hub.b.channel();
        for (int round = 0; round < 400; ++round) {
          while (a.ledger().queued == 0 || b.ledger().queued == 0) {
            if (context.cancelled()) co_return absl::CancelledError("");
            co_await context.Yield();
          }
          std::optional<Counted> from_a, from_b;
          auto on_a = hub.a.OnReceive(from_a);
          auto on_b = hub.b.OnReceive(from_b);
          auto select = Select(on_a, on_b);
          const Selected selected = co_await select;
          if (!selected.status.ok()) co_return selected.status;
          ++chosen[selected.which];
        }
        co_return absl::OkStatus();
      },
      1000, 1000);
  const Report report = RunToEnd(engine(), graph);
  EXPECT_TRUE(report.ok()) << report.status;
  // Of 400 draws between two: 7 standard deviations.
  EXPECT_GT(chosen[0], 130);
  EXPECT_GT(chosen[1], 130);
}

TEST_P(SelectTest, Within_Zero_TriesOnce) {
  Graph& graph = NewGraph();
  Build(graph, [&](Context&, Hub& hub) -> Task<> {
    while (auto item = co_await hub.a.Receive()) {
    }
    while (auto item = co_await hub.b.Receive()) {
    }
    // Full after the first, whose receiver may take it.
    std::optional<Counted> from_a;
    auto on_a = hub.a.OnReceive(from_a);
    auto select = Select(on_a).Within(absl::ZeroDuration());
    Selected selected = co_await select;
    EXPECT_EQ(selected.which, 0u);
    EXPECT_TRUE(absl::IsOutOfRange(selected.status)) << selected.status;
    co_return absl::OkStatus();
  });
  EXPECT_TRUE(RunToEnd(engine(), graph).ok());
}

TEST_P(SelectTest, CasesUsedAgain_EveryItemOnce) {
  std::vector<int> got;
  Graph& graph = NewGraph();
  Build(graph, [&](Context&, Hub& hub) -> Task<> {
    std::optional<Counted> from_a, from_b;
    Counted to_x(0);
    auto on_a = hub.a.OnReceive(from_a);
    auto on_b = hub.b.OnReceive(from_b);
    auto on_x = hub.x.OnSend(to_x);
    bool a_open = true, b_open = true;
    for (int sent = 0; a_open || b_open || sent < 20;) {
      on_a.When(a_open);
      on_b.When(b_open);
      on_x.When(sent < 20);
      auto select = Select(on_a, on_b, on_x);
      const Selected selected = co_await select;
      if (absl::IsOutOfRange(selected.status)) {
        (selected.which == 0 ? a_open : b_open) = false;
        continue;
      }
      if (!selected.status.ok()) co_return selected.status;
      if (selected.which == 2) {
        to_x = Counted(++sent);
      } else {
        got.push_back((selected.which == 0 ? from_a : from_b)->value());
      }
    }
    co_return absl::OkStatus();
  });
  const Report report = RunToEnd(engine(), graph);
  EXPECT_TRUE(report.ok()) << report.status;
  EXPECT_TRUE(report.balanced());
  std::sort(got.begin(), got.end());
  std::vector<int> all(20);
  std::iota(all.begin(), all.end(), 0);
  EXPECT_EQ(x_, all);
  for (int i = 0; i < 20; ++i) all.push_back(1000 + i);
  EXPECT_EQ(got, all);
}

// Nothing could end the wait, not even the run's end.
TEST_P(SelectTest, EveryCaseLeftOut_IsRefused) {
  Graph& graph = NewGraph();
  Build(graph, [&](Context&, Hub& hub) -> Task<> {
    std::optional<Counted> from_a;
    auto nobody = hub.a.OnReceive(from_a);
    nobody.When(false);
    auto none_in_time = Select(nobody).Within(absl::Hours(1));
    Selected selected = co_await none_in_time;
    EXPECT_EQ(selected.which, 1u);
    EXPECT_TRUE(absl::IsFailedPrecondition(selected.status)) << selected.status;
    auto none = Select(nobody);
    selected = co_await none;
    EXPECT_EQ(selected.which, 1u);
    co_return selected.status;
  });
  const Report report = RunToEnd(engine(), graph);
  EXPECT_TRUE(absl::IsFailedPrecondition(report.status)) << report.status;
  EXPECT_NE(report.status.message().find("every case left out"), std::string::npos)
      << report.status;
}

TEST_P(SelectTest, ClosedReceivers_OutOfRange) {
  Graph& graph = NewGraph();
  auto& source = graph.Add<ProbeSource<int>>("source", [](Context&, Out<int>& out) -> Task<> {
    while (true) {
      int item = 1;
      auto on_out = out.OnSend(item);
      auto select = Select(on_out);
      const Selected selected = co_await select;
      if (absl::IsOutOfRange(selected.status)) {
        EXPECT_EQ(selected.which, 0u);
        co_return selected.status;
      }
      if (!selected.status.ok()) co_return selected.status;
    }
  });
  auto& take = graph.Add("take", Take<int>(5));
  graph.Connect(source.out, take.in, {.capacity = 2});
  Flow(graph, take.out).Ignore("ignore");
  const Report report = RunToEnd(engine(), graph);
  EXPECT_TRUE(report.ok()) << report.status;
}

TEST_P(SelectTest, Deadlock_IsNamed_WithAllThatItWaitsFor) {
  // The one waits for the other's items, which waits for room where the first does not look.
  class Waits final : public Stage {
   public:
    In<int> a{this, "a"}, b{this, "b"}, unheard{this, "unheard"};
    Task<> Work(Context&) override {
      std::optional<int> from_a, from_b;
      auto on_a = a.OnReceive(from_a);
      auto on_b = b.OnReceive(from_b);
      auto select = Select(on_a, on_b);
      const Selected selected = co_await select;
      co_return selected.status;
    }
  };
  class Talks final : public Stage {
   public:
    Out<int> a{this, "a"}, b{this, "b"}, unheard{this, "unheard"};
    Task<> Work(Context&) override {
      std::vector<int> items{1, 2};
      auto send = unheard.SendBatch(items);
      absl::Status sent = co_await send;
      co_return sent;
    }
  };
  Graph& graph = NewGraph();
  auto& waits = graph.Add<Waits>("waits");
  auto& talks = graph.Add<Talks>("talks");
  graph.Connect(talks.a, waits.a);
  graph.Connect(talks.b, waits.b);
  graph.Connect(talks.unheard, waits.unheard, {.capacity = 1});
  const Report report = RunToEnd(engine(), graph);
  EXPECT_TRUE(absl::IsFailedPrecondition(report.status)) << report.status;
  EXPECT_EQ(report.status.message().find("deadlock: "), 0u) << report.status;
  EXPECT_NE(report.status.message().find(
                "waits selects: waits to receive from waits.a, or waits to receive from waits.b"),
            std::string::npos)
      << report.status;
}

TEST_P(SelectTest, Cancelled_AtAnyMoment_NothingIsLost) {
  Graph& graph = NewGraph();
  std::atomic<int> rounds{0};
  Build(
      graph,
      [&](Context&, Hub& hub) -> Task<> {
        while (true) {
          std::optional<Counted> from_a;
          Counted to_y(5);
          auto on_a = hub.a.OnReceive(from_a);
          auto on_y = hub.y.OnSend(to_y);
          auto select = Select(on_a, on_y);
          const Selected selected = co_await select;
          if (absl::IsCancelled(selected.status)) {
            EXPECT_EQ(selected.which, 2u);
          }
          if (!selected.status.ok()) co_return selected.status;
          rounds.fetch_add(1);
        }
      },
      1'000'000, 1);
  Run& run = Start(engine(), graph, {.deadline = absl::Milliseconds(20)});
  const Report report = Wait(run);
  EXPECT_TRUE(absl::IsDeadlineExceeded(report.status)) << report.status;
}

// In virtual time.
class SelectInTimeTest : public SelectTest {};
WEIR_ON_EVERY_SEED(SelectInTimeTest);

TEST_P(SelectInTimeTest, Within_TimesOut_NeverEarly_ItemStaysWithSender) {
  std::atomic<bool> gate{false};
  Graph& graph = NewGraph();
  auto& source =
      graph.Add<ProbeSource<Counted>>("source", [&](Context& context, Out<Counted>& out) -> Task<> {
        Counted first(1), second(2);
        auto send = out.Send(first);
        absl::Status sent = co_await send;
        if (!sent.ok()) co_return sent;
        const Instant began = context.Now();
        auto on_out = out.OnSend(second);
        auto select = Select(on_out).Within(absl::Milliseconds(3));
        const Selected selected = co_await select;
        EXPECT_TRUE(absl::IsDeadlineExceeded(selected.status)) << selected.status;
        EXPECT_EQ(selected.which, 1u);
        EXPECT_GE(context.Now() - began, absl::Milliseconds(3));
        EXPECT_EQ(second.value(), 2);
        gate = true;
        co_return absl::OkStatus();
      });
  auto& sink =
      graph.Add<ProbeSink<Counted>>("sink", [&](Context& context, In<Counted>& in) -> Task<> {
        auto until = testing::Until(context, gate);
        absl::Status open = co_await until;
        if (!open.ok()) co_return open;
        while (auto item = co_await in.Receive()) {
        }
        co_return in.status();
      });
  graph.Connect(source.out, sink.in, {.capacity = 1});
  const Report report = RunToEnd(engine(), graph);
  EXPECT_TRUE(report.ok()) << report.status;
}

}  // namespace
}  // namespace weir
