#include "weir/core/port.h"

#include <algorithm>
#include <atomic>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "weir/testing.h"

namespace weir::testing {
namespace {

using Values = std::vector<int>;
using SendTo = Out<Counted>;
using ReceiveFrom = In<Counted>;

// A source and a sink with a channel between them. Where one has to wait for the other it does so by a flag.
class PortTest : public EveryEngineTest {
 protected:
  ProbeSource<Counted>& Source(ProbeSource<Counted>::Body body) {
    return graph_.Add<ProbeSource<Counted>>("source", std::move(body));
  }
  ProbeSink<Counted>& Sink(ProbeSink<Counted>::Body body) {
    return graph_.Add<ProbeSink<Counted>>("sink", std::move(body));
  }
  Report RunPair(size_t capacity, ProbeSource<Counted>::Body source,
                 ProbeSink<Counted>::Body sink) {
    graph_.Connect(Source(std::move(source)).out, Sink(std::move(sink)).in, {.capacity = capacity});
    return RunToEnd(engine(), graph_);
  }
  // A sink that receives all.
  ProbeSink<Counted>::Body ReceiveAll() {
    return [this](Context&, ReceiveFrom& in) -> Task<> {
      while (auto item = co_await in.Receive()) received_.push_back(item->value());
      co_return in.status();
    };
  }
  // The same, once `flag_` is set.
  ProbeSink<Counted>::Body ReceiveAllAfterFlag() {
    return [this](Context& context, ReceiveFrom& in) -> Task<> {
      auto until = Until(context, flag_);
      absl::Status status = co_await until;
      if (!status.ok()) co_return status;
      while (auto item = co_await in.Receive()) received_.push_back(item->value());
      co_return in.status();
    };
  }
  // A source that sends these and ends.
  ProbeSource<Counted>::Body SendAll(Values values) {
    return [this, values](Context&, SendTo& out) -> Task<> {
      for (int value : values) {
        Counted item(value);
        auto send = out.Send(item);
        absl::Status sent = co_await send;
        if (!sent.ok()) co_return sent;
      }
      flag_ = true;
      co_return absl::OkStatus();
    };
  }
  static Values Iota(int n) {
    Values values;
    for (int i = 0; i < n; ++i) values.push_back(i);
    return values;
  }
  static const Ledger& LedgerOf(const Report& report) { return report.channels.at(0).ledger; }

  Graph& graph_ = NewGraph();
  std::atomic<bool> flag_{false};
  std::atomic<bool> other_flag_{false};
  Values received_;
};
WEIR_ON_EVERY_ENGINE(PortTest);

// --- Send ---

TEST_P(PortTest, Send_ThroughASmallChannel_AllArriveInOrder) {
  for (size_t capacity : {1u, 3u}) {
    Graph& graph = NewGraph();
    received_.clear();
    auto& source = graph.Add<ProbeSource<Counted>>("source", SendAll(Iota(200)));
    auto& sink = graph.Add<ProbeSink<Counted>>("sink", ReceiveAll());
    graph.Connect(source.out, sink.in, {.capacity = capacity});
    Report report = RunToEnd(engine(), graph);
    EXPECT_TRUE(report.ok()) << report.status;
    EXPECT_EQ(received_, Iota(200));
    EXPECT_EQ(LedgerOf(report).received, 200u);
    EXPECT_LE(LedgerOf(report).high_water, capacity);
  }
}

TEST_P(PortTest, Send_Ok_ItemIsMovedFrom) {
  bool moved_from = false;
  RunPair(
      1,
      [&](Context&, SendTo& out) -> Task<> {
        Counted item(1);
        auto send = out.Send(item);
        absl::Status sent = co_await send;
        moved_from = item.moved_from();
        co_return sent;
      },
      ReceiveAll());
  EXPECT_TRUE(moved_from);
}

TEST_P(PortTest, SendWithin_TimesOut_ItemStaysWithSender) {
  absl::Status late, sent;
  int kept = 0;
  Report report = RunPair(
      1,
      [&](Context&, SendTo& out) -> Task<> {
        Counted first(1), item(2);
        auto fill = out.Send(first);
        sent = co_await fill;
        auto send = out.SendWithin(absl::Milliseconds(1), item);
        late = co_await send;
        kept = item.value();
        flag_ = true;
        auto again = out.Send(item);
        sent = co_await again;
        co_return sent;
      },
      ReceiveAllAfterFlag());
  EXPECT_TRUE(report.ok()) << report.status;
  EXPECT_TRUE(absl::IsDeadlineExceeded(late)) << late;
  EXPECT_EQ(late.message(), "");
  EXPECT_EQ(kept, 2);
  EXPECT_EQ(received_, (Values{1, 2}));
  EXPECT_EQ(LedgerOf(report).refused, 1u);
}

TEST_P(PortTest, SendWithin_Zero_TriesOnce) {
  absl::Status with_room, full;
  RunPair(
      1,
      [&](Context&, SendTo& out) -> Task<> {
        Counted first(1), second(2);
        auto send = out.SendWithin(absl::ZeroDuration(), first);
        with_room = co_await send;
        auto again = out.SendWithin(absl::ZeroDuration(), second);
        full = co_await again;
        flag_ = true;
        co_return absl::OkStatus();
      },
      ReceiveAllAfterFlag());
  EXPECT_TRUE(with_room.ok()) << "sent comes before timed out";
  EXPECT_TRUE(absl::IsDeadlineExceeded(full));
  EXPECT_EQ(received_, Values{1});
}

TEST_P(PortTest, SendWithin_TimeAgainstRoom_EndsInExactlyOneWay) {
  absl::Status sent;
  RunPair(
      1,
      [&](Context&, SendTo& out) -> Task<> {
        Counted first(1), second(2);
        auto fill = out.Send(first);
        absl::Status filled = co_await fill;
        flag_ = true;
        auto send = out.SendWithin(absl::Microseconds(20), second);
        sent = co_await send;
        EXPECT_EQ(second.moved_from(), sent.ok());
        co_return filled;
      },
      ReceiveAllAfterFlag());
  EXPECT_TRUE(sent.ok() || absl::IsDeadlineExceeded(sent)) << sent;
  EXPECT_EQ(received_, sent.ok() ? (Values{1, 2}) : Values{1});
}

TEST_P(PortTest, Send_ReceiverHasEnded_IsOutOfRange_AndNoFailure) {
  absl::Status sent;
  int kept = 0;
  Report report = RunPair(
      4,
      [&](Context& context, SendTo& out) -> Task<> {
        while (!out.refused()) co_await context.Yield();
        Counted item(7);
        auto send = out.Send(item);
        sent = co_await send;
        kept = item.value();
        co_return sent;
      },
      [&](Context&, ReceiveFrom&) -> Task<> { co_return absl::OkStatus(); });
  EXPECT_TRUE(absl::IsOutOfRange(sent)) << "closed comes before sent: there was room";
  EXPECT_EQ(kept, 7);
  EXPECT_TRUE(report.ok()) << report.status;
  EXPECT_TRUE(report.stages[0].outcome.ok());
  EXPECT_EQ(LedgerOf(report).refused, 1u);
}

TEST_P(PortTest, SendWithin_ZeroAfterTheReceiverHasEnded_IsOutOfRange) {
  absl::Status sent;
  RunPair(
      1,
      [&](Context& context, SendTo& out) -> Task<> {
        while (!out.refused()) co_await context.Yield();
        Counted item(7);
        auto send = out.SendWithin(absl::ZeroDuration(), item);
        sent = co_await send;
        co_return absl::OkStatus();
      },
      [&](Context&, ReceiveFrom&) -> Task<> { co_return absl::OkStatus(); });
  EXPECT_TRUE(absl::IsOutOfRange(sent)) << "closed comes before timed out";
}

TEST_P(PortTest, Send_WaitingAsTheReceiverEnds_IsOutOfRange) {
  absl::Status sent;
  Report report = RunPair(
      1,
      [&](Context&, SendTo& out) -> Task<> {
        Counted first(1), second(2);
        auto fill = out.Send(first);
        absl::Status filled = co_await fill;
        flag_ = true;
        auto send = out.Send(second);
        sent = co_await send;
        EXPECT_EQ(second.value(), 2);
        co_return filled;
      },
      [&](Context& context, ReceiveFrom&) -> Task<> {
        auto until = Until(context, flag_);
        absl::Status status = co_await until;
        co_return status;
      });
  EXPECT_TRUE(absl::IsOutOfRange(sent)) << sent;
  EXPECT_TRUE(report.ok()) << report.status;
  EXPECT_EQ(LedgerOf(report).unread, 1u);
}

TEST_P(PortTest, Send_WaitingAsTheRunIsCancelled_IsCancelled) {
  absl::Status sent;
  graph_.Connect(Source([&](Context&, SendTo& out) -> Task<> {
                   Counted first(1), second(2);
                   auto fill = out.Send(first);
                   absl::Status filled = co_await fill;
                   flag_ = true;
                   auto send = out.Send(second);
                   sent = co_await send;
                   EXPECT_EQ(second.value(), 2);
                   if (!filled.ok()) sent = filled;
                   co_return sent;
                 }).out,
                 Sink([&](Context& context, ReceiveFrom&) -> Task<> {
                   auto until = Until(context, flag_);
                   absl::Status status = co_await until;
                   if (status.ok()) status = absl::AbortedError("stop");
                   co_return status;
                 }).in,
                 {.capacity = 1});
  Report report = RunToEnd(engine(), graph_);
  EXPECT_TRUE(absl::IsCancelled(sent)) << sent;
  EXPECT_TRUE(absl::IsAborted(report.status)) << report.status;
  EXPECT_EQ(LedgerOf(report).discarded, 1u);
  EXPECT_EQ(LedgerOf(report).refused, 1u);
}

TEST_P(PortTest, Send_BoundByACancelledContext_IsCancelled_RunGoesOn) {
  absl::Status sent, closed_and_cancelled;
  Report report = RunPair(
      4,
      [&](Context& context, SendTo& out) -> Task<> {
        Counted item(1);
        Context bound = context.WithCancel();
        bound.Cancel(absl::AbortedError("not now"));
        auto send = out.Send(item, bound);
        sent = co_await send;
        auto again = out.Send(item);
        absl::Status status = co_await again;
        flag_ = true;
        while (!out.refused()) co_await context.Yield();
        auto third = out.Send(item, bound);
        closed_and_cancelled = co_await third;
        co_return status;
      },
      [&](Context&, ReceiveFrom& in) -> Task<> {
        std::optional<Counted> item = co_await in.Receive();
        if (item.has_value()) received_.push_back(item->value());
        co_return absl::OkStatus();
      });
  EXPECT_TRUE(report.ok()) << report.status;
  EXPECT_TRUE(absl::IsCancelled(sent)) << "cancelled comes before sent";
  EXPECT_TRUE(absl::IsCancelled(closed_and_cancelled)) << "cancelled comes before closed";
  EXPECT_EQ(received_, Values{1});
}

TEST_P(PortTest, Send_BoundByAContextThatEndsWhileItWaits_IsCancelled) {
  absl::Status sent, cause;
  int kept = 0;
  Report report = RunPair(
      1,
      [&](Context& context, SendTo& out) -> Task<> {
        Counted first(1), second(2);
        auto fill = out.Send(first);
        absl::Status filled = co_await fill;
        {
          Context bound = context.WithTimeout(absl::Milliseconds(1));
          auto send = out.Send(second, bound);
          sent = co_await send;
          cause = bound.cause();
        }
        kept = second.value();
        flag_ = true;
        co_return filled;
      },
      ReceiveAllAfterFlag());
  EXPECT_TRUE(report.ok()) << report.status;
  EXPECT_TRUE(absl::IsCancelled(sent)) << sent;
  EXPECT_TRUE(absl::IsDeadlineExceeded(cause)) << cause;
  EXPECT_EQ(kept, 2);
  EXPECT_EQ(received_, Values{1});
}

TEST_P(PortTest, SeveralOuts_EachSendersItemsStayInOrder) {
  constexpr int kEach = 60;
  std::vector<Values> from(3);
  auto& sink = Sink([&](Context&, ReceiveFrom& in) -> Task<> {
    while (auto item = co_await in.Receive())
      from[item->value() / 1000].push_back(item->value() % 1000);
    co_return in.status();
  });
  for (int s = 0; s < 3; ++s) {
    Values values;
    for (int i = 0; i < kEach; ++i) values.push_back(1000 * s + i);
    auto& source = graph_.Add<ProbeSource<Counted>>("source" + std::to_string(s), SendAll(values));
    graph_.Connect(source.out, sink.in);
  }
  EXPECT_TRUE(RunToEnd(engine(), graph_).ok());
  for (const Values& values : from) EXPECT_EQ(values, Iota(kEach));
}

TEST_P(PortTest, Out_IsClosedWhenTheLastWorkerOfItsStageHasEnded) {
  std::atomic<int> ended{0};
  int seen_ended = 0;
  auto& source = Source([&](Context& context, SendTo& out) -> Task<> {
    Counted item(1);
    auto send = out.Send(item);
    absl::Status sent = co_await send;
    for (int i = 0; i < 10; ++i) co_await context.Yield();
    ended.fetch_add(1);
    co_return sent;
  });
  source.set_workers(3);
  graph_.Connect(source.out, Sink([&](Context&, ReceiveFrom& in) -> Task<> {
                               while (auto item = co_await in.Receive())
                                 received_.push_back(item->value());
                               seen_ended = ended.load();
                               co_return in.status();
                             }).in);
  EXPECT_TRUE(RunToEnd(engine(), graph_).ok());
  EXPECT_EQ(received_.size(), 3u);
  EXPECT_EQ(seen_ended, 3);
}

// --- SendBatch ---

TEST_P(PortTest, SendBatch_LargerThanTheChannel_SendsAsRoomAppears) {
  bool empty = false;
  Report report = RunPair(
      3,
      [&](Context&, SendTo& out) -> Task<> {
        std::vector<Counted> items;
        for (int i = 0; i < 50; ++i) items.emplace_back(i);
        auto send = out.SendBatch(items);
        absl::Status sent = co_await send;
        empty = items.empty();
        co_return sent;
      },
      ReceiveAll());
  EXPECT_TRUE(report.ok());
  EXPECT_TRUE(empty);
  EXPECT_EQ(received_, Iota(50));
  EXPECT_LE(LedgerOf(report).high_water, 3u);
}

TEST_P(PortTest, SendBatch_OfNothing_IsOk) {
  absl::Status sent = absl::UnknownError("not tried");
  RunPair(
      1,
      [&](Context&, SendTo& out) -> Task<> {
        std::vector<Counted> items;
        auto send = out.SendBatch(items);
        sent = co_await send;
        co_return sent;
      },
      ReceiveAll());
  EXPECT_TRUE(sent.ok()) << sent;
}

TEST_P(PortTest, SendBatch_ReceiverEnds_TheRestStaysInOrder) {
  Values left;
  absl::Status sent;
  Report report = RunPair(
      2,
      [&](Context&, SendTo& out) -> Task<> {
        std::vector<Counted> items;
        for (int i = 0; i < 10; ++i) items.emplace_back(i);
        auto send = out.SendBatch(items);
        sent = co_await send;
        for (const Counted& item : items) left.push_back(item.value());
        co_return sent;
      },
      [&](Context&, ReceiveFrom& in) -> Task<> {
        for (int i = 0; i < 3; ++i) {
          std::optional<Counted> item = co_await in.Receive();
          if (item.has_value()) received_.push_back(item->value());
        }
        co_return absl::OkStatus();
      });
  EXPECT_TRUE(report.ok()) << report.status;
  EXPECT_TRUE(absl::IsOutOfRange(sent));
  EXPECT_EQ(received_, Iota(3));
  // What was in the channel is unread; what had not been sent is the sender's.
  const Ledger& ledger = LedgerOf(report);
  EXPECT_EQ(ledger.accepted + left.size(), 10u);
  EXPECT_EQ(ledger.refused, left.size());
  for (size_t i = 0; i < left.size(); ++i)
    EXPECT_EQ(left[i], static_cast<int>(10 - left.size() + i));
}

TEST_P(PortTest, SendBatch_BoundByAContextThatEnds_TheRestStays) {
  size_t left = 0;
  absl::Status sent;
  RunPair(
      4,
      [&](Context& context, SendTo& out) -> Task<> {
        std::vector<Counted> items;
        for (int i = 0; i < 10; ++i) items.emplace_back(i);
        {
          Context bound = context.WithTimeout(absl::Milliseconds(1));
          auto send = out.SendBatch(items, bound);
          sent = co_await send;
        }
        left = items.size();
        flag_ = true;
        co_return absl::OkStatus();
      },
      ReceiveAllAfterFlag());
  EXPECT_TRUE(absl::IsCancelled(sent)) << sent;
  EXPECT_EQ(left, 6u);
  EXPECT_EQ(received_, Iota(4));
}

// A std::vector<bool> has no bools that lie side by side.
TEST_P(PortTest, SendBatch_OfBools_TheRestStaysInOrder) {
  const std::vector<bool> all = {true, true, false, true, false, false, true, false};
  std::vector<bool> received, left = all;
  absl::Status sent;
  auto& source =
      graph_.Add<ProbeSource<bool>>("source", [&](Context&, Out<bool>& out) -> Task<> {
        auto send = out.SendBatch(left);
        sent = co_await send;
        co_return sent;
      });
  auto& sink = graph_.Add<ProbeSink<bool>>("sink", [&](Context&, In<bool>& in) -> Task<> {
    for (int i = 0; i < 3; ++i) {
      std::optional<bool> item = co_await in.Receive();
      if (item.has_value()) received.push_back(*item);
    }
    co_return absl::OkStatus();
  });
  graph_.Connect(source.out, sink.in, {.capacity = 2});
  EXPECT_TRUE(RunToEnd(engine(), graph_).ok());
  EXPECT_TRUE(absl::IsOutOfRange(sent)) << sent;
  EXPECT_EQ(received, std::vector<bool>(all.begin(), all.begin() + 3));
  EXPECT_EQ(left, std::vector<bool>(all.end() - static_cast<int>(left.size()), all.end()));
}

// Two streams without an end: neither is served at the cost of the other.
TEST_P(PortTest, TwoOutsOfOneIn_ShareItEvenly) {
  constexpr int kAll = 4000;
  Graph& graph = NewGraph();
  int counts[2] = {0, 0};
  auto& sink = graph.Add<ProbeSink<int>>("sink", [&](Context&, In<int>& in) -> Task<> {
    for (int i = 0; i < kAll; ++i) {
      auto receive = in.Receive();
      std::optional<int> item = co_await receive;
      if (!item) co_return in.status();
      ++counts[*item];
    }
    co_return absl::OkStatus();
  });
  for (const int which : {0, 1}) {
    auto& source = graph.Add<ProbeSource<int>>(
        "source" + std::to_string(which), [which](Context&, Out<int>& out) -> Task<> {
          while (true) {
            int item = which;
            auto send = out.Send(item);
            absl::Status sent = co_await send;
            if (!sent.ok()) co_return sent;
          }
        });
    graph.Connect(source.out, sink.in);
  }
  EXPECT_TRUE(RunToEnd(engine(), graph).ok());
  // On several threads the run may be over before the second one's thread has come: the order is drawn, or one thread's, here.
  if (GetParam().threads > 1) return;
  EXPECT_GT(counts[0], kAll / 3);
  EXPECT_GT(counts[1], kAll / 3);
}

// --- Receive ---

TEST_P(PortTest, Receive_AtTheEnd_GivesNothing_AndStatusIsOk) {
  absl::Status status = absl::UnknownError("not asked");
  RunPair(4, SendAll({1, 2}), [&](Context&, ReceiveFrom& in) -> Task<> {
    while (auto item = co_await in.Receive()) received_.push_back(item->value());
    std::optional<Counted> more = co_await in.Receive();
    EXPECT_FALSE(more.has_value()) << "an end stays an end";
    status = in.status();
    co_return status;
  });
  EXPECT_EQ(received_, (Values{1, 2}));
  EXPECT_TRUE(status.ok()) << status;
}

TEST_P(PortTest, Receive_CutOffByAFailure_IsNoEnd) {
  absl::Status status;
  Report report = RunPair(
      4,
      [&](Context&, SendTo& out) -> Task<> {
        Counted item(1);
        auto send = out.Send(item);
        absl::Status sent = co_await send;
        if (sent.ok()) sent = absl::DataLossError("the rest is missing");
        co_return sent;
      },
      [&](Context&, ReceiveFrom& in) -> Task<> {
        while (auto item = co_await in.Receive()) received_.push_back(item->value());
        status = in.status();
        co_return status;
      });
  EXPECT_EQ(report.status, absl::DataLossError("stage 'source': the rest is missing"));
  // Unless the sink had not begun when it happened.
  if (!status.ok()) {
    EXPECT_TRUE(absl::IsCancelled(status)) << status;
  }
  if (status.ok()) {
    EXPECT_EQ(received_, Values());
  }
}

TEST_P(PortTest, ReceiveWithin_NothingComes_IsDeadlineExceeded) {
  absl::StatusOr<Counted> zero = absl::UnknownError(""), finite = absl::UnknownError("");
  Report report = RunPair(
      1,
      [&](Context& context, SendTo& out) -> Task<> {
        auto until = Until(context, flag_);
        absl::Status status = co_await until;
        Counted item(5);
        auto send = out.Send(item);
        absl::Status sent = co_await send;
        status.Update(sent);
        co_return status;
      },
      [&](Context&, ReceiveFrom& in) -> Task<> {
        auto once = in.ReceiveWithin(absl::ZeroDuration());
        zero = co_await once;
        auto patient = in.ReceiveWithin(absl::Milliseconds(1));
        finite = co_await patient;
        flag_ = true;
        while (auto item = co_await in.Receive()) received_.push_back(item->value());
        co_return in.status();
      });
  EXPECT_TRUE(report.ok()) << report.status;
  EXPECT_TRUE(absl::IsDeadlineExceeded(zero.status())) << zero.status();
  EXPECT_TRUE(absl::IsDeadlineExceeded(finite.status())) << finite.status();
  EXPECT_EQ(received_, Values{5});
}

// The loop of the README, with a bound: what it has received by then is not the whole input.
TEST_P(PortTest, Receive_EndedByItsOwnContext_StatusIsNotOk) {
  std::vector<absl::Status> statuses;
  const Report report = RunPair(
      1,
      [&](Context& context, SendTo& out) -> Task<> {
        Counted item(1);
        auto send = out.Send(item);
        absl::Status sent = co_await send;
        if (!sent.ok()) co_return sent;
        other_flag_ = true;
        auto until = Until(context, flag_);
        absl::Status status = co_await until;
        Counted last(2);
        auto send_last = out.Send(last);
        if (status.ok()) status = co_await send_last;
        co_return status;
      },
      [&](Context& context, ReceiveFrom& in) -> Task<> {
        auto until = Until(context, other_flag_);
        absl::Status sent = co_await until;
        if (!sent.ok()) co_return sent;
        std::optional<Counted> first = co_await in.Receive();
        if (first) received_.push_back(first->value());
        {
          Context attempt = context.WithTimeout(absl::Milliseconds(1));
          while (true) {
            auto receive = in.Receive(attempt);
            std::optional<Counted> item = co_await receive;
            if (!item) break;
            received_.push_back(item->value());
          }
          statuses.push_back(in.status());
          Lease<Counted> lease;
          auto batch = in.ReceiveBatch(lease, 2, attempt);
          const bool more = co_await batch;
          EXPECT_FALSE(more);
          statuses.push_back(in.status());
        }
        auto once = in.ReceiveWithin(absl::ZeroDuration());
        absl::StatusOr<Counted> none = co_await once;
        EXPECT_TRUE(absl::IsDeadlineExceeded(none.status())) << none.status();
        statuses.push_back(in.status());
        flag_ = true;
        while (auto item = co_await in.Receive()) received_.push_back(item->value());
        co_return in.status();
      });
  EXPECT_TRUE(report.ok()) << report.status << ": the end was seen in the end";
  EXPECT_EQ(received_, (Values{1, 2}));
  ASSERT_EQ(statuses.size(), 3u);
  for (const absl::Status& status : statuses) EXPECT_TRUE(absl::IsCancelled(status)) << status;
  EXPECT_NE(statuses[0].message().find("sink.in"), absl::string_view::npos) << statuses[0];
}

TEST_P(PortTest, Select_EndedByItsOwnTime_StatusIsNotOk) {
  absl::Status status;
  const Report report = RunPair(
      1,
      [&](Context& context, SendTo&) -> Task<> {
        auto until = Until(context, flag_);
        absl::Status status = co_await until;
        co_return status;
      },
      [&](Context&, ReceiveFrom& in) -> Task<> {
        std::optional<Counted> into;
        auto receives = in.OnReceive(into);
        auto in_time = Select(receives).Within(absl::Milliseconds(1));
        const Selected late = co_await in_time;
        EXPECT_TRUE(absl::IsDeadlineExceeded(late.status)) << late.status;
        status = in.status();
        flag_ = true;
        auto select = Select(receives);
        const Selected ended = co_await select;
        EXPECT_TRUE(absl::IsOutOfRange(ended.status)) << ended.status;
        co_return in.status();
      });
  EXPECT_TRUE(report.ok()) << report.status;
  EXPECT_TRUE(absl::IsCancelled(status)) << status;
}

TEST_P(PortTest, Receive_EndedByItsOwnContext_TheRunThatTakesItForTheEndFails) {
  const Report report = RunPair(
      1,
      [&](Context& context, SendTo&) -> Task<> {
        auto until = Until(context, flag_);
        absl::Status status = co_await until;
        co_return status;
      },
      [&](Context& context, ReceiveFrom& in) -> Task<> {
        Context attempt = context.WithTimeout(absl::Milliseconds(1));
        while (true) {
          auto receive = in.Receive(attempt);
          std::optional<Counted> item = co_await receive;
          if (!item) break;
        }
        co_return in.status();
      });
  EXPECT_TRUE(absl::IsCancelled(report.status)) << report.status;
}

// Who stops of its own accord after a receive that gave something has not been cut off.
TEST_P(PortTest, Receive_InTimeAgain_StatusIsOk) {
  absl::Status status = absl::UnknownError("not asked");
  RunPair(
      1,
      [&](Context& context, SendTo& out) -> Task<> {
        auto until = Until(context, flag_);
        absl::Status sent = co_await until;
        Counted item(1);
        auto send = out.Send(item);
        if (sent.ok()) sent = co_await send;
        co_return sent;
      },
      [&](Context&, ReceiveFrom& in) -> Task<> {
        auto once = in.ReceiveWithin(absl::ZeroDuration());
        absl::StatusOr<Counted> none = co_await once;
        EXPECT_FALSE(none.ok());
        flag_ = true;
        auto again = in.ReceiveWithin(absl::InfiniteDuration());
        absl::StatusOr<Counted> item = co_await again;
        EXPECT_TRUE(item.ok()) << item.status();
        status = in.status();
        co_return status;
      });
  EXPECT_TRUE(status.ok()) << status;
}

TEST_P(PortTest, ReceiveWithin_Precedence_ItemThenEndThenTimedOut) {
  std::vector<std::string> results;
  RunPair(4, SendAll({1, 2}), [&](Context& context, ReceiveFrom& in) -> Task<> {
    auto until = Until(context, flag_);  // all is sent
    absl::Status status = co_await until;
    while (results.size() < 1000) {
      auto receive = in.ReceiveWithin(absl::ZeroDuration());
      absl::StatusOr<Counted> item = co_await receive;
      if (item.ok()) {
        results.push_back(std::to_string(item->value()));
      } else if (absl::IsOutOfRange(item.status())) {
        results.push_back("end");
        break;
      } else {
        EXPECT_TRUE(absl::IsDeadlineExceeded(item.status()))
            << "the source has sent all, and has not ended yet";
        co_await context.Yield();
      }
    }
    co_return status;
  });
  EXPECT_EQ(results, (std::vector<std::string>{"1", "2", "end"}));
}

TEST_P(PortTest, Receive_BoundByACancelledContext_LeavesTheItemInTheChannel) {
  absl::StatusOr<Counted> bounded = absl::UnknownError("");
  RunPair(4, SendAll({1}), [&](Context& context, ReceiveFrom& in) -> Task<> {
    auto until = Until(context, flag_);  // the item is there
    absl::Status status = co_await until;
    {
      Context bound = context.WithCancel();
      bound.Cancel(absl::AbortedError("not now"));
      auto receive = in.ReceiveWithin(absl::InfiniteDuration(), bound);
      bounded = co_await receive;
      std::optional<Counted> nothing = co_await in.Receive(bound);
      EXPECT_FALSE(nothing.has_value());
    }
    while (auto item = co_await in.Receive()) received_.push_back(item->value());
    co_return status;
  });
  EXPECT_TRUE(absl::IsCancelled(bounded.status())) << "cancelled comes before item";
  EXPECT_EQ(received_, Values{1});
}

TEST_P(PortTest, Receive_BoundByAContextThatEndsWhileItWaits_GivesNothing) {
  absl::Status cause;
  RunPair(
      4,
      [&](Context& context, SendTo& out) -> Task<> {
        auto until = Until(context, flag_);
        absl::Status status = co_await until;
        Counted item(1);
        auto send = out.Send(item);
        absl::Status sent = co_await send;
        status.Update(sent);
        co_return status;
      },
      [&](Context& context, ReceiveFrom& in) -> Task<> {
        {
          Context bound = context.WithTimeout(absl::Milliseconds(1));
          auto receive = in.Receive(bound);
          std::optional<Counted> item = co_await receive;
          EXPECT_FALSE(item.has_value());
          cause = bound.cause();
        }
        flag_ = true;
        while (auto item = co_await in.Receive()) received_.push_back(item->value());
        co_return in.status();
      });
  EXPECT_TRUE(absl::IsDeadlineExceeded(cause)) << cause;
  EXPECT_EQ(received_, Values{1});
}

TEST_P(PortTest, Workers_ShareTheInput_EachItemOnce) {
  std::atomic<int> sum{0}, count{0};
  auto& sink = Sink([&](Context&, ReceiveFrom& in) -> Task<> {
    while (auto item = co_await in.Receive()) {
      sum.fetch_add(item->value());
      count.fetch_add(1);
    }
    co_return in.status();
  });
  sink.set_workers(4);
  graph_.Connect(Source(SendAll(Iota(300))).out, sink.in, {.capacity = 8});
  EXPECT_TRUE(RunToEnd(engine(), graph_).ok());
  EXPECT_EQ(count, 300);
  EXPECT_EQ(sum, 299 * 300 / 2);
}

// --- ReceiveBatch ---

TEST_P(PortTest, ReceiveBatch_NeverWaitsToFill_AndKeepsOrder) {
  uint64_t expected_position = 0;
  size_t largest = 0;
  RunPair(8, SendAll(Iota(100)), [&](Context&, ReceiveFrom& in) -> Task<> {
    Lease<Counted> lease;
    while (true) {
      bool more = co_await in.ReceiveBatch(lease, 5);
      if (!more) break;
      EXPECT_EQ(lease.position(), expected_position);
      largest = std::max(largest, lease.size());
      expected_position += lease.size();
      while (!lease.empty()) {
        Counted item = lease.Take();
        received_.push_back(item.value());
      }
    }
    EXPECT_TRUE(lease.empty());
    co_return in.status();
  });
  EXPECT_EQ(received_, Iota(100));
  EXPECT_LE(largest, 5u);
}

TEST_P(PortTest, Lease_TakeAll_GivesTheRest) {
  RunPair(8, SendAll(Iota(6)), [&](Context& context, ReceiveFrom& in) -> Task<> {
    auto until = Until(context, flag_);
    absl::Status status = co_await until;
    Lease<Counted> lease;
    bool more = co_await in.ReceiveBatch(lease);
    EXPECT_TRUE(more);
    {
      Counted first = lease.Take();
      received_.push_back(first.value());
    }
    for (Counted& item : lease.TakeAll()) received_.push_back(item.value());
    EXPECT_TRUE(lease.empty());
    more = co_await in.ReceiveBatch(lease);
    EXPECT_FALSE(more);
    co_return status;
  });
  EXPECT_EQ(received_, Iota(6));
}

TEST_P(PortTest, Lease_RefilledOrDestroyed_GivesTheRestBackToTheFront) {
  Report report = RunPair(8, SendAll(Iota(8)), [&](Context& context, ReceiveFrom& in) -> Task<> {
    auto until = Until(context, flag_);
    absl::Status status = co_await until;
    {
      Lease<Counted> lease;
      bool more = co_await in.ReceiveBatch(lease, 4);
      Counted first = lease.Take();
      received_.push_back(first.value());
      more = co_await in.ReceiveBatch(lease, 4);  // 1 to 3 go back, and come again
      EXPECT_TRUE(more);
      EXPECT_EQ(lease.position(), 1u);
      Counted second = lease.Take();
      received_.push_back(second.value());
    }
    while (auto item = co_await in.Receive()) received_.push_back(item->value());
    co_return status;
  });
  EXPECT_EQ(received_, Iota(8));
  EXPECT_EQ(LedgerOf(report).received, 8u);
}

TEST_P(PortTest, Lease_HeldAtTheEndOfTheWork_IsUnread) {
  Report report = RunPair(8, SendAll(Iota(8)), [&](Context& context, ReceiveFrom& in) -> Task<> {
    auto until = Until(context, flag_);
    absl::Status status = co_await until;
    Lease<Counted> lease;
    bool more = co_await in.ReceiveBatch(lease);
    EXPECT_TRUE(more);
    Counted first = lease.Take();
    received_.push_back(first.value());
    co_return status;
  });
  EXPECT_EQ(received_, Values{0});
  EXPECT_EQ(LedgerOf(report).received, 1u);
  EXPECT_EQ(LedgerOf(report).unread, 7u);
}

TEST_P(PortTest, Lease_OfAWorkThatWaits_MakesRoomForWhatWasTaken) {
  // The sink takes one of its lease and waits for something else: the source can send exactly one more.
  absl::Status third, fourth;
  Report report = RunPair(
      2,
      [&](Context& context, SendTo& out) -> Task<> {
        std::vector<Counted> items;
        for (int i = 0; i < 2; ++i) items.emplace_back(i);
        auto send = out.SendBatch(items);
        absl::Status sent = co_await send;
        flag_ = true;
        auto until = Until(context, other_flag_);
        absl::Status status = co_await until;
        sent.Update(status);
        Counted more(2), too_much(3);
        auto send_third = out.Send(more);
        third = co_await send_third;
        auto send_fourth = out.SendWithin(absl::ZeroDuration(), too_much);
        fourth = co_await send_fourth;
        flag_ = false;
        co_return sent;
      },
      [&](Context& context, ReceiveFrom& in) -> Task<> {
        auto until = Until(context, flag_);
        absl::Status status = co_await until;
        Lease<Counted> lease;
        bool more = co_await in.ReceiveBatch(lease);
        EXPECT_TRUE(more);
        EXPECT_EQ(lease.size(), 2u);
        {
          Counted first = lease.Take();
          received_.push_back(first.value());
        }
        other_flag_ = true;
        while (flag_ && !context.cancelled()) {
          auto sleep = context.Sleep(absl::Microseconds(100));  // a wait, which settles the lease
          absl::Status slept = co_await sleep;
          status.Update(slept);
        }
        for (Counted& item : lease.TakeAll()) received_.push_back(item.value());
        while (auto item = co_await in.Receive()) received_.push_back(item->value());
        co_return status;
      });
  EXPECT_TRUE(report.ok()) << report.status;
  EXPECT_TRUE(third.ok()) << third;
  EXPECT_TRUE(absl::IsDeadlineExceeded(fourth)) << fourth;
  EXPECT_EQ(received_, Iota(3));
}

// What was taken of a lease is told to the channel by the next receive, also by one that gives nothing.
TEST_P(PortTest, ReceiveBatch_BoundByAContextThatHasEnded_MakesRoomForWhatWasTaken) {
  Report report = RunPair(
      1,
      [](Context&, SendTo& out) -> Task<> {
        for (int i = 0; i < 3; ++i) {
          Counted item(i);
          absl::Status sent = co_await out.Send(item);
          if (!sent.ok()) co_return sent;
        }
        co_return absl::OkStatus();
      },
      [this](Context& context, ReceiveFrom& in) -> Task<> {
        Context ended = context.WithCancel();
        ended.Cancel(absl::CancelledError("on purpose"));
        Lease<Counted> lease;
        while (true) {
          bool more = co_await in.ReceiveBatch(lease, 1);
          if (!more) co_return in.status();
          received_.push_back(lease.Take().value());
          more = co_await in.ReceiveBatch(lease, 1, ended);
          EXPECT_FALSE(more);
        }
      });
  EXPECT_TRUE(report.ok()) << report.status;
  EXPECT_EQ(received_, (Values{0, 1, 2}));
}

TEST_P(PortTest, ReceiveBatch_WithoutMemoryForALargerLease_LeavesNothing) {
  Report report = RunPair(
      4,
      [](Context&, SendTo& out) -> Task<> {
        for (int i = 0; i < 4; ++i) {
          Counted item(i);
          absl::Status sent = co_await out.Send(item);
          if (!sent.ok()) co_return sent;
        }
        co_return absl::OkStatus();
      },
      [](Context&, ReceiveFrom& in) -> Task<> {
        Lease<Counted> lease;
        bool more = co_await in.ReceiveBatch(lease, 1);
        if (!more) co_return in.status();
        lease.Take();
        internal::FailAllocation(0);
        more = co_await in.ReceiveBatch(lease, 4);  // throws
        co_return absl::OkStatus();
      });
  EXPECT_EQ(report.status.message(), "stage 'sink': std::bad_alloc");
}

TEST_P(PortTest, ReceiveBatch_MaxOfZero_StillGivesItems) {
  RunPair(8, SendAll(Iota(5)), [&](Context&, ReceiveFrom& in) -> Task<> {
    Lease<Counted> lease;
    while (true) {
      bool more = co_await in.ReceiveBatch(lease, 0);
      if (!more) break;
      for (Counted& item : lease.TakeAll()) received_.push_back(item.value());
    }
    co_return in.status();
  });
  EXPECT_EQ(received_, Iota(5)) << "a batch of none would look like the end";
}

TEST_P(PortTest, ReceiveAndReceiveBatch_MixedAmongWorkers_NobodyIsLeftBehind) {
  std::atomic<int> count{0}, next_worker{0};
  auto& sink = Sink([&](Context& context, ReceiveFrom& in) -> Task<> {
    if (next_worker.fetch_add(1) % 2 == 0) {
      while (auto item = co_await in.Receive()) count.fetch_add(1);
    } else {
      Lease<Counted> lease;
      while (true) {
        bool more = co_await in.ReceiveBatch(lease);
        if (!more) break;
        while (!lease.empty()) {
          Counted item = lease.Take();
          count.fetch_add(1);
          auto sleep = context.Sleep(absl::Microseconds(1));
          absl::Status slept = co_await sleep;
          if (!slept.ok()) co_return slept;
        }
      }
    }
    co_return in.status();
  });
  sink.set_workers(4);
  for (int s = 0; s < 3; ++s) {
    auto& source =
        graph_.Add<ProbeSource<Counted>>("source" + std::to_string(s), SendAll(Iota(20)));
    graph_.Connect(source.out, sink.in, {.capacity = 1});
  }
  Report report = RunToEnd(engine(), graph_);
  EXPECT_TRUE(report.ok()) << report.status;
  EXPECT_EQ(count, 60);
}

// --- Fairness ---

TEST_P(PortTest, Budget_AWorkThatNeverHasToWait_LetsOthersRun) {
  // On one thread this ends only if the sleeper of no time gives way.
  graph_.Add<ProbeWork>("greedy", [&](Context& context) -> Task<> {
    while (!flag_.load()) {
      auto sleep = context.Sleep(absl::ZeroDuration());
      absl::Status slept = co_await sleep;
      if (!slept.ok()) co_return slept;
    }
    co_return absl::OkStatus();
  });
  graph_.Add<ProbeWork>("other", [&](Context& context) -> Task<> {
    for (int i = 0; i < 5; ++i) co_await context.Yield();
    flag_ = true;
    co_return absl::OkStatus();
  });
  EXPECT_TRUE(RunToEnd(engine(), graph_).ok());
}

TEST_P(PortTest, Budget_AWorkThatPolls_LetsOthersRun) {
  // On one thread this ends only if who tries again and again gives way to who sends, and to who receives.
  auto& source = graph_.Add<ProbeSource<int>>("source", [&](Context&, Out<int>& out) -> Task<> {
    for (int i = 0; i < 5;) {
      auto send = out.SendWithin(absl::ZeroDuration(), i);
      absl::Status sent = co_await send;
      if (sent.ok()) ++i;
      if (!sent.ok() && !absl::IsDeadlineExceeded(sent)) co_return sent;
    }
    co_return absl::OkStatus();
  });
  auto& sink = graph_.Add<ProbeSink<int>>("sink", [&](Context&, In<int>& in) -> Task<> {
    while (true) {
      auto receive = in.ReceiveWithin(absl::ZeroDuration());
      absl::StatusOr<int> item = co_await receive;
      if (absl::IsOutOfRange(item.status())) co_return in.status();
      if (!item.ok() && !absl::IsDeadlineExceeded(item.status())) co_return item.status();
    }
  });
  graph_.Connect(source.out, sink.in, {.capacity = 1});
  EXPECT_TRUE(RunToEnd(engine(), graph_).ok());
}

// --- Names ---

TEST_P(PortTest, TypeName_IsReadable) {
  struct Names final : Stage {
    Out<std::vector<std::string>> strings{this, "strings"};
    Out<uint64_t> numbers{this, "numbers"};
    Out<std::unique_ptr<int>> pointers{this, "pointers"};
    Out<unsigned long long> long_numbers{this, "long_numbers"};
    Task<> Work(Context&) override { co_return absl::OkStatus(); }
  } names;
  EXPECT_EQ(names.strings.TypeName(), "std::vector<std::string>");
  EXPECT_EQ(names.numbers.TypeName(), "uint64_t");
  EXPECT_EQ(names.pointers.TypeName(), "std::unique_ptr<int>");
  EXPECT_EQ(names.long_numbers.TypeName(), "unsigned long long");
}

TEST_P(PortTest, BoundThatIsCancelledAfterItsWait_EndsNoLaterOne) {
  std::atomic<Context*> bound{nullptr};
  std::atomic<bool> cancelled{false};
  graph_.Add<ProbeWork>("cancels", [&](Context& context) -> Task<> {
    while (bound == nullptr && !context.cancelled()) co_await context.Yield();
    if (bound != nullptr) bound.load()->Cancel(absl::AbortedError("late"));
    cancelled = true;
    co_return absl::OkStatus();
  });
  const Report report = RunPair(
      1,
      [&](Context& context, SendTo& out) -> Task<> {
        for (int yields = 0; yields < 20; ++yields) co_await context.Yield();  // the other waits
        for (int value : {1, 2}) {
          Counted item(value);
          auto send = out.Send(item);
          absl::Status sent = co_await send;
          if (!sent.ok()) co_return sent;
          auto until = Until(context, cancelled);
          absl::Status status = co_await until;
          if (!status.ok()) co_return status;
          for (int yields = 0; yields < 20; ++yields) co_await context.Yield();
        }
        co_return absl::OkStatus();
      },
      [&](Context& context, ReceiveFrom& in) -> Task<> {
        Context child = context.WithCancel();
        auto bounded = in.Receive(child);
        auto first = co_await bounded;
        EXPECT_TRUE(first.has_value());
        bound = &child;
        auto unbounded = in.Receive();
        auto second = co_await unbounded;
        EXPECT_TRUE(second.has_value());
        co_return absl::OkStatus();
      });
  EXPECT_TRUE(report.ok()) << report.status;
}

}  // namespace
}  // namespace weir::testing
