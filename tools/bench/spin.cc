#include "tools/bench/spin.h"

#include <algorithm>
#include <cmath>
#include <cstdint>

#include "tools/bench/bench.h"

namespace weir::bench {
namespace {

// The least time that a call of Spin took, in ns, over several series of calls.
double NsPerCall(int64_t rounds) {
  constexpr int kSeries = 20;
  constexpr int64_t kRoundsPerSeries = 400'000;
  const int64_t calls = std::max<int64_t>(1, kRoundsPerSeries / rounds);
  int64_t fastest_ns = INT64_MAX;
  for (int series = 0; series < kSeries; ++series) {
    uint64_t sum = 0;
    const Stopwatch stopwatch;
    for (int64_t call = 0; call < calls; ++call) sum += Spin(call, rounds);
    const int64_t wall_ns = stopwatch.Stop(calls).wall_ns;
    volatile uint64_t keep = sum;  // or the calls could be left out
    (void)keep;
    fastest_ns = std::min(fastest_ns, wall_ns);
  }
  return static_cast<double>(fastest_ns) / static_cast<double>(calls);
}

}  // namespace

uint64_t Spin(uint64_t seed, int64_t rounds) {
  constexpr int kLanes =
      7;  // a multiplication may begin in each cycle, and takes some with its xor
  uint64_t lanes[kLanes];
  for (uint64_t& lane : lanes) lane = seed++ * 0x9E3779B97F4A7C15;
  for (int64_t round = 0; round < rounds; ++round) {
    for (uint64_t& lane : lanes) lane = (lane ^ (lane >> 31)) * 0xBF58476D1CE4E5B9;
  }
  uint64_t result = 0;
  for (const uint64_t lane : lanes) result ^= lane;
  return result;
}

SpinCalibration CalibrateSpin(double work_ns) {
  // A call costs a little beside its rounds, which matters where it is short.
  constexpr int64_t kFew = 10, kMany = 1'000;
  const double few_ns = NsPerCall(kFew);
  const double round_ns = std::max(1e-3, (NsPerCall(kMany) - few_ns) / (kMany - kFew));
  const double call_ns = few_ns - kFew * round_ns;
  SpinCalibration calibration;
  calibration.rounds = std::max<int64_t>(1, std::llround((work_ns - call_ns) / round_ns));
  calibration.ns = call_ns + static_cast<double>(calibration.rounds) * round_ns;
  return calibration;
}

}  // namespace weir::bench
