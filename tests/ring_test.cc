#include "weir/core/ring.h"

#include "weir/testing.h"

namespace weir::internal {
namespace {

using weir::testing::Counted;
using weir::testing::CountedItems;

class RingTest : public weir::testing::WeirTest {
 protected:
  int PopFront() {
    const int value = ring_.front().value();
    ring_.PopFront();
    return value;
  }
  void PushBack(int value) {
    ring_.Reserve(ring_.size() + 1);
    ring_.PushBack(Counted(value));
  }

  Ring<Counted> ring_;
};

TEST_F(RingTest, PushAndPop_AreFirstInFirstOut) {
  for (int i = 0; i < 5; ++i) PushBack(i);
  for (int i = 0; i < 5; ++i) EXPECT_EQ(PopFront(), i);
  EXPECT_EQ(ring_.size(), 0u);
}

TEST_F(RingTest, PushFront_ComesOutFirst) {
  ring_.Reserve(3);
  ring_.PushBack(Counted(2));
  ring_.PushFront(Counted(1));
  ring_.PushFront(Counted(0));
  for (int i = 0; i < 3; ++i) EXPECT_EQ(PopFront(), i);
}

TEST_F(RingTest, Reserve_GrowsAroundTheWrap_KeepsOrder) {
  // The first item stands in the middle of the storage when it grows.
  int pushed = 0, popped = 0;
  for (; pushed < 16; ++pushed) PushBack(pushed);
  for (; popped < 9; ++popped) EXPECT_EQ(PopFront(), popped);
  for (; pushed < 16 + 50; ++pushed) PushBack(pushed);
  EXPECT_EQ(CountedItems::alive(), pushed - popped);
  for (; popped < pushed; ++popped) EXPECT_EQ(PopFront(), popped);
}

TEST_F(RingTest, PopFront_DestroysAtOnce) {
  PushBack(1);
  PushBack(2);
  EXPECT_EQ(CountedItems::alive(), 2);
  ring_.PopFront();
  EXPECT_EQ(CountedItems::alive(), 1);
  ring_.PopFront();
}

TEST_F(RingTest, Move_LeavesTheSourceEmptyAndUsable) {
  PushBack(1);
  Ring<Counted> other(std::move(ring_));
  EXPECT_EQ(ring_.size(), 0u);
  EXPECT_EQ(other.size(), 1u);
  EXPECT_EQ(other.front().value(), 1);
  PushBack(2);
  EXPECT_EQ(PopFront(), 2);
}

TEST_F(RingTest, Destructor_DestroysWhatIsLeft) {
  {
    Ring<Counted> ring;
    ring.Reserve(3);
    for (int i = 0; i < 3; ++i) ring.PushBack(Counted(i));
  }
  EXPECT_EQ(CountedItems::alive(), 0);
}

}  // namespace
}  // namespace weir::internal
