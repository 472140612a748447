#include "tests/conformance/failing_allocator.h"

#include <atomic>
#include <cstdlib>
#include <new>
#include <utility>

#include "weir/core/block_pool.h"

namespace weir::testing {
namespace {

thread_local bool armed = false;
thread_local uint64_t count = 0;
thread_local uint64_t to_fail = UINT64_MAX;
std::atomic<int64_t> blocks{0};

// A place for a debugger's breakpoint.
[[gnu::noinline]] void* AllocationFails() noexcept {
  asm volatile("");
  return nullptr;
}

// Null if this one is to fail, or there is no memory.
void* Allocate(std::size_t size, std::size_t alignment) noexcept {
  if (armed && count++ == to_fail) return AllocationFails();
  if (alignment < alignof(std::max_align_t)) alignment = alignof(std::max_align_t);
  if (size == 0) size = 1;
  void* block = std::aligned_alloc(alignment, (size + alignment - 1) / alignment * alignment);
  if (block != nullptr) blocks.fetch_add(1, std::memory_order_relaxed);
  return block;
}

void* AllocateOrThrow(std::size_t size, std::size_t alignment) {
  void* const block = Allocate(size, alignment);
  if (block == nullptr) throw std::bad_alloc();
  return block;
}

void Free(void* block) noexcept {
  if (block == nullptr) return;
  blocks.fetch_sub(1, std::memory_order_relaxed);
  std::free(block);
}

}  // namespace

void FailingAllocator::Arm(uint64_t nth) {
  armed = true;
  count = 0;
  to_fail = nth;
}
void FailingAllocator::Disarm() { armed = false; }
uint64_t FailingAllocator::counted() { return count; }
bool FailingAllocator::failed() { return count > to_fail; }
int64_t FailingAllocator::alive() { return blocks.load(std::memory_order_relaxed); }

namespace {
thread_local bool was_armed = false;
}
UncountedAllocations::UncountedAllocations() { was_armed = std::exchange(armed, false); }
UncountedAllocations::~UncountedAllocations() { armed = was_armed; }

}  // namespace weir::testing

// What core/block_pool.cc defines: a program that has it here does not link that.
namespace weir::internal {

void* AllocateBlock(std::size_t size, std::size_t alignment) {
  return testing::AllocateOrThrow(size, alignment);
}
void FreeBlock(void* block, std::size_t, std::size_t) noexcept { testing::Free(block); }
std::size_t BlockBytesInUse() { return 0; }
void Populate(void*, std::size_t) {}
uint64_t FailAllocation(uint64_t) { return kNoFailure; }

}  // namespace weir::internal

void* operator new(std::size_t size) { return weir::testing::AllocateOrThrow(size, 1); }
void* operator new[](std::size_t size) { return weir::testing::AllocateOrThrow(size, 1); }
void* operator new(std::size_t size, std::align_val_t alignment) {
  return weir::testing::AllocateOrThrow(size, static_cast<std::size_t>(alignment));
}
void* operator new[](std::size_t size, std::align_val_t alignment) {
  return weir::testing::AllocateOrThrow(size, static_cast<std::size_t>(alignment));
}
void* operator new(std::size_t size, const std::nothrow_t&) noexcept {
  return weir::testing::Allocate(size, 1);
}
void* operator new[](std::size_t size, const std::nothrow_t&) noexcept {
  return weir::testing::Allocate(size, 1);
}
void operator delete(void* block) noexcept { weir::testing::Free(block); }
void operator delete[](void* block) noexcept { weir::testing::Free(block); }
void operator delete(void* block, std::size_t) noexcept { weir::testing::Free(block); }
void operator delete[](void* block, std::size_t) noexcept { weir::testing::Free(block); }
void operator delete(void* block, std::align_val_t) noexcept { weir::testing::Free(block); }
void operator delete[](void* block, std::align_val_t) noexcept { weir::testing::Free(block); }
void operator delete(void* block, std::size_t, std::align_val_t) noexcept {
  weir::testing::Free(block);
}
void operator delete[](void* block, std::size_t, std::align_val_t) noexcept {
  weir::testing::Free(block);
}
void operator delete(void* block, const std::nothrow_t&) noexcept { weir::testing::Free(block); }
void operator delete[](void* block, const std::nothrow_t&) noexcept { weir::testing::Free(block); }
