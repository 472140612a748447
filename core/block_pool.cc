#include "weir/core/block_pool.h"

#include <sys/mman.h>

#include <atomic>
#include <cstdint>
#include <mutex>
#include <new>
#include <utility>

#if defined(__SANITIZE_ADDRESS__)
#define WEIR_POOLED_BLOCKS 0
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define WEIR_POOLED_BLOCKS 0
#endif
#endif
#ifndef WEIR_POOLED_BLOCKS
#define WEIR_POOLED_BLOCKS 1
#endif

namespace weir::internal {
namespace {

constexpr std::size_t kLargest = 4096;  // larger ones are rare, and left to malloc
constexpr std::size_t kSlab = 64 * 1024;
constexpr std::size_t kChunk = 2 * 1024 * 1024;

bool IsPooled(std::size_t size, std::size_t alignment) {
  return WEIR_POOLED_BLOCKS && size <= kLargest && alignment <= kCacheLine;
}

// Where the shards get their slabs.
class Chunks {
 public:
  char* NewSlab() {
    std::lock_guard lock(mutex_);
    if (left_ == 0) {
      next_ = NewChunk();
      left_ = kChunk;
      if (!std::exchange(first_, false)) madvise(next_, kChunk, MADV_HUGEPAGE);
    }
    char* slab = next_;
    next_ += kSlab;
    left_ -= kSlab;
    Populate(slab, kSlab);
    return slab;
  }

 private:
  // Twice as much is mapped, and what is not in the aligned middle goes back.
  static char* NewChunk() {
    void* mapped =
        mmap(nullptr, 2 * kChunk, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (mapped == MAP_FAILED) throw std::bad_alloc();
    char* const begin = static_cast<char*>(mapped);
    const std::size_t before = -reinterpret_cast<std::uintptr_t>(begin) & (kChunk - 1);
    if (before > 0) munmap(begin, before);
    munmap(begin + before + kChunk, kChunk - before);
    return begin + before;
  }

  // std's own, here and below: a Ring that is explored in tests/interleaving allocates in one step.
  std::mutex mutex_;
  // Guarded by it:
  char* next_ = nullptr;  // in the newest chunk
  std::size_t left_ = 0;
  bool first_ = true;  // a small program gets by without a huge page
};

struct FreeBlockLink {
  FreeBlockLink* next;
};

// Threads share a few of these, so that they seldom meet at one; a block goes back to the one that it came from.
class alignas(kCacheLine) Shard {
 public:
  void* Allocate(std::size_t size) {
    std::lock_guard lock(mutex_);
    FreeBlockLink*& free = free_[Class(size)];
    if (free != nullptr) {
      void* block = free;
      free = free->next;
      in_use_ += Rounded(size);
      return block;
    }
    if (left_ < Rounded(size)) {
      static Chunks& chunks = *new Chunks;
      char* slab = chunks.NewSlab();
      *reinterpret_cast<Shard**>(slab) = this;  // found by the address of any block in it
      next_ = slab + kCacheLine;
      left_ = kSlab - kCacheLine;
    }
    void* block = next_;
    next_ += Rounded(size);
    left_ -= Rounded(size);
    in_use_ += Rounded(size);
    return block;
  }
  void Free(void* block, std::size_t size) {
    std::lock_guard lock(mutex_);
    in_use_ -= Rounded(size);
    FreeBlockLink*& free = free_[Class(size)];
    free = ::new (block) FreeBlockLink{free};
  }
  std::size_t in_use() const {
    std::lock_guard lock(mutex_);
    return in_use_;
  }
  static Shard& Of(void* block) {
    return **reinterpret_cast<Shard**>(reinterpret_cast<std::uintptr_t>(block) & ~(kSlab - 1));
  }

 private:
  static std::size_t Class(std::size_t size) { return (size + kCacheLine - 1) / kCacheLine - 1; }
  static std::size_t Rounded(std::size_t size) { return (Class(size) + 1) * kCacheLine; }

  mutable std::mutex mutex_;
  // Guarded by it:
  FreeBlockLink* free_[kLargest / kCacheLine] = {};
  char* next_ = nullptr;  // in the newest slab
  std::size_t left_ = 0;
  std::size_t in_use_ = 0;
};

constexpr unsigned kShards = 16;

// Never destroyed: engines may outlive main's statics.
Shard* Shards() {
  static Shard* const shards = new Shard[kShards];
  return shards;
}

// Null until the thread has one, and while its allocations are counted: so that the count costs the others nothing.
thread_local Shard* shard_of_this_thread = nullptr;
thread_local std::uint64_t left_to_failure = kNoFailure;

void CountAllocation() {
  if (left_to_failure == kNoFailure) return;
  if (left_to_failure-- > 0) return;
  left_to_failure = kNoFailure;
  throw std::bad_alloc();
}

[[gnu::noinline]] Shard& FindShard() {
  static std::atomic<unsigned> threads{0};
  thread_local const unsigned mine = threads.fetch_add(1, std::memory_order_relaxed);
  CountAllocation();
  Shard& shard = Shards()[mine % kShards];
  if (left_to_failure == kNoFailure) shard_of_this_thread = &shard;
  return shard;
}

}  // namespace

void* AllocateBlock(std::size_t size, std::size_t alignment) {
  if (IsPooled(size, alignment)) {
    Shard* const shard = shard_of_this_thread;
    return (shard != nullptr ? *shard : FindShard()).Allocate(size);
  }
  CountAllocation();
  return ::operator new (size, std::align_val_t{alignment});
}

std::uint64_t FailAllocation(std::uint64_t after) {
  shard_of_this_thread = nullptr;
  return std::exchange(left_to_failure, after);
}

void FreeBlock(void* block, std::size_t size, std::size_t alignment) noexcept {
  if (IsPooled(size, alignment)) return Shard::Of(block).Free(block, size);
  ::operator delete (block, size, std::align_val_t{alignment});
}

void Populate([[maybe_unused]] void* begin, [[maybe_unused]] std::size_t size) {
#ifdef MADV_POPULATE_WRITE
  constexpr std::uintptr_t kPage = 4096;
  const auto address = reinterpret_cast<std::uintptr_t>(begin);
  const std::uintptr_t first = (address + kPage - 1) & ~(kPage - 1);
  const std::uintptr_t end = (address + size) & ~(kPage - 1);
  if (first + kPage < end) {
    madvise(reinterpret_cast<void*>(first), end - first, MADV_POPULATE_WRITE);
  }
#endif
}

std::size_t BlockBytesInUse() {
  std::size_t in_use = 0;
  for (unsigned i = 0; i < kShards; ++i) in_use += Shards()[i].in_use();
  return in_use;
}

}  // namespace weir::internal
