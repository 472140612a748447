// What a channel promises to those who send and receive. Each rule says where else it is held: in the tests of Go's channels
// (runtime/chan_test.go), of tokio's bounded mpsc (tests/sync_mpsc.rs) and of crossbeam-channel's bounded flavour (tests/array.rs),
// or in the Reactive Streams specification, by its numbers there.
#include <gtest/gtest.h>

#include <array>
#include <atomic>
#include <cstdint>
#include <mutex>
#include <string>
#include <vector>

#include "weir/testing.h"

namespace weir::testing {
namespace {

// Senders number their items: 1000 times their own number, and then counting.
constexpr int kEach = 1000;

class ChannelRules : public EveryEngineTest {
 protected:
  struct Shape {
    int senders = 1;
    int receivers = 1;
    size_t capacity = 1;
    int items = 100;  // of each sender
    bool batches = false;
  };
  struct Result {
    Report report;
    std::vector<std::vector<int>> by_receiver;  // in the order of receiving
    uint64_t sum = 0, count = 0;
  };
  Result Exchange(const Shape& shape);
  static uint64_t ExpectedSum(const Shape& shape) {
    uint64_t sum = 0;
    for (int s = 0; s < shape.senders; ++s) {
      for (int i = 0; i < shape.items; ++i) sum += s * kEach + i;
    }
    return sum;
  }
};

WEIR_ON_EVERY_ENGINE(ChannelRules);

ChannelRules::Result ChannelRules::Exchange(const Shape& shape) {
  std::mutex mutex;
  Result result;
  Graph& graph = NewGraph();
  auto receive = [&](Context&, In<Counted>& in) -> Task<> {
    std::vector<int> mine;
    if (shape.batches) {
      Lease<Counted> lease;
      while (true) {
        auto batch = in.ReceiveBatch(lease);
        const bool more = co_await batch;
        if (!more) break;
        while (!lease.empty()) mine.push_back(lease.Take().value());
      }
    } else {
      while (auto item = co_await in.Receive()) mine.push_back(item->value());
    }
    std::lock_guard lock(mutex);
    for (int value : mine) {
      result.sum += value;
      ++result.count;
    }
    result.by_receiver.push_back(std::move(mine));
    co_return in.status();
  };
  auto& sink = graph.Add<ProbeSink<Counted>>("sink", receive);
  sink.set_workers(shape.receivers);
  for (int s = 0; s < shape.senders; ++s) {
    auto send_all = [s, &shape](Context&, Out<Counted>& out) -> Task<> {
      std::vector<Counted> batch;
      for (int i = 0; i < shape.items; ++i) {
        if (shape.batches) {
          batch.emplace_back(s * kEach + i);
          if (batch.size() < 7 && i + 1 < shape.items) continue;
          auto send = out.SendBatch(batch);
          absl::Status sent = co_await send;
          if (!sent.ok()) co_return sent;
        } else {
          Counted item(s * kEach + i);
          auto send = out.Send(item);
          absl::Status sent = co_await send;
          if (!sent.ok()) co_return sent;
        }
      }
      co_return absl::OkStatus();
    };
    auto& source = graph.Add<ProbeSource<Counted>>("source" + std::to_string(s), send_all);
    graph.Connect(source.out, sink.in, {.capacity = shape.capacity});
  }
  result.report = RunToEnd(engine(), graph);
  return result;
}

// Every item arrives once, in the order of sending, whatever the capacity. Go: TestChan, over all capacities below 200.
TEST_P(ChannelRules, EveryCapacityFrom1To200_DeliversEverythingOnceInOrder) {
  for (size_t capacity = 1; capacity <= 200; ++capacity) {
    for (bool batches : {false, true}) {
      const Shape shape{.capacity = capacity, .items = 220, .batches = batches};
      const Result result = Exchange(shape);
      ASSERT_TRUE(result.report.ok()) << result.report.status;
      ASSERT_EQ(result.by_receiver.size(), 1u);
      ASSERT_EQ(result.by_receiver[0].size(), 220u) << "capacity " << capacity;
      for (int i = 0; i < 220; ++i) ASSERT_EQ(result.by_receiver[0][i], i);
    }
  }
}

// Of many senders and many receivers, what is received is what was sent: nothing is lost and nothing doubled. Go: TestChan with
// four goroutines at each end, TestMultiConsumer; crossbeam: mpmc.
TEST_P(ChannelRules, ManyToMany_SumsAgree) {
  for (size_t capacity : {1, 2, 3, 8, 64, 200}) {
    for (bool batches : {false, true}) {
      const Shape shape{
          .senders = 4, .receivers = 4, .capacity = capacity, .items = 200, .batches = batches};
      const Result result = Exchange(shape);
      ASSERT_TRUE(result.report.ok()) << result.report.status;
      EXPECT_EQ(result.count, 800u);
      EXPECT_EQ(result.sum, ExpectedSum(shape));
    }
  }
}

// Each receiver sees the items of one sender in the order in which that sent them, also among those of others. Go: the memory
// model's order of a channel; tokio: the order of one sender.
TEST_P(ChannelRules, FifoPerSender) {
  for (size_t capacity : {1, 2, 5, 64}) {
    for (int receivers : {1, 3}) {
      for (bool batches : {false, true}) {
        const Result result = Exchange({.senders = 4,
                                        .receivers = receivers,
                                        .capacity = capacity,
                                        .items = 100,
                                        .batches = batches});
        ASSERT_TRUE(result.report.ok()) << result.report.status;
        for (const std::vector<int>& received : result.by_receiver) {
          std::array<int, 4> last = {-1, -1, -1, -1};
          for (int value : received) {
            ASSERT_GT(value % kEach, last[value / kEach]);
            last[value / kEach] = value % kEach;
          }
        }
      }
    }
  }
}

// A channel never holds more than its capacity: one item more is not accepted, and stays with its sender. Reactive Streams 1.1;
// crossbeam: len, try_send; tokio: try_send_fail.
TEST_P(ChannelRules, ACapacityIsNeverExceeded) {
  for (int capacity : {1, 2, 7, 64}) {
    std::atomic<bool> full{false};
    Graph& graph = NewGraph();
    auto& source = graph.Add<ProbeSource<Counted>>(
        "source", [&, capacity](Context&, Out<Counted>& out) -> Task<> {
          for (int i = 0; i < capacity; ++i) {
            Counted item(i);
            auto send = out.SendWithin(absl::ZeroDuration(), item);
            absl::Status sent = co_await send;
            EXPECT_TRUE(sent.ok()) << sent;
            EXPECT_TRUE(item.moved_from());
          }
          Counted one_more(capacity);
          auto send = out.SendWithin(absl::ZeroDuration(), one_more);
          absl::Status sent = co_await send;
          EXPECT_TRUE(absl::IsDeadlineExceeded(sent)) << sent;
          EXPECT_EQ(one_more.value(), capacity);
          full = true;
          co_return absl::OkStatus();
        });
    auto& sink =
        graph.Add<ProbeSink<Counted>>("sink", [&](Context& context, In<Counted>& in) -> Task<> {
          auto until = Until(context, full);
          absl::Status status = co_await until;
          if (!status.ok()) co_return status;
          while (auto item = co_await in.Receive()) {
          }
          co_return in.status();
        });
    graph.Connect(source.out, sink.in, {.capacity = static_cast<size_t>(capacity)});
    const Report report = RunToEnd(engine(), graph);
    EXPECT_TRUE(report.ok()) << report.status;
    EXPECT_EQ(report.channels[0].ledger.accepted, static_cast<uint64_t>(capacity));
    EXPECT_EQ(report.channels[0].ledger.refused, 1u);
  }
}

// To try to receive from an empty channel gives nothing and takes nothing. Go: TestChan, the non-blocking receive; crossbeam:
// try_recv.
TEST_P(ChannelRules, AnEmptyChannelGivesNothing) {
  std::atomic<bool> tried{false};
  Graph& graph = NewGraph();
  auto& source =
      graph.Add<ProbeSource<Counted>>("source", [&](Context& context, Out<Counted>& out) -> Task<> {
        auto until = Until(context, tried);
        absl::Status status = co_await until;
        if (!status.ok()) co_return status;
        Counted item(7);
        auto send = out.Send(item);
        status = co_await send;
        co_return status;
      });
  auto& sink = graph.Add<ProbeSink<Counted>>("sink", [&](Context&, In<Counted>& in) -> Task<> {
    auto attempt = in.ReceiveWithin(absl::ZeroDuration());
    absl::StatusOr<Counted> nothing = co_await attempt;
    EXPECT_TRUE(absl::IsDeadlineExceeded(nothing.status())) << nothing.status();
    tried = true;
    auto item = co_await in.Receive();
    EXPECT_TRUE(item.has_value() && item->value() == 7);
    item = co_await in.Receive();
    EXPECT_FALSE(item.has_value());
    co_return in.status();
  });
  graph.Connect(source.out, sink.in);
  EXPECT_TRUE(RunToEnd(engine(), graph).ok());
}

// Senders that wait for room all get it, again and again: nobody starves while others are served. crossbeam: fairness; Go: waiting
// senders are a queue.
TEST_P(ChannelRules, EverySenderIsServedAgainAndAgain) {
  constexpr int kSenders = 5;
  Graph& graph = NewGraph();
  auto& sink = graph.Add<ProbeSink<Counted>>("sink", [&](Context&, In<Counted>& in) -> Task<> {
    std::array<int, kSenders> served = {};
    for (int satisfied = 0; satisfied < kSenders;) {
      auto item = co_await in.Receive();
      if (!item.has_value()) co_return absl::InternalError("the input has ended");
      satisfied += ++served[item->value()] == 50;
    }
    co_return absl::OkStatus();
  });
  for (int s = 0; s < kSenders; ++s) {
    auto& source = graph.Add<ProbeSource<Counted>>("source" + std::to_string(s),
                                                   [s](Context&, Out<Counted>& out) -> Task<> {
                                                     while (true) {
                                                       Counted item(s);
                                                       auto send = out.Send(item);
                                                       absl::Status sent = co_await send;
                                                       if (!sent.ok()) co_return sent;
                                                     }
                                                   });
    graph.Connect(source.out, sink.in, {.capacity = 2});
  }
  const Report report = RunToEnd(engine(), graph);
  EXPECT_TRUE(report.ok()) << report.status;
}

// A channel moves its items and never copies them, and each of them is destroyed once. crossbeam: drops.
TEST_P(ChannelRules, ItemsAreMoved_AndDestroyedOnce) {
  const uint64_t copies = CountedItems::copies();
  const Result result = Exchange({.senders = 3, .receivers = 2, .capacity = 3, .items = 50});
  EXPECT_TRUE(result.report.ok());
  EXPECT_EQ(CountedItems::copies(), copies);
  EXPECT_EQ(CountedItems::alive(), 0);
}

}  // namespace
}  // namespace weir::testing
