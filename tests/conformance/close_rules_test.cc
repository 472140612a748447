// How a channel ends, from either side. Where the same rules are held elsewhere: see channel_rules_test.cc.
#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <cstdint>
#include <string>
#include <vector>

#include "weir/testing.h"

namespace weir::testing {
namespace {

class CloseRules : public EveryEngineTest {
 protected:
  // Sends without end; counts what was sent, and notes how it ended.
  struct Sender {
    uint64_t sent = 0;
    absl::Status end;
    bool kept_its_item = false;
  };
  ProbeSource<Counted>& AddSender(Graph& graph, std::string_view name, Sender& sender) {
    return graph.Add<ProbeSource<Counted>>(name, [&sender](Context&, Out<Counted>& out) -> Task<> {
      while (true) {
        Counted item(static_cast<int>(sender.sent));
        auto send = out.Send(item);
        sender.end = co_await send;
        if (!sender.end.ok()) {
          sender.kept_its_item = item.value() == static_cast<int>(sender.sent);
          co_return sender.end;
        }
        ++sender.sent;
      }
    });
  }
};

WEIR_ON_EVERY_ENGINE(CloseRules);

// A send that races with the receiver's end has either sent, and its item is received or unread, or it was refused, and its item is
// still its sender's; never both, never neither. Go: TestPseudoRandomSend and the close races; tokio: dropping_rx_closes_channel.
TEST_P(CloseRules, ASendThatRacesWithClose_EndsInExactlyOneResult) {
  for (size_t capacity = 1; capacity <= 4; ++capacity) {
    for (int wanted = 0; wanted < 20; ++wanted) {
      Graph& graph = NewGraph();
      Sender senders[2];
      std::vector<int> received;
      auto& sink = graph.Add<ProbeSink<Counted>>("sink", [&](Context&, In<Counted>& in) -> Task<> {
        for (int i = 0; i < wanted; ++i) {
          auto item = co_await in.Receive();
          if (!item.has_value()) break;
          received.push_back(item->value());
        }
        co_return absl::OkStatus();
      });
      graph.Connect(AddSender(graph, "a", senders[0]).out, sink.in, {.capacity = capacity});
      graph.Connect(AddSender(graph, "b", senders[1]).out, sink.in, {.capacity = capacity});
      const Report report = RunToEnd(engine(), graph);
      ASSERT_TRUE(report.ok()) << report.status;
      const Ledger& ledger = report.channels[0].ledger;
      EXPECT_EQ(received.size(), static_cast<size_t>(wanted));
      EXPECT_EQ(ledger.accepted, senders[0].sent + senders[1].sent);
      EXPECT_EQ(ledger.accepted, received.size() + ledger.unread);
      EXPECT_EQ(ledger.refused, 2u);
      for (const Sender& sender : senders) {
        EXPECT_TRUE(absl::IsOutOfRange(sender.end)) << sender.end;
        EXPECT_TRUE(sender.kept_its_item);
      }
    }
  }
}

// When the senders have ended, the receiver takes what is queued, and only then sees the end. Go: receiving from a closed channel
// with items; crossbeam: recv_after_disconnect; tokio: tx_close_gets_none.
TEST_P(CloseRules, WhatIsQueuedComesBeforeTheEnd) {
  for (int items : {0, 1, 5, 8}) {
    Graph& graph = NewGraph();
    std::atomic<bool> sent_all{false};
    auto& source = graph.Add<ProbeSource<Counted>>(
        "source", [&, items](Context&, Out<Counted>& out) -> Task<> {
          for (int i = 0; i < items; ++i) {
            Counted item(i);
            auto send = out.Send(item);
            absl::Status sent = co_await send;
            if (!sent.ok()) co_return sent;
          }
          sent_all = true;
          co_return absl::OkStatus();
        });
    int received = 0;
    auto& sink =
        graph.Add<ProbeSink<Counted>>("sink", [&](Context& context, In<Counted>& in) -> Task<> {
          auto until = Until(context, sent_all);
          absl::Status status = co_await until;
          if (!status.ok()) co_return status;
          while (auto item = co_await in.Receive()) EXPECT_EQ(item->value(), received++);
          co_return in.status();
        });
    graph.Connect(source.out, sink.in, {.capacity = 8});
    EXPECT_TRUE(RunToEnd(engine(), graph).ok());
    EXPECT_EQ(received, items);
  }
}

// Every receiver sees the end, however many wait, and whoever asks again sees it again. Go: close wakes all receivers; crossbeam:
// disconnect_wakes_receiver; Reactive Streams 1.7: after the end nothing more is signalled.
TEST_P(CloseRules, TheEndIsSeenByEveryReceiver_AndStays) {
  Graph& graph = NewGraph();
  std::atomic<int> waiting{0};
  std::atomic<bool> all_wait{false};
  auto& source =
      graph.Add<ProbeSource<Counted>>("source", [&](Context& context, Out<Counted>&) -> Task<> {
        auto until = Until(context, all_wait);
        absl::Status status = co_await until;
        co_return status;
      });
  std::atomic<int> ends{0};
  auto& sink = graph.Add<ProbeSink<Counted>>("sink", [&](Context&, In<Counted>& in) -> Task<> {
    if (++waiting == 4) all_wait = true;
    for (int i = 0; i < 3; ++i) {
      auto item = co_await in.Receive();
      ends += !item.has_value();
    }
    auto timed = in.ReceiveWithin(absl::Seconds(1));
    absl::StatusOr<Counted> item = co_await timed;
    EXPECT_TRUE(absl::IsOutOfRange(item.status())) << item.status();
    co_return in.status();
  });
  sink.set_workers(4);
  graph.Connect(source.out, sink.in);
  EXPECT_TRUE(RunToEnd(engine(), graph).ok());
  EXPECT_EQ(ends, 12);
}

// A channel ends with the last of its senders, not with the first. Go: a closed channel stays closed, so nobody closes for others;
// tokio and crossbeam: a clone of the sender keeps the channel open.
TEST_P(CloseRules, AChannelEndsWithItsLastSender) {
  Graph& graph = NewGraph();
  std::atomic<bool> received{false};
  int values = 0;
  auto& sink = graph.Add<ProbeSink<Counted>>("sink", [&](Context&, In<Counted>& in) -> Task<> {
    while (auto item = co_await in.Receive()) {
      received = true;
      ++values;
    }
    co_return in.status();
  });
  for (int s = 0; s < 3; ++s) {
    auto& source = graph.Add<ProbeSource<Counted>>(
        "source" + std::to_string(s), [&, s](Context& context, Out<Counted>& out) -> Task<> {
          if (s == 2) {  // the others have ended, or will, and the channel is open
            auto until = Until(context, received);
            absl::Status status = co_await until;
            if (!status.ok()) co_return status;
          }
          Counted item(s);
          auto send = out.Send(item);
          absl::Status sent = co_await send;
          co_return sent;
        });
    graph.Connect(source.out, sink.in, {.capacity = 1});
  }
  EXPECT_TRUE(RunToEnd(engine(), graph).ok());
  EXPECT_EQ(values, 3);
}

// When the receiver ends, every sender that waits is told, and what was queued is destroyed and counted as unread. crossbeam:
// disconnect_wakes_sender, drops; tokio: dropping_rx_closes_channel.
TEST_P(CloseRules, AReceiverThatEndsWakesEverySender_AndWhatIsLeftIsUnread) {
  constexpr int kSenders = 4;
  Graph& graph = NewGraph();
  Sender senders[kSenders];
  auto& sink = graph.Add<ProbeSink<Counted>>("sink", [&](Context& context, In<Counted>&) -> Task<> {
    for (int i = 0; i < 50; ++i) co_await context.Yield();
    co_return absl::OkStatus();
  });
  for (int s = 0; s < kSenders; ++s) {
    graph.Connect(AddSender(graph, "source" + std::to_string(s), senders[s]).out, sink.in,
                  {.capacity = 3});
  }
  const Report report = RunToEnd(engine(), graph);
  EXPECT_TRUE(report.ok()) << report.status;
  EXPECT_LE(report.channels[0].ledger.unread, 3u);
  EXPECT_EQ(report.channels[0].ledger.unread, report.channels[0].ledger.accepted);
  for (const Sender& sender : senders) EXPECT_TRUE(absl::IsOutOfRange(sender.end)) << sender.end;
  EXPECT_EQ(CountedItems::alive(), 0);
}

// Whoever sends after the end is refused each time. Go: a send on a closed channel never succeeds; Reactive Streams 1.7.
TEST_P(CloseRules, AfterTheEndEverySendIsRefused) {
  Graph& graph = NewGraph();
  int refused = 0;
  auto& source =
      graph.Add<ProbeSource<Counted>>("source", [&](Context&, Out<Counted>& out) -> Task<> {
        absl::Status sent;
        while (sent.ok()) {
          Counted item(0);
          auto send = out.Send(item);
          sent = co_await send;
        }
        for (int i = 0; i < 3; ++i) {
          Counted item(1);
          auto send = out.SendWithin(absl::ZeroDuration(), item);
          absl::Status again = co_await send;
          refused += absl::IsOutOfRange(again) && item.value() == 1;
        }
        co_return sent;
      });
  auto& sink = graph.Add<ProbeSink<Counted>>(
      "sink", [](Context&, In<Counted>&) -> Task<> { co_return absl::OkStatus(); });
  graph.Connect(source.out, sink.in, {.capacity = 1});
  EXPECT_TRUE(RunToEnd(engine(), graph).ok());
  EXPECT_EQ(refused, 3);
}

}  // namespace
}  // namespace weir::testing
