#include "tools/bench/cancel.h"

#include <algorithm>
#include <cstdint>
#include <vector>

#include "tools/bench/bench.h"
#include "tools/bench/statistics.h"
#include "tools/bench/workloads.h"

namespace weir::bench {
namespace {

std::vector<Params> CancelPoints() {
  Params params;
  params.workload = "cancel";
  params.stages = 1'000;
  params.capacity = 64;
  params.threads = 2;
  params.items = 20;
  Params many = params;
  many.variant = "runs=10000";
  many.items = 10'000;
  many.on_request = many.variant;
  return {params, many};
}

}  // namespace

void CancelTimes::Add(const Run& run, const Sample& freed) {
  runs_.push_back(run);
  wall_ns_ += freed.wall_ns;
  cpu_ns_ += freed.cpu_ns;
}

Sample CancelTimes::Total(int64_t runs, double graph_us) const {
  const auto median = [this](double Run::*time) {
    std::vector<double> times;
    for (const Run& run : runs_) times.push_back(run.*time);
    return Median(times);
  };
  double slowest_us = 0;
  for (const Run& run : runs_) slowest_us = std::max(slowest_us, run.freed_us);
  Sample sample;
  sample.wall_ns = wall_ns_;
  sample.cpu_ns = cpu_ns_;
  sample.units = runs;
  sample.ok = static_cast<int64_t>(runs_.size()) == runs;
  sample.AddFigure("stopped_us", median(&Run::stopped_us));
  sample.AddFigure("discarded_us", median(&Run::discarded_us));
  sample.AddFigure("over_us", median(&Run::over_us));
  sample.AddFigure("freed_us", median(&Run::freed_us));
  sample.AddFigure("slowest_us", slowest_us);
  sample.AddFigure("graph_us", graph_us);
  return sample;
}

void AddCancel(Suite& suite) {
  suite.workloads.push_back({.name = "cancel", .unit = "run", .points = CancelPoints()});
}

}  // namespace weir::bench
