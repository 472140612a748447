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

TEST(BlockPoolTest, WhatIsInUse_IsCounted) {
  const size_t before = BlockBytesInUse();
  void* block = AllocateBlock(65);
  const size_t with_it = BlockBytesInUse();
  FreeBlock(block, 65);
  EXPECT_EQ(BlockBytesInUse(), before);
  EXPECT_TRUE(with_it == before + 128 || with_it == 0) << "none is pooled under AddressSanitizer";
}

TEST(BlockPoolTest, OverAlignedBlocks) {
  void* block = AllocateBlock(256, 256);
  EXPECT_EQ(reinterpret_cast<uintptr_t>(block) % 256, 0u);
  FreeBlock(block, 256, 256);
}

TEST(BlockPoolTest, FailAllocation_FailsOne_OfThisThread) {
  EXPECT_EQ(FailAllocation(2), kNoFailure);
  std::thread([] {
    for (int i = 0; i < 5; ++i) FreeBlock(AllocateBlock(64), 64);
  }).join();
  void* small = AllocateBlock(64);
  void* large = AllocateBlock(100'000);
  EXPECT_THROW(AllocateBlock(64), std::bad_alloc);
  FreeBlock(AllocateBlock(64), 64);
  FreeBlock(small, 64);
  FreeBlock(large, 100'000);
  EXPECT_EQ(FailAllocation(kNoFailure), kNoFailure) << "it has been";
}

TEST(BlockPoolTest, FailAllocation_TellsWhatWasLeft) {
  FailAllocation(7);
  FreeBlock(AllocateBlock(64), 64);
  EXPECT_EQ(FailAllocation(kNoFailure), 6u);
  FreeBlock(AllocateBlock(64), 64);
}

// More than a chunk of slabs, each of whose blocks can be written.
TEST(BlockPoolTest, ManyBlocks) {
  std::vector<char*> blocks;
  for (int i = 0; i < 2'000; ++i) {
    blocks.push_back(static_cast<char*>(AllocateBlock(4096)));
    std::memset(blocks.back(), i, 4096);
  }
  for (int i = 0; i < 2'000; ++i) {
    EXPECT_EQ(blocks[i][4095], static_cast<char>(i));
    FreeBlock(blocks[i], 4096);
  }
}

}  // namespace
}  // namespace weir::internal
