#include "tools/bench/core_probe.h"

#include <sched.h>

#include <cstdint>
#include <string>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace weir::bench {
namespace {

using testing::HasSubstr;

constexpr int64_t kMs = 1'000'000;

// Two cores at rest at that time.
CoreProbe::Reading At(int64_t at_ns) {
  CoreProbe::Reading reading;
  reading.at_ns = at_ns;
  reading.stolen_ns = 70 * kMs;
  reading.cores = {{.spin_ns = 200'000, .fastest_ns = 200'000},
                   {.spin_ns = 210'000, .fastest_ns = 200'000}};
  reading.others_cpu_ns = {{1, 500 * kMs}, {2, 90'000 * kMs}};
  return reading;
}

TEST(Disturbance, OfCoresAtRestThereIsNone) { EXPECT_EQ("", Disturbance(At(0), At(100 * kMs))); }

TEST(Disturbance, AnotherProcessThatComputesIsOne) {
  CoreProbe::Reading after = At(100 * kMs);
  after.others_cpu_ns[2] += 30 * kMs;
  EXPECT_EQ("other processes used 30.0 ms of 200.0 ms", Disturbance(At(0), after));
}

TEST(Disturbance, AProcessThatHasBegunMeanwhileCountsAsAWhole) {
  CoreProbe::Reading after = At(100 * kMs);
  after.others_cpu_ns[3] = 30 * kMs;
  EXPECT_THAT(Disturbance(At(0), after), HasSubstr("other processes used 30.0 ms"));
}

TEST(Disturbance, AProcessThatHasEndedMeanwhileHidesNoOther) {
  CoreProbe::Reading after = At(100 * kMs);
  after.others_cpu_ns.erase(2);
  after.others_cpu_ns[1] += 30 * kMs;
  EXPECT_THAT(Disturbance(At(0), after), HasSubstr("other processes used 30.0 ms"));
}

TEST(Disturbance, WhatAMachineAtRestUsesIsNone) {
  CoreProbe::Reading after = At(100 * kMs);
  after.others_cpu_ns[2] += 1 * kMs;
  after.stolen_ns += 10 * kMs;  // a tick, in which it may have been a microsecond
  EXPECT_EQ("", Disturbance(At(0), after));
}

TEST(Disturbance, TimeThatTheHostTookIsOne) {
  CoreProbe::Reading after = At(100 * kMs);
  after.stolen_ns += 20 * kMs;
  EXPECT_EQ("the host took 20.0 ms of 200.0 ms", Disturbance(At(0), after));
}

TEST(Disturbance, ASlowCoreIsOne_BeforeAndAfter) {
  CoreProbe::Reading slow = At(0);
  slow.cores[1].spin_ns = 300'000;
  EXPECT_EQ("a core was 1.50 times slower than at best", Disturbance(slow, At(100 * kMs)));
  slow.at_ns = 100 * kMs;
  EXPECT_EQ("a core was 1.50 times slower than at best", Disturbance(At(0), slow));
}

TEST(CoreProbeTest, ReadsEachCoreAndLeavesTheThreadOnAll) {
  cpu_set_t before, after;
  ASSERT_EQ(0, sched_getaffinity(0, sizeof(before), &before));
  CoreProbe probe;
  const CoreProbe::Reading first = probe.Read();
  const CoreProbe::Reading second = probe.Read();
  ASSERT_EQ(0, sched_getaffinity(0, sizeof(after), &after));
  EXPECT_TRUE(CPU_EQUAL(&before, &after));
  EXPECT_EQ(static_cast<size_t>(CPU_COUNT(&before)), first.cores.size());
  EXPECT_LT(first.at_ns, second.at_ns);
  for (const CoreProbe::Core& core : second.cores) EXPECT_GE(core.spin_ns, core.fastest_ns);
}

}  // namespace
}  // namespace weir::bench
