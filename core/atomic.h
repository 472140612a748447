// Atomic and PlainMutex: std::atomic and std::mutex under names of our own. A test that explores interleavings puts others in
// their place, which hand control to a scheduler at every operation (tests/interleaving).
#pragma once

#ifdef WEIR_INTERLEAVING
#include "weir/interleaving.h"
#else
#include <atomic>
#include <mutex>

namespace weir::internal {

template <class T>
using Atomic = std::atomic<T>;
using PlainMutex = std::mutex;

}  // namespace weir::internal
#endif
