#include "weir/core/channel.h"

#include <cstdint>
#include <memory>
#include <new>
#include <string>
#include <vector>

#include "weir/core/block_pool.h"
#include "weir/testing.h"

namespace weir::internal {
namespace {

using weir::testing::Counted;
using weir::testing::CountedItems;
using Values = std::vector<int>;

class CountingWaiter final : public Waiter {
 public:
  void Wake() override { ++woken; }
  int woken = 0;
};

// One send, parked or not.
class Sender {
 public:
  Sender(Channel& channel, const Values& values, bool from_source = false) : channel_(channel) {
    for (int value : values) items.emplace_back(value);
    request_.items = items.data();
    request_.count = items.size();
    end_.from_source = from_source;
    request_.sender = &end_;
    request_.waiter = &waiter;
  }
  ~Sender() { channel_.UnlinkSend(request_); }
  // As a send of that Out.
  void Use(const SendingEnd& end) { request_.sender = &end; }
  Outcome Put() { return channel_.Put(request_); }
  // kNone: it waits now.
  Outcome Park() {
    waiter.Prepare();
    const Outcome outcome = channel_.ParkSend(request_);
    if (outcome == Outcome::kNone) waiter.Publish();
    return outcome;
  }
  // What the wait came to; kNone while it lasts.
  Outcome outcome() { return waiter.claimed() ? waiter.Resumed().outcome : Outcome::kNone; }
  bool TimeOut() {
    WakeList wakes;
    return waiter.Claim(Outcome::kTimedOut, wakes);
  }
  size_t sent() const { return request_.sent; }
  // What is still the sender's.
  Values left() const {
    Values values;
    for (const Counted& item : items) {
      if (!item.moved_from()) values.push_back(item.value());
    }
    return values;
  }

  std::vector<Counted> items;
  CountingWaiter waiter;

 private:
  Channel& channel_;
  SendingEnd end_;
  SendRequest request_;
};

class Receiver {
 public:
  explicit Receiver(Channel& channel, size_t max = 1, bool lease = false)
      : channel_(channel), room_(max * sizeof(Counted)) {
    request.into = room_.data();
    request.max = max;
    request.lease = lease;
    request.waiter = &waiter;
  }
  ~Receiver() {
    channel_.UnlinkReceive(request);
    for (size_t i = 0; i < request.got - given_back_; ++i) got_items()[i].~Counted();
  }
  Outcome Take(size_t settled = 0) { return channel_.Take(request, settled); }
  Outcome Park() {
    waiter.Prepare();
    const Outcome outcome = channel_.ParkReceive(request);
    if (outcome == Outcome::kNone) waiter.Publish();
    return outcome;
  }
  Outcome outcome() { return waiter.claimed() ? waiter.Resumed().outcome : Outcome::kNone; }
  // Of a lease: keeps the first `taken`, gives back the rest.
  void Settle(size_t taken) {
    given_back_ = request.got - taken;
    channel_.Settle(taken, got_items() + taken, given_back_);
  }
  // As Settle, but that what is given back keeps its positions.
  void Return(size_t taken) {
    auto rest = std::make_unique<ReturnedBatch>(kItemType<Counted>);
    rest->position = request.position + taken;
    given_back_ = request.got - taken;
    rest->items.Reserve(given_back_);
    for (size_t i = 0; i < given_back_; ++i) {
      ::new (static_cast<Counted*>(rest->items.data()) + i)
          Counted(std::move(got_items()[taken + i]));
      got_items()[taken + i].~Counted();
    }
    rest->items.SetSize(given_back_);
    channel_.Return(taken, std::move(rest));
  }
  Values got() const {
    Values values;
    for (size_t i = 0; i < request.got - given_back_; ++i) values.push_back(got_items()[i].value());
    return values;
  }

  ReceiveRequest request;
  CountingWaiter waiter;

 private:
  Counted* got_items() const { return static_cast<Counted*>(request.into); }

  Channel& channel_;
  std::vector<unsigned char> room_;
  size_t given_back_ = 0;
};

// Every test of one sender and one receiver runs on a channel that has its fast path, and on one that has not.
class ChannelTest : public weir::testing::WeirTest, public ::testing::WithParamInterface<bool> {
 protected:
  bool single() const { return GetParam(); }
  Channel& Open(size_t capacity, int senders = 1, int receivers = 1) {
    channel_ = std::make_unique<Channel>(kItemType<Counted>, capacity, signals_);
    channel_->SetEnds({.senders = senders,
                       .receivers = receivers,
                       .single = single() && senders == 1 && receivers == 1});
    return *channel_;
  }
  void CloseSender() {
    WakeList wakes;
    SendingEnd end;
    channel_->CloseSender(end, wakes);
  }
  Outcome Put(const Values& values, bool from_source = false) {
    Sender sender(*channel_, values, from_source);
    return sender.Put();
  }
  Values TakeAll() {
    Values values;
    while (true) {
      Receiver receiver(*channel_);
      if (receiver.Take() != Outcome::kDone) return values;
      values.push_back(receiver.got()[0]);
    }
  }
  void SetCancelled() {
    signals_.cancelled.store(true);
    channel_->Cancel();
  }
  void SetDraining() {
    signals_.draining.store(true);
    channel_->Drain();
  }
  void TearDown() override {
    if (channel_ != nullptr) {
      EXPECT_TRUE(channel_->ledger().balanced());
    }
    channel_.reset();
    WeirTest::TearDown();
  }

  RunSignals signals_;
  std::unique_ptr<Channel> channel_;
};

INSTANTIATE_TEST_SUITE_P(Kinds, ChannelTest, ::testing::Values(false, true),
                         [](const auto& kind) { return kind.param ? "Single" : "Many"; });

TEST_P(ChannelTest, PutAndTake_AreFirstInFirstOut) {
  Open(8);
  EXPECT_EQ(Put({1, 2, 3}), Outcome::kDone);
  EXPECT_EQ(Put({4}), Outcome::kDone);
  EXPECT_EQ(TakeAll(), (Values{1, 2, 3, 4}));
}

TEST_P(ChannelTest, Put_FullChannel_RefusesAndKeepsTheItem) {
  Open(1);
  EXPECT_EQ(Put({1}), Outcome::kDone);
  Sender second(*channel_, {2});
  EXPECT_EQ(second.Put(), Outcome::kNone);
  EXPECT_EQ(second.left(), Values{2});
}

TEST_P(ChannelTest, Put_PartOfABatch_SendsWhatThereIsRoomFor) {
  Open(2);
  Sender sender(*channel_, {1, 2, 3});
  EXPECT_EQ(sender.Put(), Outcome::kNone);
  EXPECT_EQ(sender.sent(), 2u);
  EXPECT_EQ(sender.left(), Values{3});
}

TEST_P(ChannelTest, Put_BehindParkedSenders_DoesNotOvertake) {
  Open(1);
  Put({1});
  Sender parked(*channel_, {2});
  ASSERT_EQ(parked.Park(), Outcome::kNone);
  Receiver receiver(*channel_);
  ASSERT_EQ(receiver.Take(), Outcome::kDone);  // admits the parked one
  Sender late(*channel_, {3});
  EXPECT_EQ(late.Put(), Outcome::kNone);
  EXPECT_EQ(parked.outcome(), Outcome::kDone);
  EXPECT_EQ(TakeAll(), Values{2});
}

TEST_P(ChannelTest, ParkedSenders_AreAdmittedFirstComeFirstServed) {
  Open(1);
  Put({0});
  Sender a(*channel_, {1}), b(*channel_, {2});
  ASSERT_EQ(a.Park(), Outcome::kNone);
  ASSERT_EQ(b.Park(), Outcome::kNone);
  EXPECT_EQ(a.outcome(), Outcome::kNone);
  EXPECT_EQ(TakeAll(), (Values{0, 1, 2}));
  EXPECT_EQ(a.outcome(), Outcome::kDone);
  EXPECT_EQ(b.outcome(), Outcome::kDone);
  EXPECT_EQ(a.waiter.woken, 1);
}

TEST_P(ChannelTest, ParkedSendersOfTwoOuts_WhoHasHadLessComesFirst) {
  Open(4, 2);
  Sender greedy(*channel_, {1, 2, 3, 4, 5}), modest(*channel_, {6, 7});
  ASSERT_EQ(greedy.Park(), Outcome::kNone);
  ASSERT_EQ(greedy.sent(), 4u);
  ASSERT_EQ(modest.Park(), Outcome::kNone);
  EXPECT_EQ(TakeAll(), (Values{1, 2, 3, 4, 6, 7, 5}));
}

TEST_P(ChannelTest, ParkedSendersOfTwoOuts_WhoWasSilentHasNothingToCatchUpOn) {
  Open(1, 2);
  SendingEnd busy_end, late_end;
  const auto sender = [&](int value, SendingEnd& end) {
    auto made = std::make_unique<Sender>(*channel_, Values{value});
    made->Use(end);
    return made;
  };
  for (int i = 0; i < 50; ++i) {
    ASSERT_EQ(sender(0, busy_end)->Put(), Outcome::kDone);
    EXPECT_EQ(TakeAll(), Values{0});
  }
  ASSERT_EQ(sender(0, busy_end)->Put(), Outcome::kDone);
  auto busy_1 = sender(1, busy_end), late_1 = sender(2, late_end);
  ASSERT_EQ(busy_1->Park(), Outcome::kNone);
  ASSERT_EQ(late_1->Park(), Outcome::kNone);
  Receiver receiver(*channel_);
  ASSERT_EQ(receiver.Take(), Outcome::kDone);
  EXPECT_EQ(late_1->outcome(), Outcome::kDone) << "it has had nothing lately";
  auto late_2 = sender(3, late_end);
  ASSERT_EQ(late_2->Park(), Outcome::kNone);
  EXPECT_EQ(TakeAll(), (Values{2, 1, 3})) << "then they take turns";
}

TEST_P(ChannelTest, ParkedBatch_EntersAsRoomAppears_IsDoneWithItsLastItem) {
  Open(2);
  Sender batch(*channel_, {1, 2, 3, 4, 5});
  ASSERT_EQ(batch.Park(), Outcome::kNone);
  Receiver first(*channel_, 2);
  ASSERT_EQ(first.Take(), Outcome::kDone);
  EXPECT_EQ(batch.sent(), 4u);
  EXPECT_EQ(batch.outcome(), Outcome::kNone);
  EXPECT_EQ(batch.waiter.woken, 0) << "it is woken once, when all is sent";
  EXPECT_EQ(TakeAll(), (Values{3, 4, 5}));
  EXPECT_EQ(batch.outcome(), Outcome::kDone);
}

TEST_P(ChannelTest, TimedOutSend_IsNotAdmittedLater) {
  Open(1);
  Put({1});
  Sender late(*channel_, {2}), next(*channel_, {3});
  ASSERT_EQ(late.Park(), Outcome::kNone);
  ASSERT_EQ(next.Park(), Outcome::kNone);
  ASSERT_TRUE(late.TimeOut());
  EXPECT_EQ(TakeAll(), (Values{1, 3}));
  EXPECT_EQ(late.left(), Values{2});
  EXPECT_EQ(late.outcome(), Outcome::kTimedOut);
  EXPECT_EQ(next.outcome(), Outcome::kDone);
}

TEST_P(ChannelTest, Take_Empty_GivesNothing) {
  Open(1);
  Receiver receiver(*channel_);
  EXPECT_EQ(receiver.Take(), Outcome::kNone);
  EXPECT_EQ(receiver.got(), Values());
}

TEST_P(ChannelTest, ParkedReceivers_AreServedFirstComeFirstServed) {
  Open(1, 1, 2);
  Receiver a(*channel_), b(*channel_);
  ASSERT_EQ(a.Park(), Outcome::kNone);
  ASSERT_EQ(b.Park(), Outcome::kNone);
  // Serving them makes room at once: both items go through a channel of one.
  EXPECT_EQ(Put({1, 2}), Outcome::kDone);
  EXPECT_EQ(a.outcome(), Outcome::kDone);
  EXPECT_EQ(b.outcome(), Outcome::kDone);
  EXPECT_EQ(a.got(), Values{1});
  EXPECT_EQ(b.got(), Values{2});
  EXPECT_EQ(a.waiter.woken, 1);
}

TEST_P(ChannelTest, TimedOutReceiver_IsPassedOver) {
  Open(4, 1, 2);
  Receiver late(*channel_), next(*channel_);
  ASSERT_EQ(late.Park(), Outcome::kNone);
  ASSERT_EQ(next.Park(), Outcome::kNone);
  {
    WakeList wakes;
    ASSERT_TRUE(late.waiter.Claim(Outcome::kTimedOut, wakes));
  }
  EXPECT_EQ(Put({1}), Outcome::kDone);
  EXPECT_EQ(late.got(), Values());
  EXPECT_EQ(next.got(), Values{1});
}

TEST_P(ChannelTest, Take_SeveralReceivers_GivesAFairShare) {
  Open(16, 1, 4);
  Put({1, 2, 3, 4, 5, 6, 7, 8});
  Receiver receiver(*channel_, 16);
  ASSERT_EQ(receiver.Take(), Outcome::kDone);
  EXPECT_EQ(receiver.got(), (Values{1, 2}));
}

TEST_P(ChannelTest, Return_TheRestComesFirst_AndKeepsItsPositions) {
  Open(16, 1, 2);
  Put({0, 1, 2, 3, 4, 5, 6, 7});
  Receiver slow(*channel_, 4, true), other(*channel_, 2, true);
  ASSERT_EQ(slow.Take(), Outcome::kDone);
  ASSERT_EQ(other.Take(), Outcome::kDone);
  slow.Return(1);
  EXPECT_EQ(slow.got(), (Values{0}));

  Receiver idle(*channel_, 16, true), last(*channel_, 16, true);
  ASSERT_EQ(idle.Take(), Outcome::kDone);
  EXPECT_EQ(idle.got(), (Values{1, 2})) << "an equal part of what was given back";
  EXPECT_EQ(idle.request.position, 1u);
  ASSERT_EQ(last.Take(), Outcome::kDone);
  EXPECT_EQ(last.got(), (Values{3}));
  EXPECT_EQ(last.request.position, 3u);
  EXPECT_EQ(channel_->ledger().queued, 7u) << "what has not been taken counts as in the channel";
  other.Settle(2);
  idle.Settle(2);
  last.Settle(1);
  EXPECT_EQ(TakeAll(), (Values{6, 7}));
  EXPECT_EQ(channel_->ledger().received, 8u);
}

TEST_P(ChannelTest, Return_AnIdleReceiverIsGivenTheRest) {
  Open(16, 1, 2);
  Put({0, 1, 2});
  Receiver slow(*channel_, 3, true);
  ASSERT_EQ(slow.Take(), Outcome::kDone);
  const size_t taken = slow.request.got;
  TakeAll();
  Receiver idle(*channel_, 4, true);
  ASSERT_EQ(idle.Park(), Outcome::kNone);
  slow.Return(taken - 1);
  EXPECT_EQ(idle.outcome(), Outcome::kDone);
  EXPECT_EQ(idle.got().size(), 1u);
  idle.Settle(1);
}

TEST_P(ChannelTest, Return_WhatNobodyTakes_IsUnreadOrDiscarded) {
  for (const bool cancelled : {false, true}) {
    Open(16, 1, 2);
    Put({0, 1, 2, 3});
    {
      Receiver receiver(*channel_, 4, true);
      ASSERT_EQ(receiver.Take(), Outcome::kDone);
      receiver.Return(1);
    }
    if (cancelled) {
      EXPECT_TRUE(channel_->Discard());
    } else {
      channel_->CloseReceiver();
      channel_->CloseReceiver();
    }
    const Ledger ledger = channel_->ledger();
    EXPECT_EQ(cancelled ? ledger.discarded : ledger.unread, 3u);
    EXPECT_EQ(ledger.received, 1u);
    EXPECT_EQ(ledger.queued, 0u);
    EXPECT_TRUE(ledger.balanced());
    EXPECT_EQ(weir::testing::CountedItems::alive(), 0);
  }
}

TEST_P(ChannelTest, Close_WhatIsQueuedIsReceivedFirst) {
  Open(4);
  Put({1, 2});
  CloseSender();
  EXPECT_EQ(TakeAll(), (Values{1, 2}));
  Receiver receiver(*channel_);
  EXPECT_EQ(receiver.Take(), Outcome::kEnd);
  EXPECT_EQ(receiver.Park(), Outcome::kEnd);
}

TEST_P(ChannelTest, Close_EndsAfterTheLastSender) {
  Open(4, 2);
  Receiver receiver(*channel_);
  ASSERT_EQ(receiver.Park(), Outcome::kNone);
  CloseSender();
  EXPECT_EQ(receiver.outcome(), Outcome::kNone);
  CloseSender();
  EXPECT_EQ(receiver.outcome(), Outcome::kEnd);
}

// As a thread at an Output does that has begun to receive before the Output was closed.
TEST_P(ChannelTest, CloseReceiver_AReceiveThatComesAfterIt_SeesTheEnd) {
  Open(8);
  Put({1});
  Receiver first(*channel_);
  ASSERT_EQ(first.Take(), Outcome::kDone);
  Put({2, 3, 4});
  channel_->CloseReceiver();
  EXPECT_EQ(channel_->ledger().unread, 3u);
  Receiver late(*channel_);
  EXPECT_NE(late.Take(), Outcome::kDone) << "what it was given has been destroyed";
  EXPECT_EQ(late.request.got, 0u);
  EXPECT_EQ(channel_->ledger().queued, 0u);
}

TEST_P(ChannelTest, CloseReceiver_RefusesSenders_DestroysWhatIsUnread) {
  Open(2);
  Put({1, 2});
  Sender parked(*channel_, {3});
  ASSERT_EQ(parked.Park(), Outcome::kNone);
  Values destroyed;
  CountedItems::OnDestroyed([&](int value) { destroyed.push_back(value); });
  channel_->CloseReceiver();
  CountedItems::OnDestroyed(nullptr);
  EXPECT_EQ(destroyed, (Values{1, 2})) << "first to last, at once";
  EXPECT_EQ(parked.outcome(), Outcome::kClosed);
  EXPECT_EQ(parked.left(), Values{3});
  EXPECT_EQ(Put({4}), Outcome::kClosed);
  EXPECT_TRUE(channel_->closed_to_sender({.from_source = false}));
  EXPECT_EQ(channel_->ledger().unread, 2u);
}

TEST_P(ChannelTest, CloseReceiver_OneOfTwo_ChangesNothing) {
  Open(2, 1, 2);
  Put({1});
  channel_->CloseReceiver();
  EXPECT_FALSE(channel_->closed_to_sender({.from_source = false}));
  EXPECT_EQ(TakeAll(), Values{1});
}

TEST_P(ChannelTest, Cancel_ClaimsAllWaiters_LeavesWhatIsQueuedToDiscard) {
  Open(1);
  Put({1});
  Sender sender(*channel_, {2});
  ASSERT_EQ(sender.Park(), Outcome::kNone);
  SetCancelled();
  EXPECT_EQ(sender.outcome(), Outcome::kCancelled);
  EXPECT_EQ(sender.left(), Values{2});
  EXPECT_EQ(channel_->ledger().queued, 1u);
  Receiver receiver(*channel_);
  EXPECT_EQ(receiver.Take(), Outcome::kCancelled) << "cancelled comes before item";
  EXPECT_EQ(Put({3}), Outcome::kCancelled);
  channel_->Discard();
  EXPECT_EQ(channel_->ledger().queued, 0u);
  EXPECT_EQ(channel_->ledger().discarded, 1u);
}

TEST_P(ChannelTest, Cancel_ClaimsParkedReceivers) {
  Open(1);
  Receiver receiver(*channel_);
  ASSERT_EQ(receiver.Park(), Outcome::kNone);
  SetCancelled();
  EXPECT_EQ(receiver.outcome(), Outcome::kCancelled);
}

TEST_P(ChannelTest, CloseSender_AfterTheCancelSignal_IsNoEnd) {
  Open(1);
  Receiver receiver(*channel_);
  ASSERT_EQ(receiver.Park(), Outcome::kNone);
  signals_.cancelled.store(true);  // set before any port closes
  CloseSender();
  EXPECT_EQ(receiver.outcome(), Outcome::kCancelled);
}

TEST_P(ChannelTest, Precedence_Send_CancelledBeforeClosed) {
  Open(1);
  channel_->CloseReceiver();
  EXPECT_EQ(Put({1}), Outcome::kClosed);
  signals_.cancelled.store(true);
  EXPECT_EQ(Put({1}), Outcome::kCancelled);
}

TEST_P(ChannelTest, Precedence_Receive_ItemBeforeEnd) {
  Open(2);
  Put({1});
  CloseSender();
  Receiver receiver(*channel_);
  EXPECT_EQ(receiver.Take(), Outcome::kDone);
}

TEST_P(ChannelTest, Discard_DestroysFirstToLast) {
  Open(4);
  Put({1, 2, 3});
  Values destroyed;
  CountedItems::OnDestroyed([&](int value) { destroyed.push_back(value); });
  channel_->Discard();
  CountedItems::OnDestroyed(nullptr);
  EXPECT_EQ(destroyed, (Values{1, 2, 3}));
}

TEST_P(ChannelTest, Drain_RefusesSourcesOnly) {
  Open(1, 3);
  Put({1});
  Sender source(*channel_, {2}, true), other(*channel_, {3});
  ASSERT_EQ(source.Park(), Outcome::kNone);
  ASSERT_EQ(other.Park(), Outcome::kNone);
  SetDraining();
  EXPECT_EQ(source.outcome(), Outcome::kClosed);
  EXPECT_EQ(other.outcome(), Outcome::kNone);
  EXPECT_TRUE(channel_->closed_to_sender({.from_source = true}));
  EXPECT_FALSE(channel_->closed_to_sender({.from_source = false}));
  EXPECT_EQ(TakeAll(), (Values{1, 3}));
  EXPECT_EQ(Put({4}, true), Outcome::kClosed);
  EXPECT_EQ(Put({5}), Outcome::kDone);
  TakeAll();
}

TEST_P(ChannelTest, Lease_CountsAsInTheChannel) {
  Open(2);
  Put({1, 2});
  Receiver lease(*channel_, 2, true);
  ASSERT_EQ(lease.Take(), Outcome::kDone);
  EXPECT_EQ(Put({3}), Outcome::kNone) << "full: two are leased";
  EXPECT_EQ(channel_->ledger().queued, 2u);
  EXPECT_EQ(channel_->ledger().received, 0u);
  lease.Settle(2);
  EXPECT_EQ(channel_->ledger().received, 2u);
  EXPECT_EQ(Put({3}), Outcome::kDone);
  TakeAll();
}

TEST_P(ChannelTest, Lease_WhatIsNotTaken_GoesBackToTheFront) {
  Open(4);
  Put({1, 2, 3, 4});
  {
    Receiver lease(*channel_, 3, true);
    ASSERT_EQ(lease.Take(), Outcome::kDone);
    EXPECT_EQ(lease.request.position, 0u);
    lease.Settle(1);
    EXPECT_EQ(lease.got(), Values{1});
  }
  Receiver next(*channel_, 4);
  ASSERT_EQ(next.Take(), Outcome::kDone);
  EXPECT_EQ(next.request.position, 1u);
  EXPECT_EQ(next.got(), (Values{2, 3, 4}));
}

TEST_P(ChannelTest, Lease_GivenBack_ServesAParkedReceiver) {
  Open(4, 1, 2);
  Put({1, 2});
  Receiver lease(*channel_, 4, true);
  ASSERT_EQ(lease.Take(), Outcome::kDone);  // a share: one of two
  ASSERT_EQ(lease.got(), Values{1});
  Receiver other(*channel_, 1), third(*channel_, 1);
  ASSERT_EQ(other.Take(), Outcome::kDone);
  ASSERT_EQ(third.Park(), Outcome::kNone);
  lease.Settle(0);
  EXPECT_EQ(third.outcome(), Outcome::kDone);
  EXPECT_EQ(third.got(), Values{1});
}

TEST_P(ChannelTest, Lease_Settled_AdmitsAParkedSender) {
  Open(1);
  Put({1});
  Receiver lease(*channel_, 1, true);
  ASSERT_EQ(lease.Take(), Outcome::kDone);
  Sender sender(*channel_, {2});
  ASSERT_EQ(sender.Park(), Outcome::kNone);
  Receiver again(*channel_, 1);
  EXPECT_EQ(again.Take(1), Outcome::kDone) << "settles the earlier lease first";
  EXPECT_EQ(sender.outcome(), Outcome::kDone);
  EXPECT_EQ(again.got(), Values{2});
}

TEST_P(ChannelTest, Lease_SettledWhileReceiversAndSendersWait_LeavesNobodyBehind) {
  Open(1, 2, 2);
  Put({1});
  Receiver lease(*channel_, 1, true);
  ASSERT_EQ(lease.Take(), Outcome::kDone);
  Receiver waiting(*channel_, 1);
  ASSERT_EQ(waiting.Park(), Outcome::kNone);
  Sender a(*channel_, {2}), b(*channel_, {3});
  ASSERT_EQ(a.Park(), Outcome::kNone);
  ASSERT_EQ(b.Park(), Outcome::kNone);
  // The settled lease lets `a` in, whose item goes to the waiting receiver; that makes room for `b`.
  lease.Settle(1);
  EXPECT_EQ(a.outcome(), Outcome::kDone);
  EXPECT_EQ(waiting.got(), Values{2});
  EXPECT_EQ(b.outcome(), Outcome::kDone);
  EXPECT_EQ(TakeAll(), Values{3});
}

// Their room is free for others meanwhile, and again theirs when they come back.
TEST_P(ChannelTest, DropOldest_LeasesOfSeveralReceiversGivenBack_KeepTheirItems) {
  constexpr int kCapacity = 16;
  channel_ = std::make_unique<Channel>(kItemType<Counted>, kCapacity, signals_);
  channel_->SetEnds({.receivers = 2, .overwrites = true});
  Values sent;
  std::vector<std::unique_ptr<Receiver>> leases;
  for (int i = 0; i < 10; ++i) {
    while (channel_->RoomSeen() > 0) {
      sent.push_back(static_cast<int>(sent.size()));
      ASSERT_EQ(Put({sent.back()}), Outcome::kDone);
    }
    leases.push_back(std::make_unique<Receiver>(*channel_, kCapacity, true));
    ASSERT_EQ(leases.back()->Take(), Outcome::kDone);
  }
  for (; !leases.empty(); leases.pop_back()) leases.back()->Settle(0);
  EXPECT_EQ(channel_->ledger().queued, sent.size());
  EXPECT_EQ(TakeAll(), sent);
}

TEST_P(ChannelTest, DropOldest_ALeaseGivenBack_LeavesNoRoom) {
  constexpr int kCapacity = 16;
  channel_ = std::make_unique<Channel>(kItemType<Counted>, kCapacity, signals_);
  channel_->SetEnds({.receivers = 1, .overwrites = true});
  Values sent;
  const auto fill = [&] {
    while (Put({static_cast<int>(sent.size())}) == Outcome::kDone)
      sent.push_back(static_cast<int>(sent.size()));
  };
  fill();
  Receiver lease(*channel_, kCapacity, true);
  ASSERT_EQ(lease.Take(), Outcome::kDone);
  ASSERT_EQ(Put({16}), Outcome::kDone) << "it holds no room";
  sent.push_back(16);
  lease.Settle(0);
  fill();
  EXPECT_EQ(channel_->ledger().queued, 17u);
  EXPECT_EQ(TakeAll(), sent);
}

// Which is what workers that keep an order count by.
TEST_P(ChannelTest, DropOldest_PositionsAreThoseOfTheReceived) {
  channel_ = std::make_unique<Channel>(kItemType<Counted>, 2, signals_);
  channel_->SetEnds({.receivers = 2, .overwrites = true});
  SendPolicy drop_oldest;
  drop_oldest.when_full = WhenFull::kDropOldest;
  for (int round = 0; round < 3; ++round) {
    std::vector<Counted> items;
    for (int i = 0; i < 5; ++i) items.emplace_back(5 * round + i);
    SendingEnd end;
    end.policy = &drop_oldest;
    SendRequest request;
    request.sender = &end;
    request.items = items.data();
    request.count = items.size();
    ASSERT_EQ(channel_->Overflow(request), Outcome::kDone);
    for (int i = 0; i < 2; ++i) {
      Receiver receiver(*channel_);
      ASSERT_EQ(receiver.Take(), Outcome::kDone);
      EXPECT_EQ(receiver.got(), Values{5 * round + 3 + i});
      EXPECT_EQ(receiver.request.position, static_cast<uint64_t>(2 * round + i));
    }
  }
}

TEST_P(ChannelTest, Ledger_TellsWhatBecameOfEveryItem) {
  Open(4);
  Put({1, 2, 3});
  {
    Receiver receiver(*channel_, 1);
    receiver.Take();
  }
  Put({4, 5, 6, 7});  // room for two
  const Ledger ledger = channel_->ledger();
  EXPECT_EQ(ledger.accepted, 5u);
  EXPECT_EQ(ledger.received, 1u);
  EXPECT_EQ(ledger.queued, 4u);
  EXPECT_EQ(ledger.refused, 2u);
  EXPECT_EQ(ledger.high_water, 4u);
  EXPECT_TRUE(ledger.balanced());
  channel_->CloseReceiver();
  EXPECT_EQ(channel_->ledger().unread, 4u);
  EXPECT_EQ(channel_->ledger().queued, 0u);
}

TEST_P(ChannelTest, Put_ToAParkedReceiverThatHoldsALease_StaysWithinTheCapacity) {
  Open(4);
  Put({1, 2, 3});
  Receiver holds(*channel_, 3, true);
  ASSERT_EQ(holds.Take(), Outcome::kDone);
  Receiver parks(*channel_, 4, true);
  ASSERT_EQ(parks.Park(), Outcome::kNone);
  Sender sender(*channel_, {4, 5, 6});
  EXPECT_EQ(sender.Put(), Outcome::kNone);
  EXPECT_EQ(sender.sent(), 1u);
  EXPECT_EQ(parks.outcome(), Outcome::kDone);
  EXPECT_EQ(parks.got(), Values{4});
  EXPECT_EQ(channel_->ledger().queued, 4u);
  EXPECT_EQ(channel_->ledger().high_water, 4u);
  holds.Settle(3);
  parks.Settle(1);
}

Values ValuesOf(ItemBuffer& buffer) {
  Values values;
  for (size_t i = 0; i < buffer.size(); ++i)
    values.push_back(static_cast<Counted*>(buffer.data())[i].value());
  return values;
}

// A send of all that is in a buffer, which may be exchanged.
struct BufferSend : SendRequest {
  explicit BufferSend(const Values& values) {
    from.Reserve(values.size());
    for (const int value : values) {
      ::new (from.type().At(from.data(), from.size())) Counted(value);
      from.SetSize(from.size() + 1);
    }
    sender = &end;
    buffer = &from;
    items = from.data();
    count = from.size();
  }
  ItemBuffer from{kItemType<Counted>};
  SendingEnd end;
};

// A lease with a buffer, which waits for up to `max`.
struct BufferReceive : ReceiveRequest {
  BufferReceive(Channel& channel, size_t most) {
    held.Reserve(most);
    buffer = &held;
    into = held.data();
    max = most;
    lease = true;
    waiter = &receiver;
    receiver.Prepare();
    EXPECT_EQ(channel.ParkReceive(*this), Outcome::kNone);
    receiver.Publish();
  }
  Values Received() {
    held.SetSize(got);
    return ValuesOf(held);
  }
  ItemBuffer held{kItemType<Counted>};
  CountingWaiter receiver;
};

TEST_P(ChannelTest, Put_OfAWholeBuffer_ToAParkedLease_ExchangesThem) {
  Open(4);
  BufferReceive receive(*channel_, 4);
  BufferSend send({1, 2, 3});
  EXPECT_EQ(channel_->Put(send), Outcome::kDone);
  EXPECT_EQ(receive.Received(), (Values{1, 2, 3}));
  // A channel of many moves the items through its slots.
  EXPECT_EQ(receive.held.data() == send.items, single());
  EXPECT_EQ(ValuesOf(send.from), single() ? Values{} : (Values{-1, -1, -1}));
  EXPECT_EQ(channel_->ledger().queued, 3u) << "a lease";
  channel_->Settle(3, nullptr, 0);
  EXPECT_EQ(channel_->ledger().received, 3u);
}

TEST_P(ChannelTest, Put_OfABufferThatIsMoreThanTheLeaseWants_MovesWhatItWants) {
  Open(4);
  BufferReceive receive(*channel_, 2);
  BufferSend send({1, 2, 3});
  EXPECT_EQ(channel_->Put(send), Outcome::kDone);
  EXPECT_EQ(receive.Received(), (Values{1, 2}));
  EXPECT_EQ(ValuesOf(send.from), (Values{-1, -1, -1}));
  EXPECT_EQ(TakeAll(), Values{3});
  channel_->Settle(2, nullptr, 0);
}

TEST_P(ChannelTest, Put_OfWhatIsLeftOfABuffer_MovesIt) {
  Open(4);
  Put({0, 0, 0});
  BufferSend send({1, 2, 3});
  ASSERT_EQ(channel_->Put(send), Outcome::kNone);
  ASSERT_EQ(send.sent, 1u);
  ASSERT_EQ(TakeAll(), (Values{0, 0, 0, 1}));
  BufferReceive receive(*channel_, 4);
  EXPECT_EQ(channel_->Put(send), Outcome::kDone);
  EXPECT_EQ(receive.Received(), (Values{2, 3}));
  channel_->Settle(2, nullptr, 0);
}

TEST_P(ChannelTest, PutOne_AfterASendThatFoundNoMemoryForTheSlots_AsksForThem) {
  Open(4);
  FailAllocation(0);
  EXPECT_THROW(Put({1}), std::bad_alloc);
  FailAllocation(kNoFailure);
  Counted item(2);
  EXPECT_FALSE(channel_->PutOne(item));
  EXPECT_EQ(Put({2}), Outcome::kDone);
  EXPECT_EQ(channel_->PutOne(item), single());
}

TEST_P(ChannelTest, Destructor_DestroysItems) {
  Open(4);
  Put({1, 2});
  channel_.reset();
  EXPECT_EQ(CountedItems::alive(), 0);
}

// Between the moment at which a sender found the channel full and that at which it drops for its item, receivers may have come.
TEST_P(ChannelTest, Overflow_IntoAChannelThatIsEmptyByNow_ServesAllWhoWait) {
  channel_ = std::make_unique<Channel>(kItemType<Counted>, 1, signals_);
  channel_->SetEnds({.receivers = 3, .overwrites = true});
  SendPolicy policy;
  policy.when_full = WhenFull::kDropOldest;
  SendingEnd end;
  end.policy = &policy;
  std::vector<Counted> items;
  for (int i = 1; i <= 4; ++i) items.emplace_back(i);
  SendRequest batch;
  batch.items = items.data();
  batch.count = items.size();
  batch.sender = &end;
  ASSERT_EQ(channel_->Put(batch), Outcome::kNone);
  Receiver first(*channel_), a(*channel_), b(*channel_), c(*channel_);
  ASSERT_EQ(first.Take(), Outcome::kDone);
  for (Receiver* receiver : {&a, &b, &c}) ASSERT_EQ(receiver->Park(), Outcome::kNone);
  ASSERT_EQ(channel_->Overflow(batch), Outcome::kDone);
  EXPECT_EQ(a.got(), Values{2});
  EXPECT_EQ(b.got(), Values{3});
  EXPECT_EQ(c.got(), Values{4});
}

// --- Bounded in bytes: here an item takes as many as its value says ---

class BoundedBytesTest : public weir::testing::WeirTest {
 protected:
  BoundedBytesTest() {
    channel_->SetEnds({});
    channel_->BoundBytes(10, [](const void* item) {
      return static_cast<size_t>(static_cast<const Counted*>(item)->value());
    });
  }
  void TearDown() override {
    channel_.reset();
    WeirTest::TearDown();
  }
  Outcome Put(const Values& values) {
    Sender sender(*channel_, values);
    return sender.Put();
  }
  Outcome TakeOne() {
    Receiver receiver(*channel_);
    return receiver.Take();
  }

  RunSignals signals_;
  std::unique_ptr<Channel> channel_ = std::make_unique<Channel>(kItemType<Counted>, 64, signals_);
};

TEST_F(BoundedBytesTest, BytesThatHaveLeft_AreFreeAgain) {
  EXPECT_EQ(Put({5, 5}), Outcome::kDone);
  EXPECT_EQ(Put({1}), Outcome::kNone);
  EXPECT_EQ(TakeOne(), Outcome::kDone);
  EXPECT_EQ(Put({5}), Outcome::kDone);
  EXPECT_EQ(Put({1}), Outcome::kNone);
}

TEST_F(BoundedBytesTest, ASmallItem_DoesNotOvertakeALargerOneThatWaits) {
  EXPECT_EQ(Put({8}), Outcome::kDone);
  Sender large(*channel_, {5});
  ASSERT_EQ(large.Park(), Outcome::kNone);
  EXPECT_EQ(Put({2}), Outcome::kNone);
  EXPECT_EQ(TakeOne(), Outcome::kDone);
  EXPECT_EQ(large.outcome(), Outcome::kDone);
  EXPECT_EQ(Put({2}), Outcome::kDone);
}

TEST_F(BoundedBytesTest, SenderThatGivesUp_LetsThoseIn_ThatWaitBehindIt) {
  EXPECT_EQ(Put({6}), Outcome::kDone);
  Sender small(*channel_, {4}), next(*channel_, {1});
  {
    Sender large(*channel_, {8});
    ASSERT_EQ(large.Park(), Outcome::kNone);
    ASSERT_EQ(small.Park(), Outcome::kNone) << "it does not overtake";
    ASSERT_EQ(next.Park(), Outcome::kNone);
    ASSERT_TRUE(large.TimeOut());
    EXPECT_EQ(small.outcome(), Outcome::kNone);
  }  // which unlinks it
  EXPECT_EQ(small.outcome(), Outcome::kDone);
  EXPECT_EQ(small.waiter.woken, 1);
  EXPECT_EQ(next.outcome(), Outcome::kNone) << "there is no room for it";
}

// --- Bounds as large as a size_t: memory is taken as items come ---

class UnboundedItemsTest : public weir::testing::WeirTest,
                           public ::testing::WithParamInterface<size_t> {
 protected:
  // As large an array of them as the capacity says is more than there is memory.
  struct Large {
    Counted item;
    unsigned char padding[4096 - sizeof(Counted)];
    explicit Large(int value) : item(value) {}
    Large(Large&& other) noexcept : item(std::move(other.item)) {}
    int value() const { return item.value(); }
  };

  UnboundedItemsTest() {
    channel_->BoundBytes(1000, [](const void* item) {
      return static_cast<size_t>(static_cast<const Large*>(item)->value());
    });
  }
  void TearDown() override {
    EXPECT_TRUE(channel_->ledger().balanced());
    channel_.reset();
    WeirTest::TearDown();
  }
  void Open(const SendPolicy* policy = nullptr) {
    end_.policy = policy;
    channel_->SetEnds({.overwrites = policy != nullptr});
  }
  Outcome Put(int value) {
    Large item(value);
    SendRequest request;
    request.items = &item;
    request.count = 1;
    request.sender = &end_;
    return channel_->Put(request);
  }
  // The values, which are numbers of bytes too.
  Values Take(size_t count) {
    Values values;
    while (values.size() < count) {
      alignas(Large) unsigned char room[sizeof(Large)];
      ReceiveRequest request;
      request.into = room;
      if (channel_->Take(request) != Outcome::kDone) break;
      Large& item = *std::launder(reinterpret_cast<Large*>(room));
      values.push_back(item.value());
      item.~Large();
    }
    return values;
  }

  RunSignals signals_;
  SendingEnd end_;
  std::unique_ptr<Channel> channel_ =
      std::make_unique<Channel>(kItemType<Large>, GetParam(), signals_);
};

INSTANTIATE_TEST_SUITE_P(Capacities, UnboundedItemsTest,
                         ::testing::Values(SIZE_MAX, SIZE_MAX / 2 + 2, size_t{1} << 40));

TEST_P(UnboundedItemsTest, ItemsComeOutInOrder) {
  Open();
  int in = 0, out = 0;
  for (int round = 0; round < 50; ++round) {
    for (int i = 0; i < 7; ++i) ASSERT_EQ(Put(in++ % 50), Outcome::kDone);
    for (const int value : Take(round % 5 == 4 ? SIZE_MAX : 5)) EXPECT_EQ(value, out++ % 50);
  }
  for (const int value : Take(SIZE_MAX)) EXPECT_EQ(value, out++ % 50);
  EXPECT_EQ(out, in);
}

TEST_P(UnboundedItemsTest, ParkedSenders_AreAdmittedAsBytesAreFree) {
  Open();
  ASSERT_EQ(Put(900), Outcome::kDone);
  std::vector<Large> items;
  for (int i = 0; i < 40; ++i) items.emplace_back(30);
  CountingWaiter waiter;
  SendRequest batch;
  batch.items = items.data();
  batch.count = items.size();
  batch.sender = &end_;
  batch.waiter = &waiter;
  waiter.Prepare();
  ASSERT_EQ(channel_->ParkSend(batch), Outcome::kNone);
  waiter.Publish();
  EXPECT_EQ(batch.sent, 3u);
  EXPECT_EQ(Take(1), Values{900});
  EXPECT_EQ(batch.sent, 33u);
  EXPECT_EQ(Take(SIZE_MAX).size(), 40u);
  EXPECT_EQ(batch.sent, 40u);
  EXPECT_EQ(waiter.woken, 1);
  channel_->UnlinkSend(batch);
}

// The receiver moves their items in, on its own thread: the memory for it was theirs to find.
TEST_P(UnboundedItemsTest, ParkedSenders_AreAdmittedWithoutMemory) {
  Open();
  ASSERT_EQ(Put(1000), Outcome::kDone);
  struct Parked {
    Large item{10};
    CountingWaiter waiter;
    SendRequest request;
  };
  std::vector<std::unique_ptr<Parked>> senders;
  for (int i = 0; i < 100; ++i) {
    Parked& sender = *senders.emplace_back(std::make_unique<Parked>());
    sender.request.items = &sender.item;
    sender.request.count = 1;
    sender.request.sender = &end_;
    sender.request.waiter = &sender.waiter;
    sender.waiter.Prepare();
    ASSERT_EQ(channel_->ParkSend(sender.request), Outcome::kNone);
    sender.waiter.Publish();
  }
  FailAllocation(0);
  EXPECT_EQ(Take(1), Values{1000});
  EXPECT_NE(FailAllocation(kNoFailure), kNoFailure) << "an allocation was tried";
  for (auto& sender : senders) EXPECT_EQ(sender->waiter.woken, 1);
  EXPECT_EQ(Take(SIZE_MAX).size(), 100u);
}

TEST_P(UnboundedItemsTest, DropOldest_MakesRoomInBytes) {
  SendPolicy policy;
  policy.when_full = WhenFull::kDropOldest;
  Open(&policy);
  for (int i = 0; i < 30; ++i) {
    Large item(100);
    SendRequest request;
    request.items = &item;
    request.count = 1;
    request.sender = &end_;
    Outcome outcome = channel_->Put(request);
    if (outcome == Outcome::kNone) outcome = channel_->Overflow(request);
    ASSERT_EQ(outcome, Outcome::kDone);
  }
  EXPECT_EQ(Take(SIZE_MAX), Values(10, 100));
  EXPECT_EQ(channel_->ledger().dropped, 20u);
}

// What an overwriting channel gets back from a lease has its slots, whatever came meanwhile.
TEST_P(UnboundedItemsTest, DropOldest_WhatALeaseGivesBack_ComesFirst) {
  SendPolicy policy;
  policy.when_full = WhenFull::kDropOldest;
  Open(&policy);
  for (int i = 1; i <= 16; ++i) ASSERT_EQ(Put(i), Outcome::kDone);
  std::vector<Large> room;
  room.reserve(16);
  ReceiveRequest lease;
  lease.into = room.data();
  lease.max = 16;
  lease.lease = true;
  ASSERT_EQ(channel_->Take(lease), Outcome::kDone);
  ASSERT_EQ(lease.got, 16u);
  for (int i = 17; i <= 40; ++i) ASSERT_EQ(Put(i), Outcome::kDone);
  channel_->Settle(0, lease.into, lease.got);
  Values expected;
  for (int i = 1; i <= 40; ++i) expected.push_back(i);
  EXPECT_EQ(Take(SIZE_MAX), expected);
}

}  // namespace
}  // namespace weir::internal
