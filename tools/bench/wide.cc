#include "tools/bench/wide.h"

#include <cstdint>
#include <vector>

#include "tools/bench/bench.h"
#include "tools/bench/chain.h"
#include "tools/bench/workloads.h"

namespace weir::bench {
namespace {

std::vector<Params> WidePoints() {
  Params one;
  one.workload = "wide";
  one.stages = kWideStages;
  one.capacity = 64;
  one.threads = 2;
  one.items = 10;
  Params hundred = one;
  hundred.stages = 100;
  hundred.items = 100;
  return {one, hundred};
}

double Ms(int64_t ns) { return static_cast<double>(ns) / 1e6; }

}  // namespace

int WideChains(const Params& params) { return kWideStages / params.stages; }

WidePhases::WidePhases() : resident_kb_(ResidentKb()) {}

Sample WidePhases::Freed(const Params& params, const std::vector<ChainSink>& sinks,
                         ChainOrder order) {
  Sample sample = stopwatch_.Stop(kWideStages);
  const double rss_mb = static_cast<double>(PeakRssKb() - resident_kb_) / 1024;
  sample.ok = static_cast<int>(sinks.size()) == WideChains(params);
  for (const ChainSink& sink : sinks) {
    sample.ok = sample.ok && sink.IsComplete(params.items) &&
                (order == ChainOrder::kAny || sink.IsInOrder());
  }
  sample.AddFigure("build_ms", Ms(built_ns_));
  sample.AddFigure("run_ms", Ms(ran_ns_ - built_ns_));
  sample.AddFigure("free_ms", Ms(sample.wall_ns - ran_ns_));
  sample.AddFigure("rss_mb", rss_mb);
  return sample;
}

void AddWide(Suite& suite) {
  suite.workloads.push_back({.name = "wide", .unit = "stage", .points = WidePoints()});
}

}  // namespace weir::bench
