// Work that takes a known time: multiplications that keep the multiplier busy, so that the time is
// the same whether or not the processor overlaps them with the next item's. Waiting for a clock
// instead would hide what a library does meanwhile.

#pragma once

#include <cstdint>

namespace weir::bench {

// Computes for about two nanoseconds per round. The result depends on `seed` and `rounds` alone. Any
// thread.
uint64_t Spin(uint64_t seed, int64_t rounds);

// How many rounds take how long on this machine, when nothing disturbs it.
struct SpinCalibration {
  int64_t rounds = 0;
  double ns = 0;  // what `rounds` took: within a round of what was asked for
};

// Measures for some milliseconds and returns the rounds whose time is nearest to `work_ns`. Takes
// the fastest of all measurements that this process has made, because a disturbed one is too slow.
// One thread at a time.
SpinCalibration CalibrateSpin(double work_ns);

}  // namespace weir::bench
