#include "weir/core/edge.h"

#include <atomic>
#include <thread>
#include <vector>

#include "weir/core/timer.h"
#include "weir/testing.h"

namespace weir::testing {
namespace {

using Values = std::vector<int>;

// input -> pass -> output, with room for two in all.
class EdgeTest : public EveryEngineTest {
 protected:
  EdgeTest() {
    auto& pass = graph_.Add<ProbeStage<Counted, Counted>>(
        "pass", [](Context&, In<Counted>& in, Out<Counted>& out) -> Task<> {
          while (auto item = co_await in.Receive()) {
            auto send = out.Send(*item);
            absl::Status sent = co_await send;
            if (!sent.ok()) co_return sent;
          }
          co_return in.status();
        });
    graph_.Connect(input_.out, pass.in, {.capacity = 1});
    graph_.Connect(pass.out, output_.in, {.capacity = 1});
  }
  Values ReceiveAll(absl::Status& end) {
    Values values;
    while (true) {
      absl::StatusOr<Counted> item = output_.Receive();
      if (!item.ok()) {
        end = item.status();
        return values;
      }
      values.push_back(item->value());
    }
  }
  // Sends until there is no room: one item in each channel and one in the stage's hands.
  void Fill() {
    for (int i = 0; i < kRoom; ++i) EXPECT_TRUE(input_.Send(Counted(i)).ok());
  }
  static constexpr int kRoom = 3;

  Graph& graph_ = NewGraph();
  Input<Counted>& input_ = graph_.Add<Input<Counted>>("input");
  Output<Counted>& output_ = graph_.Add<Output<Counted>>("output");
};
WEIR_ON_EVERY_ENGINE(EdgeTest);

TEST_P(EdgeTest, SendAndReceive_OneByOne) {
  Run& run = Start(engine(), graph_);
  for (int i = 0; i < 50; ++i) {
    EXPECT_TRUE(input_.Send(Counted(i)).ok());
    absl::StatusOr<Counted> item = output_.Receive();
    ASSERT_TRUE(item.ok()) << item.status();
    EXPECT_EQ(item->value(), i);
  }
  input_.Close();
  EXPECT_TRUE(absl::IsOutOfRange(output_.Receive().status()));
  Report report = Wait(run);
  EXPECT_TRUE(report.ok()) << report.status;
  EXPECT_EQ(report.channels[0].ledger.received, 50u);
}

TEST_P(EdgeTest, Close_WhatIsInside_StillComesOut) {
  Run& run = Start(engine(), graph_);
  EXPECT_TRUE(input_.Send(Counted(1)).ok());
  EXPECT_TRUE(input_.Send(Counted(2)).ok());
  input_.Close();
  input_.Close();
  absl::Status end;
  EXPECT_EQ(ReceiveAll(end), (Values{1, 2}));
  EXPECT_TRUE(absl::IsOutOfRange(end)) << end;
  EXPECT_TRUE(absl::IsOutOfRange(input_.Send(Counted(3)))) << "it is closed";
  EXPECT_TRUE(Wait(run).ok());
}

TEST_P(EdgeTest, SendWithin_Full_IsDeadlineExceeded_ItemStays) {
  Run& run = Start(engine(), graph_);
  Fill();
  Counted item(7);
  EXPECT_TRUE(absl::IsDeadlineExceeded(input_.SendWithin(absl::ZeroDuration(), item)));
  EXPECT_EQ(item.value(), 7);
  input_.Close();
  absl::Status end;
  EXPECT_EQ(ReceiveAll(end), (Values{0, 1, 2}));
  EXPECT_TRUE(Wait(run).ok());
}

TEST_P(EdgeTest, ReceiveWithin_Empty_IsDeadlineExceeded) {
  Run& run = Start(engine(), graph_);
  EXPECT_TRUE(absl::IsDeadlineExceeded(output_.ReceiveWithin(absl::ZeroDuration()).status()));
  EXPECT_TRUE(absl::IsDeadlineExceeded(output_.ReceiveWithin(absl::Milliseconds(1)).status()));
  EXPECT_TRUE(input_.Send(Counted(1)).ok());
  EXPECT_EQ(output_.Receive()->value(), 1);
  input_.Close();
  EXPECT_TRUE(absl::IsOutOfRange(output_.ReceiveWithin(absl::InfiniteDuration()).status()));
  EXPECT_TRUE(Wait(run).ok());
}

TEST_P(EdgeTest, Output_Close_NothingMoreIsWanted_TheSenderIsTold) {
  Run& run = Start(engine(), graph_);
  Fill();
  output_.Close();
  output_.Close();
  absl::Status sent;
  while (sent.ok()) sent = input_.Send(Counted(7));
  EXPECT_TRUE(absl::IsOutOfRange(sent)) << sent;
  // That was the end of the input, without a Close.
  Report report = Wait(run);
  EXPECT_TRUE(report.ok()) << report.status;
  EXPECT_TRUE(absl::IsOutOfRange(output_.Receive().status()));
  EXPECT_EQ(report.channels[1].ledger.received, 0u);
  EXPECT_GE(report.channels[1].ledger.unread, 1u);
}

// An error of an edge is read by a program, or a person, that has many of them.
TEST_P(EdgeTest, Errors_SayWhichStage_AndWhy) {
  Run& run = Start(engine(), graph_);
  EXPECT_EQ(output_.ReceiveWithin(absl::ZeroDuration()).status(),
            absl::DeadlineExceededError("graph 'test', stage 'output': there is no item"));
  EXPECT_EQ(
      output_.ReceiveWithin(absl::Milliseconds(1)).status(),
      absl::DeadlineExceededError("graph 'test', stage 'output': no item came within 1ms"));
  Fill();
  EXPECT_EQ(input_.SendWithin(absl::ZeroDuration(), Counted(7)),
            absl::DeadlineExceededError(
                "graph 'test', stage 'input': there is no room for an item"));
  EXPECT_EQ(input_.SendWithin(absl::Milliseconds(2), Counted(7)),
            absl::DeadlineExceededError(
                "graph 'test', stage 'input': there was no room for an item within 2ms"));
  EXPECT_EQ(run.WaitFor(absl::ZeroDuration()).status,
            absl::DeadlineExceededError("graph 'test': the run is not over after 0"));
  input_.Close();
  EXPECT_EQ(input_.Send(Counted(7)),
            absl::OutOfRangeError("graph 'test', stage 'input': it has been closed"));
  absl::Status end;
  ReceiveAll(end);
  EXPECT_EQ(end, absl::OutOfRangeError("graph 'test', stage 'output': its input has ended"));
  // The same again, or that the run is over, as it is soon after.
  EXPECT_TRUE(absl::IsOutOfRange(output_.Receive().status()));
  EXPECT_TRUE(Wait(run).ok());
  EXPECT_EQ(input_.Send(Counted(7)),
            absl::OutOfRangeError("graph 'test', stage 'input': the run is over"));

  Run& again = Start(engine(), graph_);
  output_.Close();
  absl::Status sent;
  while (sent.ok()) sent = input_.Send(Counted(7));
  // That no more items are wanted, or that the run is over, as it is soon after.
  EXPECT_TRUE(absl::IsOutOfRange(sent)) << sent;
  EXPECT_EQ(sent.message().find("graph 'test', stage 'input': "), 0u) << sent;
  Wait(again);

  Run& cancelled = Start(engine(), graph_);
  cancelled.Cancel(absl::AbortedError("enough"));
  Wait(cancelled);
  EXPECT_EQ(output_.Receive().status(),
            absl::CancelledError("graph 'test', stage 'output': the run was cancelled: enough"));
}

// The Work closes it, because in simulation it is the thread that receives which takes the steps.
TEST_P(EdgeTest, Output_Close_EndsTheReceiveThatWaits) {
  Graph& graph = NewGraph();
  auto& output = graph.Add<Output<int>>("output");
  auto& source = graph.Add<ProbeSource<int>>("source", [&](Context& context, Out<int>&) -> Task<> {
    auto sleep = context.Sleep(absl::Milliseconds(1));
    absl::Status slept = co_await sleep;
    output.Close();
    auto endless = context.Sleep(absl::InfiniteDuration());
    if (slept.ok()) slept = co_await endless;
    co_return slept;
  });
  graph.Connect(source.out, output.in);
  Run& run = Start(engine(), graph);
  EXPECT_TRUE(absl::IsOutOfRange(output.Receive().status()));
  EXPECT_TRUE(absl::IsOutOfRange(output.Receive().status()));
  run.Cancel();
  Wait(run);
}

TEST_P(EdgeTest, Cancelled_BothSaySo) {
  Run& run = Start(engine(), graph_);
  Fill();
  run.Cancel(absl::AbortedError("enough"));
  Report report = Wait(run);
  EXPECT_TRUE(absl::IsAborted(report.status));
  Counted item(7);
  EXPECT_TRUE(absl::IsCancelled(input_.Send(item)));
  EXPECT_EQ(item.value(), 7);
  EXPECT_TRUE(absl::IsCancelled(output_.Receive().status()));
}

TEST_P(EdgeTest, BeforeARun_FailedPrecondition_AfterIt_TheEnd) {
  Counted item(1);
  EXPECT_EQ(input_.Send(item),
            absl::FailedPreconditionError("weir: no run of this graph has begun"));
  EXPECT_EQ(output_.Receive().status().code(), absl::StatusCode::kFailedPrecondition);
  input_.Close();
  for (int round = 0; round < 2; ++round) {
    Run& run = Start(engine(), graph_);
    EXPECT_TRUE(input_.Send(Counted(round)).ok()) << "a Close of an earlier run is forgotten";
    EXPECT_EQ(output_.Receive()->value(), round);
    input_.Close();
    EXPECT_TRUE(absl::IsOutOfRange(output_.Receive().status()));
    EXPECT_TRUE(Wait(run).ok());
    EXPECT_TRUE(absl::IsOutOfRange(input_.Send(item)));
    EXPECT_TRUE(absl::IsOutOfRange(output_.Receive().status()));
  }
}

TEST_P(EdgeTest, Drain_EndsTheInput_WhatIsInsideComesOut) {
  Run& run = Start(engine(), graph_);
  EXPECT_TRUE(input_.Send(Counted(1)).ok());
  run.Drain();
  Counted item(2);
  EXPECT_TRUE(absl::IsOutOfRange(input_.Send(item)));
  EXPECT_EQ(item.value(), 2);
  absl::Status end;
  EXPECT_EQ(ReceiveAll(end), Values{1});
  EXPECT_TRUE(absl::IsOutOfRange(end)) << end;
  EXPECT_TRUE(Wait(run).ok());
}

TEST_P(EdgeTest, OnAThreadOfTheEngine_OnlyTheFormsThatTryOnce) {
  Run& run = Start(engine(), graph_);
  Graph& other = NewGraph("other");
  absl::Status send, receive, once;
  other.Add<ProbeWork>("work", [&](Context&) -> Task<> {
    Counted item(1);
    send = input_.Send(item);  // although there is room
    receive = output_.Receive().status();
    once = input_.SendWithin(absl::ZeroDuration(), item);
    co_return absl::OkStatus();
  });
  EXPECT_TRUE(RunToEnd(engine(), other).ok());
  EXPECT_EQ(send.code(), absl::StatusCode::kFailedPrecondition) << send;
  EXPECT_EQ(receive.code(), absl::StatusCode::kFailedPrecondition) << receive;
  EXPECT_TRUE(once.ok()) << once;
  run.Cancel();
}

// --- From several threads ---

class EdgeThreadsTest : public WeirTest {};

TEST_F(EdgeThreadsTest, ManySendersAndReceivers_EachItemOnce) {
  constexpr int kThreads = 3, kEach = 200;
  Engine& engine = Threaded(2);
  Graph& graph = NewGraph();
  auto& input = graph.Add<Input<int>>("input");
  auto& output = graph.Add<Output<int>>("output");
  graph.Connect(input.out, output.in, {.capacity = 4});
  Run& run = Start(engine, graph);
  std::atomic<int> sum{0}, count{0}, sending{kThreads};
  std::vector<std::thread> threads;
  for (int t = 0; t < kThreads; ++t) {
    threads.emplace_back([&, t] {
      for (int i = 0; i < kEach; ++i) EXPECT_TRUE(input.Send(t * kEach + i).ok());
      if (sending.fetch_sub(1) == 1) input.Close();
    });
    threads.emplace_back([&] {
      while (true) {
        absl::StatusOr<int> item = output.Receive();
        if (!item.ok()) return;
        sum.fetch_add(*item);
        count.fetch_add(1);
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_TRUE(Wait(run).ok());
  EXPECT_EQ(count, kThreads * kEach);
  EXPECT_EQ(sum, (kThreads * kEach - 1) * kThreads * kEach / 2);
}

TEST_F(EdgeThreadsTest, WaitingThreads_AreWokenByACancellation) {
  Engine& engine = Threaded(2);
  Graph& graph = NewGraph();
  auto& full = graph.Add<Input<int>>("full");
  auto& empty = graph.Add<Output<int>>("empty");
  auto& quiet =
      graph.Add<ProbeStage<int, int>>("quiet", [](Context& context, In<int>&, Out<int>&) -> Task<> {
        auto sleep = context.Sleep(absl::InfiniteDuration());
        absl::Status slept = co_await sleep;
        co_return slept;
      });
  graph.Connect(full.out, quiet.in, {.capacity = 1});
  graph.Connect(quiet.out, empty.in);
  for (int round = 0; round < 20; ++round) {
    Run& run = Start(engine, graph);
    EXPECT_TRUE(full.Send(1).ok());
    absl::Status sent, received;
    std::thread sender([&] { sent = full.Send(2); });
    std::thread receiver([&] { received = empty.Receive().status(); });
    run.Cancel(absl::AbortedError("enough"));
    sender.join();
    receiver.join();
    EXPECT_TRUE(absl::IsCancelled(sent)) << sent;
    EXPECT_TRUE(absl::IsCancelled(received)) << received;
    EXPECT_TRUE(absl::IsAborted(Wait(run).status));
  }
}

// Sends that give up at the same moment as room comes, from several threads: each item is its sender's or comes out, once.
TEST_F(EdgeThreadsTest, ManySendsThatGiveUp_BesideReceives_EachItemOnce) {
  constexpr int kThreads = 3, kEach = 1000;
  Engine& engine = Threaded(2);
  Graph& graph = NewGraph();
  auto& input = graph.Add<Input<int>>("input");
  auto& output = graph.Add<Output<int>>("output");
  graph.Connect(input.out, output.in, {.capacity = 1});
  Run& run = Start(engine, graph);
  std::atomic<int> sent{0}, received{0}, sending{kThreads};
  std::vector<std::thread> threads;
  for (int t = 0; t < kThreads; ++t) {
    threads.emplace_back([&, t] {
      for (int i = 0; i < kEach; ++i) {
        const absl::Status status = input.SendWithin(absl::Microseconds(1 + i % 30), t * kEach + i);
        EXPECT_TRUE(status.ok() || absl::IsDeadlineExceeded(status)) << status;
        if (status.ok()) sent.fetch_add(1);
      }
      if (sending.fetch_sub(1) == 1) input.Close();
    });
    threads.emplace_back([&, t] {
      const absl::Duration within = t == 0 ? absl::Microseconds(20) : absl::InfiniteDuration();
      while (true) {
        absl::StatusOr<int> item = output.ReceiveWithin(within);
        if (item.ok()) received.fetch_add(1);
        if (absl::IsOutOfRange(item.status())) return;
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_TRUE(Wait(run).ok());
  EXPECT_EQ(received, sent);
}

TEST_F(EdgeThreadsTest, OutputClosed_BesideReceives_WhatIsLeftIsUnread) {
  Engine& engine = Threaded(2);
  Graph& graph = NewGraph();
  auto& input = graph.Add<Input<Counted>>("input");
  auto& output = graph.Add<Output<Counted>>("output");
  graph.Connect(input.out, output.in, {.capacity = 32});
  for (int round = 0; round < 200; ++round) {
    Run& run = Start(engine, graph);
    std::atomic<uint64_t> received{0};
    std::thread sender([&] {
      for (int i = 0; input.Send(Counted(i)).ok(); ++i) {
      }
    });
    std::thread receiver([&] {
      for (absl::StatusOr<Counted> item = output.Receive(); item.ok(); item = output.Receive()) {
        EXPECT_FALSE(item->moved_from());
        received.fetch_add(1);
      }
    });
    while (received.load() < static_cast<uint64_t>(round)) std::this_thread::yield();
    output.Close();
    sender.join();
    receiver.join();
    const Report report = Wait(run);
    EXPECT_TRUE(report.ok()) << report.status;
    EXPECT_EQ(report.channels[0].ledger.received, received);
  }
}

TEST_F(EdgeThreadsTest, TimedOperations_FollowAHandTurnedClock) {
  internal::ManualClock clock;
  Engine engine({.threads = 2, .clock = &clock});
  Graph graph("test");
  auto& input = graph.Add<Input<int>>("input");
  auto& output = graph.Add<Output<int>>("output");
  graph.Connect(input.out, output.in, {.capacity = 1});
  weir::Run run(engine, graph);
  absl::Status received;
  std::thread receiver([&] { received = output.ReceiveWithin(absl::Minutes(5)).status(); });
  while (clock.armed() == 0) std::this_thread::yield();
  clock.Advance(absl::Minutes(5));
  receiver.join();
  EXPECT_TRUE(absl::IsDeadlineExceeded(received)) << received;
  EXPECT_TRUE(input.Send(1).ok());
  absl::Status sent;
  std::thread sender([&] { sent = input.SendWithin(absl::Minutes(5), 2); });
  while (clock.armed() == 0) std::this_thread::yield();
  clock.Advance(absl::Minutes(5));
  sender.join();
  EXPECT_TRUE(absl::IsDeadlineExceeded(sent)) << sent;
  input.Close();
  EXPECT_EQ(*output.Receive(), 1);
  EXPECT_TRUE(absl::IsOutOfRange(output.Receive().status()));
  EXPECT_TRUE(run.Wait().ok());
  EXPECT_EQ(clock.armed(), 0u);
}

}  // namespace
}  // namespace weir::testing
