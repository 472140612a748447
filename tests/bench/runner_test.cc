#include "tools/bench/runner.h"

#include <deque>
#include <functional>
#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tools/bench/bench.h"
#include "tools/bench/report.h"

namespace weir::bench {
namespace {

using testing::HasSubstr;
using testing::Not;

Implementation Taking(int64_t ns, bool ok = true) {
  return {.workload = "work", .name = "impl", .run = [=](const Params& params) {
            Sample sample;
            sample.wall_ns = ns * params.items;
            sample.cpu_ns = sample.wall_ns;
            sample.units = params.items;
            sample.ok = ok;
            return sample;
          }};
}

// Measures `implementation`, whose samples are disturbed as `disturbances` say, one after the other,
// and quiet after that.
Result MeasureWith(const Implementation& implementation, int rounds,
                   std::deque<std::string> disturbances) {
  Params params;
  params.workload = "work";
  params.items = 10;
  const auto observe = [&](const std::function<void()>& measure) {
    measure();
    if (disturbances.empty()) return std::string();
    const std::string disturbance = disturbances.front();
    disturbances.pop_front();
    return disturbance;
  };
  return Measure(params, {&implementation},
                 {.rounds = rounds, .timeout_seconds = 60, .observe = observe})
      .front();
}

std::string TableOf(const Result& result) {
  return Table({.name = "work", .unit = "item", .points = {}}, {result});
}

TEST(Measure, QuietRoundsAreCounted) {
  const Result result = MeasureWith(Taking(5), 3, {});
  EXPECT_TRUE(result.ok);
  EXPECT_EQ(3, result.rounds);
  EXPECT_EQ(3, result.quiet_rounds);
  EXPECT_EQ(0, result.thrown_away);
  EXPECT_EQ(5, result.ns.median);
  EXPECT_THAT(TableOf(result), HasSubstr("3/3"));
  EXPECT_THAT(TableOf(result), Not(HasSubstr("disturbed")));
}

TEST(Measure, ADisturbedSampleIsThrownAwayAndTakenAgain) {
  const Result result = MeasureWith(Taking(5), 3, {"", "a compiler", "a compiler"});
  EXPECT_EQ(3, result.rounds);
  EXPECT_EQ(3, result.quiet_rounds);
  EXPECT_EQ(2, result.thrown_away);
  EXPECT_EQ("a compiler", result.disturbance);
  EXPECT_THAT(TableOf(result), HasSubstr("2 disturbed samples were thrown away"));
  EXPECT_THAT(TableOf(result), HasSubstr("a compiler"));
  EXPECT_THAT(TableOf(result), Not(HasSubstr("NOT QUIET")));
}

TEST(Measure, AsManySamplesAreThrownAwayAsThereAreRounds_ThenTheyCountAsTheyAre) {
  const Result result = MeasureWith(Taking(5), 3, std::deque<std::string>(100, "a compiler"));
  EXPECT_EQ(3, result.rounds);
  EXPECT_EQ(0, result.quiet_rounds);
  EXPECT_EQ(3, result.thrown_away);
  EXPECT_EQ(5, result.ns.median);
  EXPECT_TRUE(result.ok);
  EXPECT_THAT(TableOf(result), HasSubstr("NOT QUIET"));
  EXPECT_THAT(JsonLine(result), HasSubstr("\"quiet_rounds\":0,\"thrown_away\":3"));
}

TEST(Measure, WhereNobodyLooks_AllRoundsCount_AndNoneIsCalledQuiet) {
  Params params;
  params.workload = "work";
  params.items = 10;
  const Implementation implementation = Taking(5);
  const Result result =
      Measure(params, {&implementation}, {.rounds = 3, .timeout_seconds = 60}).front();
  EXPECT_EQ(5, result.ns.median);
  EXPECT_FALSE(result.probed);
  EXPECT_THAT(TableOf(result), Not(HasSubstr("/3")));
  EXPECT_THAT(JsonLine(result), Not(HasSubstr("quiet_rounds")));
}

TEST(Measure, AWrongResultIsNotThrownAway) {
  const Result result = MeasureWith(Taking(5, /*ok=*/false), 1, {"a compiler"});
  EXPECT_FALSE(result.ok);
  EXPECT_EQ(0, result.thrown_away);
}

}  // namespace
}  // namespace weir::bench
