#include "tools/bench/grain.h"

#include <algorithm>
#include <cstdint>
#include <vector>

#include "tools/bench/bench.h"
#include "tools/bench/farm.h"
#include "tools/bench/loops.h"
#include "tools/bench/spin.h"
#include "tools/bench/workloads.h"

namespace weir::bench {
namespace {

std::vector<Params> GrainPoints() {
  constexpr int64_t kWorkPerSampleNs = 100'000'000;
  std::vector<Params> points;
  for (const int64_t work_ns : {100, 300, 1'000, 3'000, 10'000, 30'000, 100'000}) {
    Params params;
    params.workload = "grain";
    params.work_ns = work_ns;
    params.stages = kGrainStages;
    params.capacity = 64;
    params.threads = 2;
    params.items = kWorkPerSampleNs / kGrainStages / work_ns;
    points.push_back(params);
  }
  return points;
}

// All stages in one loop.
void Loop(const Params& params, int64_t begin, int64_t end, FarmSink& sink) {
  for (int64_t number = begin; number < end; ++number) {
    FarmItem item{.number = static_cast<uint64_t>(number)};
    for (int stage = 0; stage < kGrainStages; ++stage) item = GrainWork(params, item);
    sink.Consume(item);
  }
}

void Prepare(Params& params) {
  const SpinCalibration calibration = CalibrateSpin(static_cast<double>(params.work_ns));
  params.work_rounds = calibration.rounds;
  params.measured_work_ns = calibration.ns;
  FarmSink sink;
  Loop(params, 0, params.items, sink);
  params.expected = sink.checksum();
}

}  // namespace

int64_t GrainWarmUpItems(const Params& params) {
  constexpr int64_t kWarmUpNs = 3'000'000;
  return std::clamp<int64_t>(kWarmUpNs / kGrainStages / params.work_ns, 50, 2'000);
}

Sample FinishGrain(const Stopwatch& stopwatch, const Params& params, const FarmSink& sink) {
  return FinishWork(stopwatch, params, kGrainStages * params.measured_work_ns, sink);
}

void AddGrain(Suite& suite) {
  suite.workloads.push_back(
      {.name = "grain", .unit = "item", .points = GrainPoints(), .prepare = Prepare});
}

void AddGrainLoops(Suite& suite) { AddLoops(suite, "grain", GrainWarmUpItems, Loop, FinishGrain); }

}  // namespace weir::bench
