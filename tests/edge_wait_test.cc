#include "weir/core/edge_wait.h"

#include <gtest/gtest.h>

#include "weir/core/item_type.h"

namespace weir::internal {
namespace {

// Says whether its request was still linked when it was destroyed: then a thread at the channel's other end could claim it.
class ShortLived final : public Waiter {
 public:
  ~ShortLived() { was_linked = link != nullptr && link->linked(); }
  void Wake() override {}
  Outcome End(Outcome outcome) {
    WakeList wakes;
    Claim(outcome, wakes);
    return Resumed().outcome;
  }

  static inline const WaitLink* link = nullptr;
  static inline bool was_linked = false;
};

class EdgeWaitTest : public ::testing::Test {
 protected:
  EdgeWaitTest() { channel_.SetEnds({}); }
  ~EdgeWaitTest() override { ShortLived::link = nullptr; }
  Outcome Send(int value, Outcome end) {
    SendRequest request;
    request.items = &value;
    request.count = 1;
    request.sender = &end_;
    ShortLived::link = &request;
    return SendFromThread<ShortLived>(channel_, request, true,
                                      [&](ShortLived& waiter) { return waiter.End(end); });
  }
  Outcome Receive(Outcome end) {
    int value = 0;
    ReceiveRequest request;
    request.into = &value;
    ShortLived::link = &request;
    return ReceiveFromThread<ShortLived>(channel_, request, true,
                                         [&](ShortLived& waiter) { return waiter.End(end); });
  }

  RunSignals signals_;
  Channel channel_{kItemType<int>, 1, signals_};
  SendingEnd end_;
};

TEST_F(EdgeWaitTest, SendThatGivesUp_UnlinksItsRequestWhileItsWaiterLives) {
  ASSERT_EQ(Send(1, Outcome::kNone), Outcome::kDone);
  EXPECT_EQ(Send(2, Outcome::kTimedOut), Outcome::kTimedOut);
  EXPECT_FALSE(ShortLived::was_linked);
  EXPECT_EQ(Send(3, Outcome::kCancelled), Outcome::kCancelled);
  EXPECT_FALSE(ShortLived::was_linked);
}

TEST_F(EdgeWaitTest, ReceiveThatGivesUp_UnlinksItsRequestWhileItsWaiterLives) {
  EXPECT_EQ(Receive(Outcome::kTimedOut), Outcome::kTimedOut);
  EXPECT_FALSE(ShortLived::was_linked);
}

}  // namespace
}  // namespace weir::internal
