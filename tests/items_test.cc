#include "weir/stages/items.h"

#include <utility>
#include <vector>

#include "weir/testing.h"

namespace weir::testing {
namespace {

using internal::Items;

class ItemsTest : public WeirTest {
 protected:
  static std::vector<int> Values(Items<Counted>& items) {
    std::vector<int> values;
    for (size_t i = 0; i < items.size(); ++i) values.push_back(items.data()[i].value());
    return values;
  }
};

TEST_F(ItemsTest, Push_GrowsAndKeepsTheOrder) {
  Items<Counted> items;
  EXPECT_TRUE(items.empty());
  for (int i = 0; i < 100; ++i) items.Push(Counted(i));
  ASSERT_EQ(items.size(), 100u);
  const std::vector<int> values = Values(items);
  for (int i = 0; i < 100; ++i) EXPECT_EQ(values[i], i);
  EXPECT_EQ(CountedItems::alive(), 100);
}

TEST_F(ItemsTest, Clear_DestroysThem_AndTheRoomStays) {
  Items<Counted> items;
  for (int i = 0; i < 10; ++i) items.Push(Counted(i));
  Counted* const room = items.data();
  items.Clear();
  EXPECT_EQ(CountedItems::alive(), 0);
  for (int i = 0; i < 10; ++i) items.Push(Counted(i));
  EXPECT_EQ(items.data(), room);
}

TEST_F(ItemsTest, Swap_ExchangesWhatTheyHold_AndTheirRoom) {
  Items<Counted> full, empty;
  for (int i = 0; i < 3; ++i) full.Push(Counted(i));
  Counted* const room = full.data();
  full.Swap(empty);
  EXPECT_TRUE(full.empty());
  EXPECT_EQ(full.room(), 0u);
  EXPECT_EQ(empty.data(), room);
  EXPECT_EQ(Values(empty), (std::vector<int>{0, 1, 2}));
  full.Push(Counted(3));
  EXPECT_EQ(CountedItems::alive(), 4);
}

TEST_F(ItemsTest, Filler_AddsToWhatIsThere_OnceItHasGone) {
  Items<Counted> items;
  items.Push(Counted(1));
  items.Reserve(2);
  {
    Items<Counted>::Filler filler(items);
    filler.Push(Counted(2));
    filler.Push(Counted(3));
    EXPECT_EQ(filler.size(), 3u);
  }
  EXPECT_EQ(Values(items), (std::vector<int>{1, 2, 3}));
}

}  // namespace
}  // namespace weir::testing
