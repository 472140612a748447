// The single channel, whose two ends go on without the lock: nobody is left waiting, nothing is lost or seen twice, and every
// end and every cancellation is seen, in all schedules of up to three preemptions.
#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "tests/interleaving/parked.h"
#include "weir/core/channel.h"
#include "weir/core/edge_wait.h"
#include "weir/interleaving.h"

namespace weir::internal {
namespace {

using interleaving::World;
using Values = std::vector<int>;

class ChannelInterleavingTest : public ::testing::Test {
 protected:
  // What the threads of one schedule share.
  struct Shared {
    explicit Shared(size_t capacity) : channel(kItemType<int>, capacity, signals) {
      channel.SetEnds({.single = true});
    }
    RunSignals signals;
    Channel channel;
    SendingEnd end;
    // A timer: armed once the send is parked, and joined when it is disarmed.
    void Arm(Parked* waiter) {
      MutexLock lock(timer);
      sending = waiter;
    }
    // As a send's timer does.
    void Fire() {
      WakeList wakes;
      MutexLock lock(timer);
      if (sending == nullptr) return;
      const bool room = channel.RoomSeen() > 0;
      channel.AdmitAtDeadline(wakes);
      if (sending->Claim(Outcome::kTimedOut, wakes)) timed_out_beside_room |= room;
    }
    Mutex timer;
    bool fires = false;
    Parked* sending = nullptr;
    Values received;
    Values refused;
    size_t sent = 0;
    bool sent_and_timed_out = false;
    bool timed_out_beside_room = false;
    Outcome last_send = Outcome::kNone;
    Outcome last_receive = Outcome::kNone;
  };

  void Explore(size_t capacity, const std::function<World::Threads(Shared&)>& threads,
               const std::function<std::string(Shared&)>& check) {
    std::unique_ptr<Shared> shared;
    const World::Result result = World::Explore(
        kPreemptions,
        [&] {
          shared = std::make_unique<Shared>(capacity);
          return threads(*shared);
        },
        [&]() -> std::string {
          std::string wrong = check(*shared);
          const Ledger ledger = shared->channel.ledger();
          if (!ledger.balanced()) wrong += "; the ledger does not balance";
          if (ledger.high_water > capacity) wrong += "; more than the capacity was inside";
          if (!wrong.empty()) {
            absl::StrAppend(&wrong, ": received ", absl::StrJoin(shared->received, ","),
                            ", refused ", absl::StrJoin(shared->refused, ","), ", unread ",
                            ledger.unread);
          }
          return wrong;
        });
    EXPECT_EQ(result.wrong, "");
    EXPECT_GT(result.schedules, 500u) << "the threads do not meet";
    RecordProperty("schedules", std::to_string(result.schedules));
  }

  // As an operation does: tries, parks, unlinks.
  static Outcome Put(Shared& shared, SendRequest& request) {
    Parked waiter;
    request.sender = &shared.end;
    request.waiter = &waiter;
    request.alone = !shared.fires;
    Outcome outcome = Outcome::kDone;
    if (request.count == 1 && shared.channel.PutOne(*static_cast<int*>(request.items))) {
      request.sent = 1;
    } else {
      outcome = shared.channel.Put(request);
    }
    bool early = false;
    if (outcome == Outcome::kNone) {
      waiter.Prepare();
      outcome = shared.channel.ParkSend(request);
      if (outcome == Outcome::kNone) shared.Arm(&waiter);
      const Waiter::Result result = waiter.Await(outcome, request.alone);
      shared.Arm(nullptr);
      outcome = result.outcome;
      early = result.early;
    }
    if (early || outcome != Outcome::kDone) shared.channel.UnlinkSend(request);
    return outcome;
  }

  // Sends `values` in batches of `size`, and closes.
  static void Send(Shared& shared, Values values, size_t size, bool close = true) {
    for (size_t at = 0; at < values.size(); at += size) {
      SendRequest request;
      request.items = values.data() + at;
      request.count = std::min(size, values.size() - at);
      const Outcome outcome = Put(shared, request);
      for (size_t i = request.sent; i < request.count; ++i)
        shared.refused.push_back(static_cast<int*>(request.items)[i]);
      shared.last_send = outcome;
      shared.sent += request.sent;
      shared.sent_and_timed_out |= outcome == Outcome::kTimedOut && request.sent == request.count;
      if (outcome == Outcome::kClosed || outcome == Outcome::kCancelled) break;
    }
    if (!close) return;
    WakeList wakes;
    shared.channel.CloseSender(shared.end, wakes);
  }

  // The same as a source does it: it waits for room, and sends no more than there is room for. False if a send had to wait.
  static bool SendWhereThereIsRoom(Shared& shared, Values values) {
    bool at_once = true;
    for (size_t at = 0; at < values.size();) {
      if (shared.channel.RoomSeen() == 0) {
        SendRequest room;
        room.room_only = true;
        shared.last_send = Put(shared, room);
        if (shared.last_send != Outcome::kDone) break;
      }
      SendRequest request;
      request.sender = &shared.end;
      request.items = values.data() + at;
      request.count = std::min(shared.channel.RoomSeen(), values.size() - at);
      shared.last_send = shared.channel.Put(request);
      at_once = at_once && shared.last_send != Outcome::kNone;
      if (shared.last_send != Outcome::kDone) break;
      at += request.count;
    }
    WakeList wakes;
    shared.channel.CloseSender(shared.end, wakes);
    return at_once;
  }

  // Receives, up to `max` at a time, until the end or until there are `enough`; then ends as the last receiver.
  static void Receive(Shared& shared, size_t max, bool lease, size_t enough = SIZE_MAX) {
    size_t settle = 0;
    while (shared.received.size() < enough) {
      Values room(max);
      Parked waiter;
      ReceiveRequest request;
      request.into = room.data();
      request.max = max;
      request.lease = lease;
      request.waiter = &waiter;
      request.alone = true;
      Outcome outcome = Outcome::kDone;
      if (max == 1 && !lease && shared.channel.TakeOne(room.data())) {
        request.got = 1;
      } else {
        outcome = shared.channel.Take(request, std::exchange(settle, 0));
      }
      if (outcome == Outcome::kNone) {
        waiter.Prepare();
        const Waiter::Result result =
            waiter.Await(shared.channel.ParkReceive(request), request.alone);
        outcome = result.outcome;
        if (result.early || outcome != Outcome::kDone) shared.channel.UnlinkReceive(request);
      }
      shared.last_receive = outcome;
      if (outcome != Outcome::kDone) break;
      for (size_t i = 0; i < request.got; ++i) shared.received.push_back(room[i]);
      if (lease) settle = request.got;
    }
    if (settle > 0) shared.channel.Settle(settle, nullptr, 0);
    shared.channel.CloseReceiver();
  }

  static std::string AllReceived(Shared& shared, const Values& values) {
    if (shared.received != values) return "not all was received, in order";
    if (shared.last_receive != Outcome::kEnd) return "the end was not seen";
    return "";
  }

  static constexpr int kPreemptions = 3;
};

TEST_F(ChannelInterleavingTest, OneByOne_ThroughARoomOfOne) {
  Explore(
      1,
      [](Shared& shared) -> World::Threads {
        return {[&] { Send(shared, {1, 2, 3}, 1); }, [&] { Receive(shared, 1, false); }};
      },
      [](Shared& shared) {
        return AllReceived(shared, {1, 2, 3});
      });
}

TEST_F(ChannelInterleavingTest, OneByOne_TheSenderIsWokenAtTheLowWatermark) {
  Explore(
      4,
      [](Shared& shared) -> World::Threads {
        return {[&] { Send(shared, {1, 2, 3, 4, 5, 6}, 1); }, [&] { Receive(shared, 1, false); }};
      },
      [](Shared& shared) {
        return AllReceived(shared, {1, 2, 3, 4, 5, 6});
      });
}

TEST_F(ChannelInterleavingTest, ReceiverWaitsForSomethingElse_TheSenderGetsTheRoomThatThereIs) {
  // The receiver takes one of four, which is not worth waking anybody for, and then waits for the sender to have sent five.
  Explore(
      4,
      [](Shared& shared) -> World::Threads {
        return {[&] {
                  Send(shared, {1, 2, 3, 4, 5}, 1);
                },
                [&] {
                  int first = 0;
                  ReceiveRequest request;
                  request.into = &first;
                  World::current()->WaitUntil([&] { return shared.sending != nullptr; });
                  if (shared.channel.Take(request) == Outcome::kDone)
                    shared.received.push_back(first);
                  shared.channel.AdmitOwed();
                  World::current()->WaitUntil([&] { return shared.sent == 5; });
                  Receive(shared, 4, false);
                }};
      },
      [](Shared& shared) {
        return AllReceived(shared, {1, 2, 3, 4, 5});
      });
}

TEST_F(ChannelInterleavingTest, SingleItemsTakenUnseen_TheSenderGetsTheRoomBeforeTheReceiverWaits) {
  // With a capacity of four the receiver looks for the parked sender with each second item: the first take and the third go
  // unseen by one that is about to park.
  for (const size_t takes : {1, 3}) {
    Explore(
        4,
        [takes](Shared& shared) -> World::Threads {
          return {[&] {
                    Send(shared, {1, 2, 3, 4, 5}, 1);
                  },
                  [&, takes] {
                    for (size_t i = 0; i < takes; ++i) {
                      int item = 0;
                      World::current()->WaitUntil(
                          [&] { return shared.sending != nullptr || shared.sent > i; });
                      if (!shared.channel.TakeOne(&item)) break;
                      shared.received.push_back(item);
                    }
                    shared.channel.AdmitOwed();
                    World::current()->Step();  // what it has stored may still be on its way
                    World::current()->WaitUntil([&] { return shared.sent == 5; });
                    Receive(shared, 1, false);
                  }};
        },
        [](Shared& shared) {
          return AllReceived(shared, {1, 2, 3, 4, 5});
        });
  }
}

TEST_F(ChannelInterleavingTest, WaitingForRoom_WhatIsSentThenGoesInAtOnce) {
  for (const bool lease : {false, true}) {
    bool at_once = false;
    Explore(
        2,
        [&](Shared& shared) -> World::Threads {
          return {[&] {
                    at_once = SendWhereThereIsRoom(shared, {1, 2, 3, 4, 5});
                  },
                  [&, lease] { Receive(shared, 2, lease); }};
        },
        [&](Shared& shared) {
          return at_once ? AllReceived(shared, {1, 2, 3, 4, 5}) : "a send had to wait";
        });
  }
}

TEST_F(ChannelInterleavingTest, WaitingForRoom_ReceiverEnds_TheSenderIsTold) {
  Explore(
      1,
      [](Shared& shared) -> World::Threads {
        return {[&] {
                  SendWhereThereIsRoom(shared, {1, 2, 3});
                },
                [&] { Receive(shared, 1, false, 1); }};
      },
      [](Shared& shared) -> std::string {
        if (shared.received != Values{1}) return "the first was not received";
        if (shared.last_send != Outcome::kClosed && shared.channel.ledger().accepted != 3)
          return "the sender was not told";
        return "";
      });
}

TEST_F(ChannelInterleavingTest, Batches_LargerThanTheRoom_IntoLeases) {
  Explore(
      2,
      [](Shared& shared) -> World::Threads {
        return {[&] { Send(shared, {1, 2, 3, 4, 5}, 5); }, [&] { Receive(shared, 2, true); }};
      },
      [](Shared& shared) {
        return AllReceived(shared, {1, 2, 3, 4, 5});
      });
}

TEST_F(ChannelInterleavingTest, ReceiverEndsEarly_WhatIsLeftIsUnreadOrRefused) {
  Explore(
      2,
      [](Shared& shared) -> World::Threads {
        return {[&] { Send(shared, {1, 2, 3, 4}, 1); }, [&] { Receive(shared, 1, false, 1); }};
      },
      [](Shared& shared) -> std::string {
        const Ledger ledger = shared.channel.ledger();
        if (shared.received != Values{1}) return "the first was not received";
        if (ledger.queued != 0) return "something stayed in the channel";
        if (ledger.received != 1) return "what was not received is counted as received";
        if (shared.last_send != Outcome::kClosed && ledger.accepted != 4)
          return "the sender was not told";
        return "";
      });
}

TEST_F(ChannelInterleavingTest, SendTimesOut_TheItemIsTheSendersOrReceived) {
  Explore(
      1,
      [](Shared& shared) -> World::Threads {
        shared.fires = true;
        return {[&] {
                  Send(shared, {1, 2, 3}, 1);
                },
                [&] { Receive(shared, 1, false); }, [&] { shared.Fire(); }};
      },
      [](Shared& shared) -> std::string {
        Values all = shared.received;
        all.insert(all.end(), shared.refused.begin(), shared.refused.end());
        std::sort(all.begin(), all.end());
        if (all != Values{1, 2, 3}) return "an item was lost, or is there twice";
        if (shared.refused.size() > 1) return "more than one timed out";
        if (shared.sent_and_timed_out) return "a send that timed out has sent its item";
        if (shared.timed_out_beside_room) return "a send timed out though there was room";
        if (shared.last_receive != Outcome::kEnd) return "the end was not seen";
        return "";
      });
}

// --- Threads of the program, at a graph's edge ---

// Waits as a thread at the edge does; a timer claims it.
class AtEdge final : public Parked {
 public:
  ~AtEdge() { ended_linked |= link != nullptr && link->linked(); }
  static inline const WaitLink* link = nullptr;
  static inline bool ended_linked = false;
};

TEST_F(ChannelInterleavingTest, AtTheEdge_ASendGivesUpBesideAReceive_TheItemIsTheSendersOrReceived) {
  AtEdge::ended_linked = false;
  Explore(
      1,
      [](Shared& shared) -> World::Threads {
        shared.channel.SetEnds({});  // as at every edge: any thread may send, so it is never single
        const auto send = [&shared] {
          Values values = {1, 2};
          for (int& value : values) {
            SendRequest request;
            request.items = &value;
            request.count = 1;
            request.sender = &shared.end;
            AtEdge::link = &request;
            const Outcome outcome =
                SendFromThread<AtEdge>(shared.channel, request, true, [&](AtEdge& waiter) {
                  shared.Arm(&waiter);
                  const Waiter::Result result = waiter.Await(Outcome::kNone);
                  shared.Arm(nullptr);
                  return result.outcome;
                });
            AtEdge::link = nullptr;
            if (request.sent == 0) shared.refused.push_back(value);
            shared.sent_and_timed_out |= request.sent > 0 && outcome != Outcome::kDone;
          }
          WakeList wakes;
          shared.channel.CloseSender(shared.end, wakes);
        };
        const auto receive = [&shared] {
          while (shared.last_receive != Outcome::kEnd) {
            int value = 0;
            ReceiveRequest request;
            request.into = &value;
            shared.last_receive = ReceiveFromThread<Parked>(
                shared.channel, request, true,
                [](Parked& waiter) { return waiter.Await(Outcome::kNone).outcome; });
            if (shared.last_receive == Outcome::kDone) shared.received.push_back(value);
          }
        };
        return {send, receive, [&shared] { shared.Fire(); }};
      },
      [](Shared& shared) -> std::string {
        Values all = shared.received;
        all.insert(all.end(), shared.refused.begin(), shared.refused.end());
        std::sort(all.begin(), all.end());
        if (all != Values{1, 2}) return "an item was lost, or is there twice";
        if (shared.sent_and_timed_out) return "a send that timed out has sent its item";
        if (AtEdge::ended_linked) return "a waiter ended before its request was unlinked";
        return "";
      });
}

TEST_F(ChannelInterleavingTest, AtTheEdge_ReceivesBesideTheEndOfTheLastReceiver_NoItemTwice) {
  Explore(
      3,
      [](Shared& shared) -> World::Threads {
        shared.channel.SetEnds({});
        const auto receive = [&shared] {
          for (int i = 0; i < 2; ++i) {
            int value = 0;
            ReceiveRequest request;
            request.into = &value;
            const Outcome outcome = ReceiveFromThread<Parked>(
                shared.channel, request, false, [](Parked&) { return Outcome::kNone; });
            if (outcome == Outcome::kDone) shared.received.push_back(value);
          }
        };
        return {[&shared] { Send(shared, {1, 2, 3}, 1); }, receive,
                [&shared] { shared.channel.CloseReceiver(); }};
      },
      [](Shared& shared) -> std::string {
        const Ledger ledger = shared.channel.ledger();
        if (ledger.queued != 0) return "something stayed in the channel";
        if (ledger.received != shared.received.size()) return "what was received is miscounted";
        if (ledger.accepted + shared.refused.size() > 3) return "more items than were sent";
        for (size_t i = 0; i < shared.received.size(); ++i) {
          if (shared.received[i] < 1 || shared.received[i] > 3) return "an item that was never sent";
          if (i > 0 && shared.received[i] <= shared.received[i - 1]) return "an item came twice";
        }
        return "";
      });
}

// --- A wait on two single channels ---

class SelectInterleavingTest : public ::testing::Test {
 protected:
  struct Shared {
    Shared() {
      for (Channel* channel : {&a, &b}) channel->SetEnds({.single = true});
    }
    RunSignals signals;
    Channel a{kItemType<int>, 1, signals}, b{kItemType<int>, 1, signals};
    SendingEnd ends[2];
    Values received[2];
    bool ended[2] = {false, false};
    Values sent[2];
    bool watched = false;
    std::string wrong;
    Channel& channel(int i) { return i == 0 ? a : b; }
  };

  static void Explore(const std::function<World::Threads(Shared&)>& threads,
                      const std::function<std::string(Shared&)>& check) {
    std::unique_ptr<Shared> shared;
    const World::Result result = World::Explore(
        2,
        [&] {
          shared = std::make_unique<Shared>();
          return threads(*shared);
        },
        [&]() -> std::string {
          if (!shared->wrong.empty()) return shared->wrong;
          for (const int i : {0, 1}) {
            if (!shared->channel(i).ledger().balanced()) return "a ledger does not balance";
          }
          return check(*shared);
        });
    EXPECT_EQ(result.wrong, "");
    EXPECT_GT(result.schedules, 500u) << "the threads do not meet";
  }

  static void Send(Shared& shared, int i, Values values) {
    for (int& value : values) {
      Parked waiter;
      SendRequest request;
      request.items = &value;
      request.count = 1;
      request.sender = &shared.ends[i];
      request.waiter = &waiter;
      request.alone = true;
      if (shared.channel(i).PutOne(value)) continue;
      Outcome outcome = shared.channel(i).Put(request);
      if (outcome != Outcome::kNone) continue;
      waiter.Prepare();
      const Waiter::Result result =
          waiter.Await(shared.channel(i).ParkSend(request), request.alone);
      if (result.early || result.outcome != Outcome::kDone) shared.channel(i).UnlinkSend(request);
      if (result.outcome != Outcome::kDone) shared.wrong = "a send was not done";
    }
    WakeList wakes;
    shared.channel(i).CloseSender(shared.ends[i], wakes);
  }

  static void Receive(Shared& shared, int i) {
    while (true) {
      int item = 0;
      Parked waiter;
      ReceiveRequest request;
      request.into = &item;
      request.waiter = &waiter;
      request.alone = true;
      Outcome outcome = shared.channel(i).Take(request);
      if (outcome == Outcome::kNone) {
        waiter.Prepare();
        const Waiter::Result result =
            waiter.Await(shared.channel(i).ParkReceive(request), request.alone);
        outcome = result.outcome;
        if (result.early || outcome != Outcome::kDone) shared.channel(i).UnlinkReceive(request);
      }
      if (outcome != Outcome::kDone) break;
      shared.received[i].push_back(item);
    }
    shared.channel(i).CloseReceiver();
  }

  // As SelectOperation does, over both inputs, until both have ended.
  static void SelectReceives(Shared& shared) {
    while (!shared.ended[0] || !shared.ended[1]) {
      int room[2];
      ReceiveRequest requests[2];
      int which = -1;
      Outcome outcome = Outcome::kNone;
      for (const int i : {0, 1}) {
        requests[i].into = &room[i];
        if (shared.ended[i] || outcome != Outcome::kNone) continue;
        outcome = shared.channel(i).Take(requests[i]);
        if (outcome != Outcome::kNone) which = i;
      }
      if (outcome == Outcome::kNone) {
        Parked waiter;
        waiter.Prepare();
        for (const int i : {0, 1}) shared.channel(i).AdmitOwed();
        bool linked = true;
        for (const int i : {0, 1}) {
          requests[i].waiter = &waiter;
          requests[i].bounded = i == 0 && !shared.ended[1];  // the last speaks for both
          if (!shared.ended[i] && linked) linked = shared.channel(i).SelectReceive(requests[i]);
        }
        outcome = waiter.Await(Outcome::kNone).outcome;
        for (const int i : {0, 1}) {
          shared.channel(i).UnlinkReceive(requests[i]);
          if (!requests[i].won) continue;
          if (which >= 0) shared.wrong = "two cases were chosen";
          which = i;
        }
      }
      if (which < 0) {
        shared.wrong = "no case was chosen";
        return;
      }
      if (requests[1 - which].got > 0) shared.wrong = "a case that was not chosen took an item";
      if (outcome == Outcome::kDone) {
        shared.received[which].push_back(room[which]);
      } else {
        shared.ended[which] = true;
      }
    }
    for (const int i : {0, 1}) shared.channel(i).CloseReceiver();
  }

  // The same over both outputs, until all of `values` is sent.
  static void SelectSends(Shared& shared, Values values) {
    for (int& value : values) {
      SendRequest requests[2];
      int which = -1;
      Outcome outcome = Outcome::kNone;
      for (const int i : {0, 1}) {
        requests[i].items = &value;
        requests[i].count = 1;
        requests[i].sender = &shared.ends[i];
        requests[i].refusable = false;
        requests[i].bounded = true;
        if (outcome != Outcome::kNone) continue;
        outcome = shared.channel(i).Put(requests[i]);
        if (outcome != Outcome::kNone) which = i;
      }
      if (outcome == Outcome::kNone) {
        Parked waiter;
        waiter.Prepare();
        bool linked = true;
        for (const int i : {0, 1}) {
          requests[i].waiter = &waiter;
          if (linked) linked = shared.channel(i).SelectSend(requests[i]);
        }
        outcome = waiter.Await(Outcome::kNone).outcome;
        for (const int i : {0, 1}) {
          shared.channel(i).UnlinkSend(requests[i]);
          if (requests[i].won) which = i;
        }
      }
      if (outcome != Outcome::kDone || which < 0) {
        shared.wrong = "a send was not done";
        return;
      }
      if (requests[0].sent + requests[1].sent != 1) shared.wrong = "not sent once";
      shared.sent[which].push_back(value);
    }
    WakeList wakes;
    for (const int i : {0, 1}) shared.channel(i).CloseSender(shared.ends[i], wakes);
  }
};

TEST_F(SelectInterleavingTest, TwoInputs_EveryItemOnce_EveryEndOnce) {
  Explore(
      [](Shared& shared) -> World::Threads {
        return {[&] { SelectReceives(shared); },
                [&] {
                  Send(shared, 0, {1, 2});
                },
                [&] {
                  Send(shared, 1, {11, 12});
                }};
      },
      [](Shared& shared) -> std::string {
        if (shared.received[0] != Values{1, 2} || shared.received[1] != Values{11, 12})
          return "not all was received, in order";
        return "";
      });
}

// The watch that closes quiet loops must not take a receiver with an item in its hands for one that waits.
TEST_F(SelectInterleavingTest, TwoInputs_WithAnItemInHand_DoNotLookQuiet) {
  Explore(
      [](Shared& shared) -> World::Threads {
        for (const int i : {0, 1}) shared.channel(i).SetEnds({.single = false});
        return {[&] { SelectReceives(shared); },
                [&] {
                  int item = 1;
                  SendRequest request;
                  request.items = &item;
                  request.count = 1;
                  request.sender = &shared.ends[0];
                  if (shared.a.Put(request) == Outcome::kDone) shared.sent[0] = {item};
                  Send(shared, 1, {});
                  World::current()->WaitUntil([&] { return shared.watched; });
                  Send(shared, 0, {});
                },
                [&] {
                  for (const int i : {0, 1}) shared.channel(i).LockForLoop();
                  const int waiting[] = {shared.a.WaitingForItemsOnly(),
                                         shared.b.WaitingForItemsOnly()};
                  const bool quiet =
                      waiting[0] >= 0 && waiting[1] >= 0 && waiting[0] + waiting[1] > 0;
                  if (waiting[0] + waiting[1] > 1) shared.wrong = "one receiver was counted twice";
                  if (quiet && shared.received[0] != shared.sent[0])
                    shared.wrong = "an item was in hand, and all looked quiet";
                  for (const int i : {1, 0}) shared.channel(i).UnlockForLoop();
                  shared.watched = true;
                }};
      },
      [](Shared& shared) -> std::string {
        return shared.received[0] == Values{1} ? "" : "not all was received";
      });
}

TEST_F(SelectInterleavingTest, TwoOutputs_EveryItemOnce) {
  Explore(
      [](Shared& shared) -> World::Threads {
        return {[&] {
                  SelectSends(shared, {1, 2, 3, 4});
                },
                [&] { Receive(shared, 0); }, [&] { Receive(shared, 1); }};
      },
      [](Shared& shared) -> std::string {
        if (shared.received[0] != shared.sent[0] || shared.received[1] != shared.sent[1])
          return "what was sent was not received";
        return "";
      });
}

TEST_F(ChannelInterleavingTest, Cancel_BothEndsAreTold_NothingIsTakenForTheEnd) {
  Explore(
      1,
      [](Shared& shared) -> World::Threads {
        return {[&] {
                  Send(shared, {1, 2, 3}, 1);
                },
                [&] { Receive(shared, 1, false); },
                [&] {
                  shared.signals.cancelled.store(true);
                  shared.channel.Cancel();
                }};
      },
      [](Shared& shared) -> std::string {
        shared.channel.Discard();
        const bool complete = shared.received == Values{1, 2, 3};
        if (shared.last_receive == Outcome::kEnd && !complete) return "a cut-off input ended";
        if (shared.last_receive != Outcome::kEnd && shared.last_receive != Outcome::kCancelled)
          return "no end";
        return "";
      });
}

}  // namespace
}  // namespace weir::internal
