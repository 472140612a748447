#include "weir/core/policy.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <cstdint>
#include <functional>
#include <ranges>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "weir/core/block_pool.h"
#include "weir/testing.h"

namespace weir {
namespace {

using testing::Counted;
using testing::ProbeSink;
using testing::ProbeSource;

class PolicyTest : public testing::EveryEngineTest {
 protected:
  using Sends = std::function<Task<>(Context&, Out<Counted>&)>;
  using Receives = std::function<Task<>(Context&, In<Counted>&)>;

  // A graph of a sender and a receiver.
  Graph& Join(ChannelOptions options, Sends sends, Receives receives) {
    Graph& graph = NewGraph();
    source_ = &graph.Add<ProbeSource<Counted>>("source", std::move(sends));
    sink_ = &graph.Add<ProbeSink<Counted>>("sink", std::move(receives));
    graph.Connect(source_->out, sink_->in, options);
    return graph;
  }
  // Sends five items, which are all accepted, and then opens `gate_`.
  Sends SendFive() {
    return [this](Context&, Out<Counted>& out) -> Task<> {
      for (int i = 0; i < 5; ++i) {
        Counted item(i);
        auto send = out.Send(item);
        absl::Status sent = co_await send;
        EXPECT_TRUE(sent.ok()) << sent;
        EXPECT_TRUE(item.moved_from());
      }
      gate_ = true;
      co_return absl::OkStatus();
    };
  }
  // Receives everything once `gate_` is open.
  Receives ReceiveLater() {
    return [this](Context& context, In<Counted>& in) -> Task<> {
      auto until = testing::Until(context, gate_);
      absl::Status open = co_await until;
      if (!open.ok()) co_return open;
      while (auto item = co_await in.Receive()) received_.push_back(item->value());
      co_return in.status();
    };
  }
  void CollectDropped() {
    source_->out.OnDropped([this](Counted&& item) { dropped_.push_back(item.value()); });
  }

  std::atomic<bool> gate_{false};
  std::atomic<Run*> run_ = nullptr;
  std::vector<int> received_, dropped_;
  ProbeSource<Counted>* source_ = nullptr;
  ProbeSink<Counted>* sink_ = nullptr;
};

WEIR_ON_EVERY_ENGINE(PolicyTest);

TEST_P(PolicyTest, Fail_WhenFull_ResourceExhausted_ItemStaysWithSender) {
  Graph& graph = Join(
      {.capacity = 2, .when_full = WhenFull::kFail},
      [this](Context&, Out<Counted>& out) -> Task<> {
        for (int i = 0; i < 2; ++i) {
          Counted item(i);
          auto send = out.Send(item);
          absl::Status sent = co_await send;
          EXPECT_TRUE(sent.ok()) << sent;
        }
        Counted third(2);
        auto send = out.Send(third);
        absl::Status sent = co_await send;
        EXPECT_TRUE(absl::IsResourceExhausted(sent)) << sent;
        EXPECT_EQ(third.value(), 2);
        gate_ = true;
        co_return absl::OkStatus();
      },
      ReceiveLater());
  const Report report = RunToEnd(engine(), graph);
  EXPECT_TRUE(report.ok()) << report.status;
  EXPECT_EQ(received_, (std::vector<int>{0, 1}));
  EXPECT_EQ(report.channels[0].ledger.refused, 1u);
  EXPECT_EQ(report.channels[0].ledger.accepted, 2u);
}

TEST_P(PolicyTest, ManySendsByPolicy_KeepNoMemory) {
  Graph& graph = Join(
      {.capacity = 1, .when_full = WhenFull::kDropNewest},
      [this](Context&, Out<Counted>& out) -> Task<> {
        size_t before = 0;
        for (int i = 0; i < 1000; ++i) {
          Counted item(i);
          auto send = out.Send(item);
          absl::Status sent = co_await send;
          if (!sent.ok()) co_return sent;
          if (i == 10) before = internal::BlockBytesInUse();
        }
        // Another thread may be at its first steps meanwhile.
        EXPECT_LT(internal::BlockBytesInUse(), before + 100 * internal::kCacheLine);
        gate_ = true;
        co_return absl::OkStatus();
      },
      ReceiveLater());
  EXPECT_TRUE(RunToEnd(engine(), graph).ok());
}

TEST_P(PolicyTest, Fail_ReturnedByAWork_FailsTheRun) {
  Graph& graph = Join(
      {.capacity = 1, .when_full = WhenFull::kFail},
      [](Context&, Out<Counted>& out) -> Task<> {
        while (true) {
          Counted item(0);
          auto send = out.Send(item);
          absl::Status sent = co_await send;
          if (!sent.ok()) co_return sent;
        }
      },
      ReceiveLater());
  const Report report = RunToEnd(engine(), graph);
  EXPECT_TRUE(absl::IsResourceExhausted(report.status)) << report.status;
}

TEST_P(PolicyTest, DropNewest_KeepsWhatIsQueued_AndHandsOverTheRest) {
  Graph& graph =
      Join({.capacity = 2, .when_full = WhenFull::kDropNewest}, SendFive(), ReceiveLater());
  CollectDropped();
  const Report report = RunToEnd(engine(), graph);
  EXPECT_TRUE(report.ok()) << report.status;
  EXPECT_EQ(received_, (std::vector<int>{0, 1}));
  EXPECT_EQ(dropped_, (std::vector<int>{2, 3, 4}));
  EXPECT_EQ(report.channels[0].ledger.dropped, 3u);
  EXPECT_EQ(report.channels[0].ledger.accepted, 5u);
}

TEST_P(PolicyTest, DropOldest_TheNewestAreInTheChannel) {
  Graph& graph =
      Join({.capacity = 2, .when_full = WhenFull::kDropOldest}, SendFive(), ReceiveLater());
  CollectDropped();
  const Report report = RunToEnd(engine(), graph);
  EXPECT_TRUE(report.ok()) << report.status;
  EXPECT_EQ(received_, (std::vector<int>{3, 4}));
  EXPECT_EQ(dropped_, (std::vector<int>{0, 1, 2}));
  EXPECT_EQ(report.channels[0].ledger.dropped, 3u);
}

TEST_P(PolicyTest, DropOldest_ABatchLargerThanTheChannel_LeavesItsEnd) {
  Graph& graph = Join(
      {.capacity = 3, .when_full = WhenFull::kDropOldest},
      [this](Context&, Out<Counted>& out) -> Task<> {
        std::vector<Counted> items;
        for (int i = 0; i < 1000; ++i) items.emplace_back(i);
        auto send = out.SendBatch(items);
        absl::Status sent = co_await send;
        EXPECT_TRUE(sent.ok()) << sent;
        EXPECT_TRUE(items.empty());
        gate_ = true;
        co_return absl::OkStatus();
      },
      ReceiveLater());
  const Report report = RunToEnd(engine(), graph);
  EXPECT_TRUE(report.ok()) << report.status;
  EXPECT_EQ(received_, (std::vector<int>{997, 998, 999}));
  EXPECT_EQ(report.channels[0].ledger.dropped, 997u);
}

// What a slow receiver has in its hands does not keep the newest out, whatever the capacity.
TEST_P(PolicyTest, DropOldest_ASlowFunctionStage_GetsTheLastItem) {
  for (const size_t capacity : {1, 2, 7}) {
    int last = -1;
    Graph& graph = NewGraph();
    From(graph, "numbers", FromRange(std::views::iota(0, 500)))
        .ForEach("slow", [&](int n) { last = n; },
                 {.capacity = capacity, .when_full = WhenFull::kDropOldest});
    const Report report = RunToEnd(engine(), graph);
    EXPECT_TRUE(report.ok()) << report.status;
    EXPECT_EQ(last, 499) << "capacity " << capacity;
  }
}

// A place in the order that was dropped is nobody's, and nobody waits for it.
TEST_P(PolicyTest, DropOldest_BeforeOrderedWorkers_TheyKeepTheOrderOfTheRest) {
  for (const size_t capacity : {1, 3, 64}) {
    std::vector<int> received;
    Graph& graph = NewGraph();
    From(graph, "numbers", FromRange(std::views::iota(0, 2000)))
        .Map("same", [](int n) { return n; },
             {.workers = 3, .capacity = capacity, .when_full = WhenFull::kDropOldest})
        .ForEach("keep", [&](int n) { received.push_back(n); });
    const Report report = RunToEnd(engine(), graph);
    ASSERT_TRUE(report.ok()) << report.status << ", capacity " << capacity;
    EXPECT_TRUE(std::ranges::is_sorted(received)) << "capacity " << capacity;
    EXPECT_EQ(received.back(), 1999) << "capacity " << capacity;
    EXPECT_EQ(received.size() + report.channels[0].ledger.dropped, 2000u);
  }
}

// Sends six items to `out`, and then opens the gate.
class Route final : public Stage {
 public:
  Out<Counted> out{this, "out"}, late{this, "late"};
  explicit Route(std::atomic<bool>& gate) : gate_(gate) {}
  Task<> Work(Context&) override {
    for (int i = 0; i < 6; ++i) {
      Counted item(i);
      auto send = out.Send(item);
      absl::Status sent = co_await send;
      if (!sent.ok()) co_return sent;
    }
    gate_ = true;
    co_return absl::OkStatus();
  }

 private:
  std::atomic<bool>& gate_;
};

TEST_P(PolicyTest, Divert_WhenFull_ItGoesToTheOtherOutput_WhosePolicyHolds) {
  Graph& graph = NewGraph();
  auto& route = graph.Add<Route>("route", gate_);
  auto& ship = graph.Add<ProbeSink<Counted>>("ship", ReceiveLater());
  std::vector<int> late;
  auto& apologise =
      graph.Add<ProbeSink<Counted>>("apologise", [&](Context& context, In<Counted>& in) -> Task<> {
        auto until = testing::Until(context, gate_);
        absl::Status open = co_await until;
        if (!open.ok()) co_return open;
        while (auto item = co_await in.Receive()) late.push_back(item->value());
        co_return in.status();
      });
  graph.Connect(route.out, ship.in, {.capacity = 2, .when_full = WhenFull::kDivert});
  graph.Connect(route.late, apologise.in, {.capacity = 3, .when_full = WhenFull::kDropNewest});
  route.out.DivertTo(route.late);
  const Report report = RunToEnd(engine(), graph);
  EXPECT_TRUE(report.ok()) << report.status;
  EXPECT_EQ(received_, (std::vector<int>{0, 1}));
  EXPECT_EQ(late, (std::vector<int>{2, 3, 4}));
  for (const ChannelReport& channel : report.channels) {
    if (channel.name == "ship.in") {
      EXPECT_EQ(channel.ledger.diverted, 4u);
      EXPECT_EQ(channel.ledger.accepted, 6u);
      EXPECT_EQ(channel.policies.at("route.out"), WhenFull::kDivert);
    } else {
      EXPECT_EQ(channel.ledger.dropped, 1u);
      EXPECT_EQ(channel.ledger.accepted, 4u);
    }
  }
}

TEST_P(PolicyTest, Divert_ToAnOutputWhoseOnDroppedThrows_IsCountedAllTheSame) {
  Graph& graph = NewGraph();
  auto& route = graph.Add<Route>("route", gate_);
  auto& ship = graph.Add<ProbeSink<Counted>>("ship", ReceiveLater());
  auto& apologise = graph.Add<ProbeSink<Counted>>("apologise", ReceiveLater());
  graph.Connect(route.out, ship.in, {.capacity = 2, .when_full = WhenFull::kDivert});
  graph.Connect(route.late, apologise.in, {.capacity = 3, .when_full = WhenFull::kDropNewest});
  route.out.DivertTo(route.late);
  route.late.OnDropped([](Counted&&) { throw std::runtime_error("no spare room"); });
  const Report report = RunToEnd(engine(), graph);
  EXPECT_EQ(report.status.message(), "stage 'route': no spare room");
  for (const ChannelReport& channel : report.channels) {
    if (channel.name == "ship.in") {
      EXPECT_EQ(channel.ledger.diverted, 4u);
    } else {
      EXPECT_EQ(channel.ledger.accepted, 4u);
    }
  }
}

TEST_P(PolicyTest, SlowBranchOfABroadcast_DoesNotHoldTheOthers_ItsLagIsCounted) {
  Graph& graph = NewGraph();
  auto branches =
      From(graph, "numbers", FromRange(std::views::iota(0, 100))).Broadcast("broadcast", 2);
  std::vector<int> all;
  branches[0].Collect("all", all);
  std::vector<int> some;
  std::atomic<bool>& gate = gate_;
  auto& slow = graph.Add<ProbeSink<int>>("slow", [&](Context& context, In<int>& in) -> Task<> {
    auto until = testing::Until(context, gate);
    absl::Status open = co_await until;
    if (!open.ok()) co_return open;
    while (auto item = co_await in.Receive()) some.push_back(*item);
    co_return in.status();
  });
  branches[1].To(slow.in, {.capacity = 4, .when_full = WhenFull::kDropOldest});
  // The slow one begins only when the other has everything.
  graph.Add<testing::ProbeWork>("opens", [&](Context& context) -> Task<> {
    uint64_t received = 0;
    while (!context.cancelled() && received < 100) {
      co_await context.Yield();
      if (run_ == nullptr) continue;
      for (const StageReport& stage : run_.load()->Snapshot().stages) {
        if (stage.name == "all") received = stage.received;
      }
    }
    gate = true;
    co_return absl::OkStatus();
  });
  run_ = &Start(engine(), graph);
  const Report report = Wait(*run_.load());
  EXPECT_TRUE(report.ok()) << report.status;
  EXPECT_EQ(all.size(), 100u);
  ASSERT_FALSE(some.empty());
  EXPECT_EQ(some.back(), 99);
  for (const ChannelReport& channel : report.channels) {
    if (channel.name == "slow.in") {
      EXPECT_GT(channel.ledger.dropped, 0u);
      EXPECT_EQ(channel.ledger.dropped + some.size(), 100u);
    } else {
      EXPECT_EQ(channel.ledger.dropped, 0u) << channel.name;
    }
  }
}

TEST_P(PolicyTest, Bytes_AreBounded_AnItemThatIsLargerPassesAlone) {
  Graph& graph = NewGraph();
  auto& source =
      graph.Add<ProbeSource<std::string>>("source", [](Context&, Out<std::string>& out) -> Task<> {
        for (const size_t size : {40, 40, 40, 500, 10, 10}) {
          std::string item(size, 'x');
          auto send = out.Send(item);
          absl::Status sent = co_await send;
          if (!sent.ok()) co_return sent;
        }
        co_return absl::OkStatus();
      });
  std::vector<size_t> sizes;
  auto& sink =
      graph.Add<ProbeSink<std::string>>("sink", [&](Context&, In<std::string>& in) -> Task<> {
        while (auto item = co_await in.Receive()) sizes.push_back(item->size());
        co_return in.status();
      });
  graph.Connect(source.out, sink.in, {.bytes = 100});
  sink.in.MeasureBy([](const std::string& item) { return item.size(); });
  const Report report = RunToEnd(engine(), graph);
  EXPECT_TRUE(report.ok()) << report.status;
  EXPECT_EQ(sizes, (std::vector<size_t>{40, 40, 40, 500, 10, 10}));
  EXPECT_LE(report.channels[0].ledger.high_water, 4u);
  EXPECT_EQ(report.channels[0].bytes, 100u);
}

TEST_P(PolicyTest, Bytes_OfABatch_EnterAsTheyFit) {
  Graph& graph = Join(
      {.bytes = 3 * sizeof(Counted)},
      [this](Context&, Out<Counted>& out) -> Task<> {
        std::vector<Counted> items;
        for (int i = 0; i < 10; ++i) items.emplace_back(i);
        gate_ = true;
        auto send = out.SendBatch(items);
        absl::Status sent = co_await send;
        co_return sent;
      },
      ReceiveLater());
  const Report report = RunToEnd(engine(), graph);
  EXPECT_TRUE(report.ok()) << report.status;
  EXPECT_EQ(received_, (std::vector<int>{0, 1, 2, 3, 4, 5, 6, 7, 8, 9}));
  EXPECT_LE(report.channels[0].ledger.high_water, 3u);
}

TEST_P(PolicyTest, OnDropped_ThatThrows_FailsTheRun_NothingIsLost) {
  Graph& graph = Join(
      {.capacity = 1, .when_full = WhenFull::kDropOldest},
      [](Context&, Out<Counted>& out) -> Task<> {
        std::vector<Counted> items;
        for (int i = 0; i < 10; ++i) items.emplace_back(i);
        auto send = out.SendBatch(items);
        absl::Status sent = co_await send;
        co_return sent;
      },
      ReceiveLater());
  source_->out.OnDropped([](Counted&&) { throw std::runtime_error("no spare room"); });
  const Report report = RunToEnd(engine(), graph);
  EXPECT_EQ(report.status.message(), "stage 'source': no spare room");
}

// Items of four senders with four policies into one channel: the fixture checks that nothing is lost.
TEST_P(PolicyTest, SendersWithDifferentPolicies_OnOneChannel_AreAllAccountedFor) {
  Graph& graph = NewGraph();
  uint64_t received = 0;
  auto& sink = graph.Add<ProbeSink<Counted>>("sink", [&](Context&, In<Counted>& in) -> Task<> {
    Lease<Counted> lease;
    while (true) {
      const bool more = co_await in.ReceiveBatch(lease, 2);
      if (!more) co_return in.status();
      while (!lease.empty()) {
        lease.Take();
        ++received;
      }
    }
  });
  const WhenFull policies[] = {WhenFull::kBlock, WhenFull::kFail, WhenFull::kDropNewest,
                               WhenFull::kDropOldest};
  for (const WhenFull when_full : policies) {
    auto& source = graph.Add<ProbeSource<Counted>>(
        WhenFullName(when_full), [](Context& context, Out<Counted>& out) -> Task<> {
          for (int i = 0; i < 50; ++i) {
            std::vector<Counted> items;
            for (int k = 0; k < 1 + i % 5; ++k) items.emplace_back(k);
            auto send = out.SendBatch(items);
            absl::Status sent = co_await send;
            if (!sent.ok() && !absl::IsResourceExhausted(sent)) co_return sent;
            if (i % 7 == 0) co_await context.Yield();
          }
          co_return absl::OkStatus();
        });
    graph.Connect(source.out, sink.in, {.capacity = 3, .when_full = when_full});
  }
  const Report report = RunToEnd(engine(), graph);
  EXPECT_TRUE(report.ok()) << report.status;
  const Ledger& ledger = report.channels[0].ledger;
  EXPECT_EQ(ledger.accepted + ledger.refused, 4u * 150u);
  EXPECT_EQ(ledger.received, received);
  EXPECT_EQ(ledger.accepted, ledger.received + ledger.dropped);
}

TEST_P(PolicyTest, Input_FromTheProgram_DropsByItsPolicy) {
  if (simulated()) GTEST_SKIP() << "a simulation has no program beside it";
  Graph& graph = NewGraph();
  auto& input = graph.Add<Input<int>>("input");
  std::vector<int> got;
  auto& sink = graph.Add<ProbeSink<int>>("sink", [&](Context& context, In<int>& in) -> Task<> {
    auto until = testing::Until(context, gate_);
    absl::Status open = co_await until;
    if (!open.ok()) co_return open;
    while (auto item = co_await in.Receive()) got.push_back(*item);
    co_return in.status();
  });
  graph.Connect(input.out, sink.in, {.capacity = 2, .when_full = WhenFull::kDropOldest});
  std::vector<int> dropped;
  input.out.OnDropped([&](int&& item) { dropped.push_back(item); });
  Run& run = Start(engine(), graph);
  for (int i = 0; i < 5; ++i) EXPECT_TRUE(input.Send(i).ok());
  gate_ = true;
  input.Close();
  const Report report = Wait(run);
  EXPECT_TRUE(report.ok()) << report.status;
  EXPECT_EQ(got, (std::vector<int>{3, 4}));
  EXPECT_EQ(dropped, (std::vector<int>{0, 1, 2}));
}

// In simulation alone: threads beside it would get their turn anyway.
class FairnessTest : public PolicyTest {};
WEIR_ON_EVERY_SEED(FairnessTest);

// A sender whose items are all dropped never waits; others get their turn nevertheless.
TEST_P(FairnessTest, WhoDropsAll_GivesOthersTheirTurn) {
  constexpr int kMost = 20'000;
  int sent_until_then = 0;
  Graph& graph = Join(
      {.capacity = 1, .when_full = WhenFull::kDropNewest},
      [&](Context&, Out<Counted>& out) -> Task<> {
        for (; sent_until_then < kMost && !gate_; ++sent_until_then) {
          Counted item(sent_until_then);
          auto send = out.Send(item);
          absl::Status sent = co_await send;
          EXPECT_TRUE(sent.ok()) << sent;
        }
        gate_ = true;
        co_return absl::OkStatus();
      },
      ReceiveLater());
  graph.Add<testing::ProbeWork>("other", [this](Context&) -> Task<> {
    gate_ = true;
    co_return absl::OkStatus();
  });
  const Report report = RunToEnd(engine(), graph);
  EXPECT_TRUE(report.ok()) << report.status;
  EXPECT_LT(sent_until_then, kMost);
}

// In virtual time.
class PatienceTest : public PolicyTest {};
WEIR_ON_EVERY_SEED(PatienceTest);

TEST_P(PatienceTest, Patience_IsWaitedFirst_ThenThePolicyIsTaken) {
  Graph& graph = Join(
      {.capacity = 1, .when_full = WhenFull::kDropNewest, .patience = absl::Milliseconds(3)},
      [this](Context& context, Out<Counted>& out) -> Task<> {
        Counted first(1), second(2);
        auto send_first = out.Send(first);
        absl::Status sent = co_await send_first;
        EXPECT_TRUE(sent.ok());
        const Instant began = context.Now();
        auto send_second = out.Send(second);
        sent = co_await send_second;
        EXPECT_TRUE(sent.ok()) << sent;
        EXPECT_GE(context.Now() - began, absl::Milliseconds(3));
        gate_ = true;
        co_return absl::OkStatus();
      },
      ReceiveLater());
  CollectDropped();
  const Report report = RunToEnd(engine(), graph);
  EXPECT_TRUE(report.ok()) << report.status;
  EXPECT_EQ(dropped_, (std::vector<int>{2}));
}

TEST_P(PatienceTest, ASendsOwnTime_ThatEndsBefore_IsTimedOut_ItemStaysWithSender) {
  Graph& graph = Join(
      {.capacity = 1, .when_full = WhenFull::kDropNewest, .patience = absl::Milliseconds(3)},
      [this](Context&, Out<Counted>& out) -> Task<> {
        Counted first(1), second(2);
        auto send_first = out.Send(first);
        absl::Status sent = co_await send_first;
        EXPECT_TRUE(sent.ok());
        for (const absl::Duration within : {absl::ZeroDuration(), absl::Milliseconds(1)}) {
          auto send_second = out.SendWithin(within, second);
          sent = co_await send_second;
          EXPECT_TRUE(absl::IsDeadlineExceeded(sent)) << sent;
          EXPECT_EQ(second.value(), 2);
        }
        gate_ = true;
        co_return absl::OkStatus();
      },
      ReceiveLater());
  const Report report = RunToEnd(engine(), graph);
  EXPECT_TRUE(report.ok()) << report.status;
  EXPECT_EQ(report.channels[0].ledger.refused, 2u);
  EXPECT_EQ(report.channels[0].ledger.dropped, 0u);
}

TEST_P(PatienceTest, RoomThatComesInTime_IsUsed) {
  Graph& graph = Join(
      {.capacity = 1, .when_full = WhenFull::kFail, .patience = absl::Hours(1)},
      [](Context&, Out<Counted>& out) -> Task<> {
        for (int i = 0; i < 20; ++i) {
          Counted item(i);
          auto send = out.Send(item);
          absl::Status sent = co_await send;
          EXPECT_TRUE(sent.ok() || absl::IsResourceExhausted(sent)) << sent;
          if (!sent.ok()) co_return absl::OkStatus();  // an early timer, which a simulation has
        }
        co_return absl::OkStatus();
      },
      [](Context& context, In<Counted>& in) -> Task<> {
        while (auto item = co_await in.Receive()) {
          absl::Status slept = co_await context.Sleep(absl::Milliseconds(1));
          if (!slept.ok()) co_return slept;
        }
        co_return in.status();
      });
  EXPECT_TRUE(RunToEnd(engine(), graph).ok());
}

// --- What cannot work is refused ---

class PolicyCheckTest : public testing::WeirTest {
 protected:
  std::string Refusal(ChannelOptions options, bool divert_to_itself = false) {
    Graph& graph = NewGraph("camera");
    auto& source = graph.Add<ProbeSource<int>>(
        "source", [](Context&, Out<int>&) -> Task<> { co_return absl::OkStatus(); });
    auto& sink = graph.Add<ProbeSink<int>>(
        "sink", [](Context&, In<int>& in) -> Task<> { co_return in.status(); });
    graph.Connect(source.out, sink.in, options);
    if (divert_to_itself) source.out.DivertTo(source.out);
    return std::string(graph.Check().message());
  }
};

TEST_F(PolicyCheckTest, Check_RefusesWhatCannotWork_SayingWhatToDo) {
  EXPECT_EQ(Refusal({.patience = absl::Seconds(1)}),
            "graph 'camera' cannot run: output 'source.out' has a patience, but blocks when its "
            "channel is full; say with `when_full` what it does when the patience has ended");
  EXPECT_EQ(Refusal({.when_full = WhenFull::kFail, .patience = -absl::Seconds(1)}),
            "graph 'camera' cannot run: output 'source.out' has a patience of -1s; it cannot be "
            "negative");
  EXPECT_EQ(
      Refusal({.when_full = WhenFull::kDivert}),
      "graph 'camera' cannot run: output 'source.out' diverts, but not to anywhere; say where "
      "to with DivertTo");
  EXPECT_EQ(
      Refusal({.when_full = WhenFull::kDivert}, true),
      "graph 'camera' cannot run: output 'source.out' diverts in a circle; let one of them do "
      "something else");
  EXPECT_EQ(Refusal({.bytes = 0}),
            "graph 'camera' cannot run: the channel from 'source.out' to 'sink.in' is bounded to 0 "
            "bytes; leave the bound out, or give it one that lets an item in");
  EXPECT_EQ(Refusal({.capacity = kUnboundedItems}),
            "graph 'camera' cannot run: the channel into 'sink.in' is bounded neither in items nor in "
            "bytes; give it `bytes`, or a capacity");
  EXPECT_EQ(Refusal({.capacity = SIZE_MAX / 2 + 1, .bytes = 100}),
            "graph 'camera' cannot run: the channel into 'sink.in' has capacity " +
                std::to_string(SIZE_MAX / 2 + 1) +
                ", and no memory holds as many items of 4 bytes; give it a capacity that it can reach, "
                "or kUnboundedItems and `bytes`");
  EXPECT_EQ(Refusal({.capacity = kUnboundedItems, .bytes = SIZE_MAX}),
            "graph 'camera' cannot run: the channel into 'sink.in' is bounded to " +
                std::to_string(SIZE_MAX) +
                " bytes, which no memory holds; give it a bound that it can reach");
}

TEST_P(PolicyTest, BoundedByBytesAlone_HoldsAsManyItemsAsFit) {
  Graph& graph = Join(
      {.capacity = kUnboundedItems, .bytes = 100 * sizeof(Counted)},
      [this](Context&, Out<Counted>& out) -> Task<> {
        std::vector<Counted> items;
        for (int i = 0; i < 300; ++i) items.emplace_back(i);
        gate_ = true;
        auto send = out.SendBatch(items);
        absl::Status sent = co_await send;
        co_return sent;
      },
      ReceiveLater());
  const Report report = RunToEnd(engine(), graph);
  EXPECT_TRUE(report.ok()) << report.status;
  EXPECT_EQ(received_.size(), 300u);
  EXPECT_TRUE(std::is_sorted(received_.begin(), received_.end()));
  EXPECT_GT(report.channels[0].ledger.high_water, 64u);
  EXPECT_LE(report.channels[0].ledger.high_water, 100u);
}

TEST_F(PolicyCheckTest, Description_NamesPoliciesAndBytes_AndIsReadBack) {
  Graph& graph = NewGraph("camera");
  std::vector<int> got;
  From(graph, "numbers", FromVector<int>({1}))
      .ForEach("add", [&](int n) { got.push_back(n); },
               {.bytes = 4096, .when_full = WhenFull::kDropOldest});
  const Report described = Describe(graph);
  EXPECT_NE(ToDot(described).find("drop_oldest"), std::string::npos);
  EXPECT_NE(ToDot(described).find("4096 bytes"), std::string::npos);
  absl::StatusOr<Report> read = FromJson(ToJson(described));
  ASSERT_TRUE(read.ok()) << read.status();
  EXPECT_EQ(read->channels[0].policies, described.channels[0].policies);
  EXPECT_EQ(read->channels[0].bytes, 4096u);
}

TEST_P(PolicyTest, DropNewest_SendWithinLessThanNoTime_IsAsWithinNone) {
  absl::Status within_none, within_less;
  Graph& graph = Join(
      {.capacity = 1, .when_full = WhenFull::kDropNewest},
      [&](Context&, Out<Counted>& out) -> Task<> {
        Counted a(0), b(1), c(2);
        auto first = out.Send(a);
        (co_await first).IgnoreError();
        auto none = out.SendWithin(absl::ZeroDuration(), b);
        within_none = co_await none;
        auto less = out.SendWithin(absl::Milliseconds(-1), c);
        within_less = co_await less;
        gate_ = true;
        co_return absl::OkStatus();
      },
      ReceiveLater());
  RunToEnd(engine(), graph);
  EXPECT_TRUE(within_none.ok()) << within_none;
  EXPECT_TRUE(within_less.ok()) << within_less;
}

// Beside another sender, who waits.
TEST_P(PolicyTest, Fail_ABatchOfNothing_IsSent) {
  Graph& graph = NewGraph();
  auto& waits = graph.Add<ProbeSource<Counted>>("waits", [](Context&, Out<Counted>& out) -> Task<> {
    std::vector<Counted> items;
    for (int i = 0; i < 2; ++i) items.emplace_back(i);
    auto send = out.SendBatch(items);
    absl::Status sent = co_await send;
    co_return sent;
  });
  auto& fails =
      graph.Add<ProbeSource<Counted>>("fails", [&](Context& context, Out<Counted>& out) -> Task<> {
        auto sleep = context.Sleep(absl::Milliseconds(20));
        absl::Status slept = co_await sleep;
        if (!slept.ok()) co_return slept;
        std::vector<Counted> nothing;
        auto send = out.SendBatch(nothing);
        absl::Status sent = co_await send;
        EXPECT_TRUE(sent.ok()) << sent;
        gate_ = true;
        co_return absl::OkStatus();
      });
  auto& sink = graph.Add<ProbeSink<Counted>>("sink", ReceiveLater());
  graph.Connect(waits.out, sink.in, {.capacity = 1});
  graph.Connect(fails.out, sink.in, {.capacity = 1, .when_full = WhenFull::kFail});
  const Report report = RunToEnd(engine(), graph);
  EXPECT_TRUE(report.ok()) << report.status;
}

}  // namespace
}  // namespace weir
