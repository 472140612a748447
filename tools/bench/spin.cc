#include "tools/bench/spin.h"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstdint>

namespace weir::bench {
namespace {

// The least time that a call of Spin took, in ns, over several series of calls, of which the first
// may have been made long ago: `least` keeps it.
double NsPerCall(int64_t rounds, double& least) {
  constexpr int kSeries = 20;
  constexpr int64_t kRoundsPerSeries = 400'000;
  const int64_t calls = std::max<int64_t>(1, kRoundsPerSeries / rounds);
  for (int series = 0; series < kSeries; ++series) {
    uint64_t sum = 0;
    const auto begin = std::chrono::steady_clock::now();
    for (int64_t call = 0; call < calls; ++call) sum += Spin(call, rounds);
    const std::chrono::nanoseconds took = std::chrono::steady_clock::now() - begin;
    volatile uint64_t keep = sum;  // or the calls could be left out
    (void)keep;
    least = std::min(least, static_cast<double>(took.count()) / static_cast<double>(calls));
  }
  return least;
}

}  // namespace

uint64_t Spin(uint64_t seed, int64_t rounds) {
  constexpr int kLanes = 7;  // one may begin in each cycle, and takes about five with its xor
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
  static double least_few_ns = INFINITY, least_many_ns = INFINITY;
  const double few_ns = NsPerCall(kFew, least_few_ns);
  const double round_ns =
      std::max(1e-3, (NsPerCall(kMany, least_many_ns) - few_ns) / (kMany - kFew));
  const double call_ns = few_ns - kFew * round_ns;
  SpinCalibration calibration;
  calibration.rounds = std::max<int64_t>(1, std::llround((work_ns - call_ns) / round_ns));
  calibration.ns = call_ns + static_cast<double>(calibration.rounds) * round_ns;
  return calibration;
}

}  // namespace weir::bench
