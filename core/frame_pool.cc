#include "weir/core/frame_pool.h"

#include <atomic>
#include <cstdint>
#include <new>

#include "absl/base/thread_annotations.h"
#include "weir/core/mutex.h"

// AddressSanitizer sees the use of a destroyed frame only where the frame has gone back to its own allocator.
#if defined(__SANITIZE_ADDRESS__)
#define WEIR_POOLED_FRAMES 0
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define WEIR_POOLED_FRAMES 0
#endif
#endif
#ifndef WEIR_POOLED_FRAMES
#define WEIR_POOLED_FRAMES 1
#endif

namespace weir::internal {
namespace {

constexpr std::size_t kLine = 64;
constexpr std::size_t kLargest = 4096;  // larger ones are rare, and left to malloc
constexpr std::size_t kSlab = 64 * 1024;

struct FreeFrameLink {
  FreeFrameLink* next;
};

// Threads share a few of these, so that they seldom meet at one; a frame goes back to the one that it came from.
class alignas(kLine) Shard {
 public:
  void* Allocate(std::size_t size) {
    MutexLock lock(mutex_);
    FreeFrameLink*& free = free_[Class(size)];
    if (free != nullptr) {
      void* frame = free;
      free = free->next;
      return frame;
    }
    const std::size_t rounded = (size + kLine - 1) / kLine * kLine;
    if (left_ < rounded) {
      char* slab = static_cast<char*>(::operator new (kSlab, std::align_val_t{kSlab}));
      *reinterpret_cast<Shard**>(slab) = this;  // found by the address of any frame in it
      next_ = slab + kLine;
      left_ = kSlab - kLine;
    }
    void* frame = next_;
    next_ += rounded;
    left_ -= rounded;
    return frame;
  }
  void Free(void* frame, std::size_t size) {
    MutexLock lock(mutex_);
    FreeFrameLink*& free = free_[Class(size)];
    free = ::new (frame) FreeFrameLink{free};
  }
  static Shard& Of(void* frame) {
    return **reinterpret_cast<Shard**>(reinterpret_cast<std::uintptr_t>(frame) & ~(kSlab - 1));
  }

 private:
  static std::size_t Class(std::size_t size) { return (size + kLine - 1) / kLine - 1; }

  Mutex mutex_;
  FreeFrameLink* free_[kLargest / kLine] ABSL_GUARDED_BY(mutex_) = {};
  char* next_ ABSL_GUARDED_BY(mutex_) = nullptr;  // in the newest slab
  std::size_t left_ ABSL_GUARDED_BY(mutex_) = 0;
};

Shard& ShardOfThisThread() {
  constexpr unsigned kShards = 16;
  static Shard* const shards =
      new Shard[kShards];  // never destroyed: engines may outlive main's statics
  static std::atomic<unsigned> threads{0};
  thread_local const unsigned mine = threads.fetch_add(1, std::memory_order_relaxed);
  return shards[mine % kShards];
}

}  // namespace

void* AllocateFrame(std::size_t size) {
  if (!WEIR_POOLED_FRAMES || size > kLargest) {
    return ::operator new (size, std::align_val_t{kLine});
  }
  return ShardOfThisThread().Allocate(size);
}

void FreeFrame(void* frame, std::size_t size) {
  if (!WEIR_POOLED_FRAMES || size > kLargest) {
    ::operator delete (frame, size, std::align_val_t{kLine});
    return;
  }
  Shard::Of(frame).Free(frame, size);
}

}  // namespace weir::internal
