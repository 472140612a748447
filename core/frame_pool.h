// Memory for coroutine frames. A run of many stages makes as many frames, on the pool's threads, where malloc asks the kernel for
// a few pages at a time; and a helper Task that is awaited for each batch makes one each time. So frames come from slabs, by
// size, and go back to the slab's list when they are freed; slabs are kept for the next run, as many as were ever needed at
// once. Thread-safe. Frames are aligned to a cache line: compilers misplace over-aligned locals otherwise.
#pragma once

#include <cstddef>

namespace weir::internal {

// Throws std::bad_alloc.
void* AllocateFrame(std::size_t size);
void FreeFrame(void* frame, std::size_t size);

}  // namespace weir::internal
