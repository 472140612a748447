// The workloads `farm_sleep` and `farm_blocking`: like farm, but the work sleeps, so that a machine
// with two cores shows how many of its workers a library keeps busy where there are more.
//
// In farm_sleep each of Params::workers workers on as many threads sleeps Params::work_ns per item:
// to sleep stands for to compute on a core of one's own. In farm_blocking eight workers make 200
// calls of 1 to 50 ms, declared to block where a library knows such calls; eight of them, spread
// evenly, hang for 300 ms.
//
// The figure `over_ideal` is the time divided by the least that as many workers need when each
// takes the next call as soon as it is free. Times are per item.

#pragma once

#include <cstdint>
#include <vector>

#include "tools/bench/bench.h"
#include "tools/bench/farm.h"

namespace weir::bench {

// How long each call of a sample sleeps, in ns.
class SleepingCalls {
 public:
  explicit SleepingCalls(const Params& params);

  // Sleeps, as precisely as the kernel can, for as long as the call of that number takes.
  FarmItem Make(uint64_t number) const;

  // The least time of all calls, in ns.
  double IdealNs(int workers) const;

  uint64_t Checksum() const;

 private:
  std::vector<int64_t> sleep_ns_;
};

bool IsFarmBlocking(const Params& params);

// Lets this thread, and those that it starts, sleep with a slack of a nanosecond instead of 50 us.
void SleepPrecisely();

// Stops the clock, and then verifies what `sink` has received and adds the figure.
Sample FinishFarmSleep(const Stopwatch& stopwatch, const Params& params, const SleepingCalls& calls,
                       const FarmSink& sink);

// Adds an implementation of both workloads.
void AddFarmSleepImplementation(Suite& suite, const char* name, Sample (*run)(const Params&));

}  // namespace weir::bench
