// Memory for what a run makes by the thousand: coroutine frames, Works, channels and their slots; and for stages. Blocks come
// from slabs, by size, and go back to their slab's list when they are freed, so a run takes what the one before it gave back.
// Slabs are cut from chunks of 2 MiB, of which all but the first are huge pages where the kernel grants them: a page fault on
// a virtual machine can take longer than everything else that a stage costs. They are kept: as many as were ever needed at
// once. Thread-safe.
//
// Blocks are aligned to a cache line at least: compilers misplace over-aligned locals of coroutines otherwise. Larger blocks
// than 4 KiB, and all blocks under AddressSanitizer, which is to see their end, are operator new's.
#pragma once

#include <cstddef>
#include <cstdint>
#include <new>

namespace weir::internal {

inline constexpr std::size_t kCacheLine = 64;

// Throws std::bad_alloc. `alignment` is a power of two.
void* AllocateBlock(std::size_t size, std::size_t alignment = kCacheLine);
// With the size and the alignment that it was allocated with. Any thread.
void FreeBlock(void* block, std::size_t size, std::size_t alignment = kCacheLine) noexcept;
// For tests of what happens when memory is short: of the blocks that this thread allocates from now on, the one behind `after`
// others throws std::bad_alloc, and it alone. Gives what was left to go to the one that was asked for before; kNoFailure asks for
// none, and is what is left behind one that has been.
inline constexpr std::uint64_t kNoFailure = UINT64_MAX;
std::uint64_t FailAllocation(std::uint64_t after);
// The bytes of the slabs' blocks that are allocated and not freed.
std::size_t BlockBytesInUse();

// Asks the kernel for the pages of this memory at one go, where it knows how: memory that is about to be filled.
void Populate(void* begin, std::size_t size);
// `list.reserve(count)`, for a list that is about to have so many.
template <class List>
void ReserveToFill(List& list, std::size_t count) {
  list.reserve(count);
  Populate(list.data(), list.capacity() * sizeof(*list.data()));
}

// What is made by `new` of a class that derives from this is in a block.
struct Pooled {
  static void* operator new(std::size_t size) { return AllocateBlock(size); }
  static void* operator new(std::size_t size, std::align_val_t alignment) {
    return AllocateBlock(size, static_cast<std::size_t>(alignment));
  }
  static void operator delete(void* block, std::size_t size) { FreeBlock(block, size); }
  static void operator delete(void* block, std::size_t size, std::align_val_t alignment) {
    FreeBlock(block, size, static_cast<std::size_t>(alignment));
  }
};

}  // namespace weir::internal
