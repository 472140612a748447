#include "tools/bench/spin.h"

#include <cstdint>
#include <set>

#include "gtest/gtest.h"

namespace weir::bench {
namespace {

TEST(SpinTest, TheResultDependsOnSeedAndRounds) {
  EXPECT_EQ(Spin(1, 10), Spin(1, 10));
  std::set<uint64_t> results;
  for (const uint64_t seed : {1, 2, 3}) {
    for (const int64_t rounds : {1, 10, 11}) results.insert(Spin(seed, rounds));
  }
  EXPECT_EQ(9u, results.size());
}

TEST(SpinTest, ACalibrationHasAtLeastOneRound) {
  const SpinCalibration calibration = CalibrateSpin(0);
  EXPECT_GE(calibration.rounds, 1);
}

}  // namespace
}  // namespace weir::bench
