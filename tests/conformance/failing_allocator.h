// Makes the k-th allocation of a program fail. A program that links this has it in place of operator new, and of
// core/block_pool.h's blocks, which are then operator new's.
//
// For simulated engines: all that is counted is on the thread that arms it.
#pragma once

#include <cstdint>

namespace weir::testing {

class FailingAllocator {
 public:
  // From now on this thread's allocations are counted, from 0, and the `nth` throws std::bad_alloc.
  static void Arm(uint64_t nth);
  static void Disarm();
  // How many have been counted since Arm.
  static uint64_t counted();
  // Whether the one to fail has been reached.
  static bool failed();
  // Allocations of the whole program that have not been freed.
  static int64_t alive();
};

// Tests of the tests allocate, too: nothing is counted meanwhile.
class UncountedAllocations {
 public:
  UncountedAllocations();
  ~UncountedAllocations();
};

}  // namespace weir::testing
