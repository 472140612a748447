#include "weir/core/item_type.h"

#include <cstdint>
#include <memory>
#include <new>
#include <string>
#include <vector>

#include "weir/testing.h"

namespace weir::internal {
namespace {

using weir::testing::Counted;
using weir::testing::CountedItems;

class ItemTypeTest : public weir::testing::WeirTest {};

TEST_F(ItemTypeTest, Move_ConstructsInRawRoom_AndLeavesWhatWasThere) {
  const ItemType& type = kItemType<Counted>;
  std::vector<Counted> items;
  items.emplace_back(1);
  items.emplace_back(2);
  void* const room = type.Allocate(2);
  type.Move(room, items.data(), 2);
  EXPECT_EQ(CountedItems::alive(), 4) << "those moved from are the caller's to destroy";
  EXPECT_TRUE(items[0].moved_from() && items[1].moved_from());
  EXPECT_EQ(static_cast<Counted*>(type.At(room, 1))->value(), 2);
  type.Destroy(room, 2);
  type.Free(room, 2);
  EXPECT_EQ(CountedItems::alive(), 2);
}

TEST_F(ItemTypeTest, Bytes_AreCopied_WhereThatIsAsGood) {
  EXPECT_EQ(kItemType<uint64_t>.move, nullptr);
  EXPECT_EQ(kItemType<uint64_t>.destroy, nullptr);
  uint64_t from[3] = {1, 2, 3}, into[3] = {};
  kItemType<uint64_t>.Move(into, from, 3);
  EXPECT_EQ(into[2], 3u);
  EXPECT_NE(kItemType<std::unique_ptr<int>>.move, nullptr);
}

TEST_F(ItemTypeTest, BytesOf_CountsTheElementsOfAContainer) {
  const std::string text(100, 'x');
  EXPECT_EQ(kItemType<std::string>.bytes_of(&text), sizeof(std::string) + 100);
  const std::vector<bool> bits(80);
  EXPECT_EQ(kItemType<std::vector<bool>>.bytes_of(&bits), sizeof(bits) + 10);
  const int number = 1;
  EXPECT_EQ(kItemType<int>.bytes_of(&number), sizeof(int));
}

TEST_F(ItemTypeTest, Allocate_KeepsTheAlignment) {
  struct alignas(256) Wide {
    char bytes[256];
  };
  void* const room = kItemType<Wide>.Allocate(3);
  EXPECT_EQ(reinterpret_cast<uintptr_t>(room) % 256, 0u);
  kItemType<Wide>.Free(room, 3);
}

TEST_F(ItemTypeTest, Allocate_TooMany_IsRefused) {
  EXPECT_THROW(kItemType<uint64_t>.Allocate(SIZE_MAX / 8 + 1), std::bad_array_new_length);
}

}  // namespace
}  // namespace weir::internal
