#include "tools/bench/farm.h"

#include <algorithm>
#include <cstdint>
#include <vector>

#include "tools/bench/bench.h"
#include "tools/bench/loops.h"
#include "tools/bench/spin.h"
#include "tools/bench/workloads.h"

namespace weir::bench {
namespace {

constexpr int64_t kWorkPerSampleNs = 100'000'000;
constexpr int64_t kMostItems = 1'000'000;

Params PointOf(int64_t work_ns, bool ordered, int workers) {
  Params params;
  params.workload = "farm";
  params.work_ns = work_ns;
  params.variant = ordered ? kOrdered : kUnordered;
  params.workers = workers;
  params.threads = 2;
  params.items = std::min(kMostItems, kWorkPerSampleNs / work_ns);
  return params;
}

std::vector<Params> FarmPoints() {
  std::vector<Params> points;
  for (const int64_t work_ns : {50, 100, 300, 1'000, 3'000, 10'000, 100'000}) {
    for (const bool ordered : {true, false}) {
      for (const int workers : {1, 2, 4, 8}) {
        Params params = PointOf(work_ns, ordered, workers);
        points.push_back(params);  // at each implementation's default capacity
        params.on_request = "capacity=";
        for (const int capacity : {16, 64, 256, 1024}) {
          params.capacity = capacity;
          points.push_back(params);
        }
      }
    }
  }
  return points;
}

void Prepare(Params& params) {
  const SpinCalibration calibration = CalibrateSpin(static_cast<double>(params.work_ns));
  params.work_rounds = calibration.rounds;
  params.measured_work_ns = calibration.ns;
  FarmSink sink;
  for (int64_t number = 0; number < params.items; ++number) sink.Consume(FarmWork(params, number));
  params.expected = sink.checksum();
}

}  // namespace

FarmItem FarmWork(const Params& params, uint64_t number) {
  return {.number = number, .result = Spin(number, params.work_rounds)};
}

int64_t FarmWarmUpItems(const Params& params) {
  constexpr int64_t kWarmUpNs = 3'000'000;
  return std::clamp<int64_t>(kWarmUpNs / params.work_ns, 100, 2'000);
}

int FarmTokens(const Params& params) { return params.capacity > 0 ? params.capacity : kFarmTokens; }

Sample FinishWork(const Stopwatch& stopwatch, const Params& params, double work_ns,
                  const FarmSink& sink) {
  Sample sample = stopwatch.Stop(params.items);
  sample.ok = sink.checksum() == params.expected;
  const double all_ns = work_ns * static_cast<double>(params.items);
  sample.AddFigure("efficiency", all_ns / params.threads / static_cast<double>(sample.wall_ns));
  sample.AddFigure("cpu_per_work", static_cast<double>(sample.cpu_ns) / all_ns);
  return sample;
}

Sample FinishFarm(const Stopwatch& stopwatch, const Params& params, const FarmSink& sink) {
  Sample sample = FinishWork(stopwatch, params, params.measured_work_ns, sink);
  sample.ok = sample.ok && (!IsOrdered(params) || sink.IsInOrder());
  return sample;
}

void AddFarm(Suite& suite) {
  suite.workloads.push_back(
      {.name = "farm", .unit = "item", .points = FarmPoints(), .prepare = Prepare});
}

void AddFarmLoops(Suite& suite) {
  AddLoops(
      suite, "farm", FarmWarmUpItems,
      [](const Params& params, int64_t begin, int64_t end, FarmSink& sink) {
        for (int64_t number = begin; number < end; ++number) sink.Consume(FarmWork(params, number));
      },
      FinishFarm);
}

}  // namespace weir::bench
