#include "weir/core/ring.h"

#include <vector>

#include "weir/testing.h"

namespace weir::internal {
namespace {

using weir::testing::Counted;
using weir::testing::CountedItems;

// A ring whose items stand from `first_` up to `end_`.
class RingTest : public weir::testing::WeirTest {
 protected:
  void Push(const std::vector<int>& values) {
    std::vector<Counted> items(values.begin(), values.end());
    ring_.Reserve(end_ - first_ + items.size(), first_, end_);
    ring_.MoveIn(end_, items.data(), items.size());
    end_ += items.size();
    for (const Counted& item : items) EXPECT_TRUE(item.moved_from());
  }
  std::vector<int> Pop(size_t count) {
    std::vector<unsigned char> room(count * sizeof(Counted));
    Counted* items = reinterpret_cast<Counted*>(room.data());
    ring_.MoveOut(first_, items, count);
    first_ += count;
    std::vector<int> values;
    for (size_t i = 0; i < count; ++i) values.push_back(items[i].value());
    std::destroy_n(items, count);
    return values;
  }
  void TearDown() override {
    Pop(end_ - first_);
    WeirTest::TearDown();
  }

  Ring ring_{kItemType<Counted>};
  uint64_t first_ = 0, end_ = 0;
};

std::vector<int> Numbers(int from, int to) {
  std::vector<int> numbers;
  for (; from < to; ++from) numbers.push_back(from);
  return numbers;
}

TEST_F(RingTest, MoveInAndOut_KeepTheOrder) {
  Push({1, 2, 3});
  Push({4});
  EXPECT_EQ(Pop(3), (std::vector<int>{1, 2, 3}));
  EXPECT_EQ(Pop(1), std::vector<int>{4});
}

TEST_F(RingTest, MoveInAndOut_OverTheEdge) {
  Push(Numbers(0, 10));
  Pop(10);
  Push(Numbers(10, 26));  // 16 slots: six items to the edge, ten beyond
  EXPECT_EQ(ring_.slots(), 16u);
  EXPECT_EQ(Pop(16), Numbers(10, 26));
}

TEST_F(RingTest, MoveOut_LeavesTheSlotEmpty) {
  Push({1, 2});
  EXPECT_EQ(CountedItems::alive(), 2);
  Pop(1);
  EXPECT_EQ(CountedItems::alive(), 1);
}

TEST_F(RingTest, Reserve_MovesTheItemsAlong) {
  // The first item stands in the middle of the circle when it grows.
  Push(Numbers(0, 16));
  Pop(9);
  Push(Numbers(16, 60));
  EXPECT_EQ(ring_.slots(), 64u);
  EXPECT_EQ(CountedItems::alive(), 51);
  EXPECT_EQ(Pop(51), Numbers(9, 60));
}

TEST_F(RingTest, Reserve_Enough_ChangesNothing) {
  Push({1});
  Counted* const where = &ring_.At<Counted>(first_);
  ring_.Reserve(16, first_, end_);
  EXPECT_EQ(&ring_.At<Counted>(first_), where);
}

TEST_F(RingTest, NumbersWithoutConstructors_AreCopiedWhole) {
  Ring ring{kItemType<uint64_t>};
  ring.Reserve(16, 0, 0);
  std::vector<uint64_t> in(16), out(16);
  for (uint64_t at = 7; at < 1000; at += 16) {
    for (size_t i = 0; i < 16; ++i) in[i] = at + i;
    ring.MoveIn(at, in.data(), 16);
    ring.MoveOut(at, out.data(), 16);
    ASSERT_EQ(out, in);
  }
}

}  // namespace
}  // namespace weir::internal
