// Every allocation of a run of each reference graph fails, one in each run. What is promised then:
//
//   while a Run is being constructed   the constructor throws std::bad_alloc, or the run ends with a status that says so;
//   while it runs                      the run fails, or goes on unharmed where the memory was not needed;
//   while a report is made             the caller of Wait gets std::bad_alloc, and may ask again.
//
// In each case the run ends as clean as any other, and all memory is given back.
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <new>
#include <optional>
#include <string>

#include "absl/strings/str_cat.h"
#include "tests/conformance/failing_allocator.h"
#include "tests/conformance/reference_run.h"
#include "tests/simulation/schedules.h"
#include "weir/core/simulator.h"

namespace weir::testing {
namespace {

constexpr uint64_t kMostSteps = 20'000;

class EveryAllocation : public ::testing::TestWithParam<ReferenceGraphKind> {
 protected:
  // One run in which the allocation `nth` fails. Returns whether there are so many.
  bool Fail(uint64_t seed, uint64_t nth, bool first = false);

  const std::unique_ptr<ReferenceGraph> graph_ = GetParam().Make();
};

void ExpectOutOfMemory(const absl::Status& status) {
  EXPECT_TRUE(absl::IsResourceExhausted(status) || absl::IsInternal(status)) << status;
}

bool EveryAllocation::Fail(uint64_t seed, uint64_t nth, bool first) {
  const std::string schedule = absl::StrCat("'", graph_->graph().name(), "', engine seed ", seed,
                                            ", allocation ", nth, " fails");
  const int64_t alive_before = FailingAllocator::alive();
  bool failed = false;
  {
    Engine engine = Engine::Simulated(seed, {.log = [](std::string_view) {}});
    graph_->Prepare(engine);
    engine.simulator()->OnStep([&](uint64_t step) {
      if (step <= kMostSteps) return;
      std::fprintf(stderr, "it does not end: %s\n", schedule.c_str());
      std::abort();
    });
    std::optional<weir::Run> run;
    try {
      FailingAllocator::Arm(nth);
      run.emplace(engine, graph_->graph());
      FailingAllocator::Disarm();
    } catch (const std::bad_alloc&) {
      FailingAllocator::Disarm();
      failed = FailingAllocator::failed();
    }
    if (run.has_value()) {
      const uint64_t while_constructed = FailingAllocator::counted();
      failed = FailingAllocator::failed();
      Report report;
      if (!failed) FailingAllocator::Arm(nth - while_constructed);
      try {
        report = run->Wait();
        FailingAllocator::Disarm();
      } catch (const std::bad_alloc&) {
        FailingAllocator::Disarm();
        EXPECT_TRUE(run->over()) << "an exception has left a step of the run";
        report = run->Wait();
      }
      failed = failed || FailingAllocator::failed();
      ExpectCleanEnd(report, engine);
      if (!report.ok()) ExpectOutOfMemory(report.status);
    }
    EXPECT_TRUE(engine.Census().empty());
  }
  EXPECT_EQ(CountedItems::alive(), 0);
  if (!HasFailure() && !first) {
    EXPECT_EQ(FailingAllocator::alive(), alive_before) << "memory has been lost";
  }
  if (HasFailure()) ADD_FAILURE() << schedule;
  return failed;
}

TEST_P(EveryAllocation, Fails_TheRunEndsClean) {
  // What is allocated once and kept.
  Fail(1, UINT64_MAX - 1, /*first=*/true);
  Fail(1, UINT64_MAX - 1);
  ASSERT_FALSE(HasFailure());
  if (const char* only = std::getenv("WEIR_ALLOCATION")) {
    Fail(1, std::strtoull(only, nullptr, 10));
    return;
  }
  const uint64_t wanted = Schedules(100'000) / kReferenceGraphs;
  uint64_t schedules = 0;
  for (uint64_t seed = 1; schedules < wanted && !HasFailure(); ++seed) {
    for (uint64_t nth = 0; Fail(seed, nth) && !HasFailure(); ++nth) ++schedules;
  }
}

INSTANTIATE_TEST_SUITE_P(Graphs, EveryAllocation, ::testing::ValuesIn(ReferenceGraphs()),
                         [](const auto& info) { return std::string(info.param.name); });

}  // namespace
}  // namespace weir::testing
