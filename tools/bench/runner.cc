#include "tools/bench/runner.h"

#include <stdio.h>

#include <algorithm>
#include <cstddef>
#include <string>
#include <utility>
#include <vector>

#include "tools/bench/bench.h"
#include "tools/bench/isolate.h"
#include "tools/bench/statistics.h"

namespace weir::bench {
namespace {

Params ParamsFor(const Implementation& implementation, Params params) {
  // A file has the items that it has.
  if (params.input.empty()) params.items *= implementation.scale;
  return params;
}

// The medians of what the samples that were ok have measured beside their times.
std::vector<std::pair<std::string, double>> FiguresOf(const std::vector<Sample>& samples) {
  std::vector<std::pair<std::string, double>> figures;
  for (int i = 0; i < Sample::kMostFigures; ++i) {
    const char* name = nullptr;
    std::vector<double> values;
    for (const Sample& sample : samples) {
      if (!sample.ok || sample.figures[i].name == nullptr) continue;
      name = sample.figures[i].name;
      values.push_back(sample.figures[i].value);
    }
    if (name != nullptr) figures.emplace_back(name, Median(values));
  }
  return figures;
}

Result Summarize(const Implementation& implementation, const Params& params,
                 const std::vector<Sample>& samples) {
  Result result;
  result.impl = implementation.name;
  result.params = ParamsFor(implementation, params);
  result.rounds = static_cast<int>(samples.size());
  std::vector<double> wall, cpu, peak;
  for (const Sample& sample : samples) {
    if (!sample.ok || sample.units <= 0) continue;  // its times mean nothing
    wall.push_back(static_cast<double>(sample.wall_ns) / sample.units);
    cpu.push_back(static_cast<double>(sample.cpu_ns) / sample.units);
    peak.push_back(static_cast<double>(sample.peak_rss_kb));
  }
  result.ns = SpreadOf(wall);
  result.cpu_ns = Median(cpu);
  result.peak_rss_kb = Median(peak);
  result.figures = FiguresOf(samples);
  result.ok = !samples.empty() && wall.size() == samples.size();
  return result;
}

}  // namespace

std::vector<Result> Measure(const Params& params,
                            const std::vector<const Implementation*>& implementations, int rounds,
                            int timeout_seconds) {
  std::vector<std::vector<Sample>> samples(implementations.size());
  for (int round = 0; round < rounds; ++round) {
    for (int index : RotatedOrder(static_cast<int>(implementations.size()), round)) {
      const Implementation& implementation = *implementations[index];
      const Params own = ParamsFor(implementation, params);
      const Sample sample = RunInChild([&] { return implementation.run(own); }, timeout_seconds);
      if (!sample.ok) {
        fprintf(stderr, "bench: %s by %s was not verified in round %d\n", PointName(own).c_str(),
                implementation.name.c_str(), round + 1);
      }
      samples[index].push_back(sample);
    }
  }
  std::vector<Result> results;
  for (size_t i = 0; i < implementations.size(); ++i) {
    results.push_back(Summarize(*implementations[i], params, samples[i]));
  }
  return results;
}

}  // namespace weir::bench
