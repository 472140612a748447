#include "weir/core/block_pool.h"

#include <gtest/gtest.h>

#include <cstdint>
#include <cstring>
#include <set>
#include <thread>
#include <vector>

namespace weir::internal {
namespace {

constexpr size_t kSizes[] = {1, 64, 65, 500, 4096, 4097, 100'000};

TEST(BlockPoolTest, BlocksAreAlignedAndApart) {
  std::vector<std::pair<char*, size_t>> blocks;
  for (int round = 0; round < 100; ++round) {
    for (const size_t size : kSizes) {
      char* block = static_cast<char*>(AllocateBlock(size));
      EXPECT_EQ(reinterpret_cast<uintptr_t>(block) % 64, 0u);
      std::memset(block, round, size);
      blocks.emplace_back(block, size);
    }
  }
  int round = 0;
  for (size_t i = 0; i < blocks.size(); ++i) {
    const auto [block, size] = blocks[i];
    EXPECT_EQ(block[0], round);
    EXPECT_EQ(block[size - 1], round);
    if (i % std::size(kSizes) == std::size(kSizes) - 1) ++round;
    FreeBlock(block, size);
  }
}

// Blocks that one thread makes and another frees do not pile up with either.
TEST(BlockPoolTest, FreedOnAnotherThread_AreUsedAgain) {
  std::set<void*> seen;
  for (int round = 0; round < 100; ++round) {
    std::vector<void*> blocks;
    for (int i = 0; i < 100; ++i) blocks.push_back(AllocateBlock(500));
    seen.insert(blocks.begin(), blocks.end());
    std::thread([&blocks] {
      for (void* block : blocks) FreeBlock(block, 500);
    }).join();
  }
#if !defined(__SANITIZE_ADDRESS__)
#if defined(__has_feature)
#if __has_feature(address_sanitizer)
  return;  // which keeps what was freed for a while, and is let do so
#endif
#endif
  EXPECT_EQ(seen.size(), 100u);
#endif
}

}  // namespace
}  // namespace weir::internal
