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

// The samples of one implementation at one point.
struct Taken {
  struct Round {
    Sample sample;
    bool quiet = true;
  };
  std::vector<Round> rounds;
  int thrown_away = 0;
  std::string disturbance;
};

// Takes a round's sample, and again while it is disturbed and may be thrown away.
void TakeRound(const Implementation& implementation, const Params& params,
               const MeasureOptions& options, Taken& taken) {
  for (;;) {
    Sample sample;
    const auto measure = [&] {
      sample = RunInChild([&] { return implementation.run(params); }, options.timeout_seconds);
    };
    std::string disturbance;
    if (options.observe) {
      disturbance = options.observe(measure);
    } else {
      measure();
    }
    if (!disturbance.empty()) taken.disturbance = disturbance;
    if (disturbance.empty() || !sample.ok || taken.thrown_away == options.rounds) {
      taken.rounds.push_back({.sample = sample, .quiet = disturbance.empty()});
      return;
    }
    ++taken.thrown_away;
  }
}

// The medians of what the samples have measured beside their times.
std::vector<std::pair<std::string, double>> FiguresOf(const std::vector<Sample>& samples) {
  std::vector<std::pair<std::string, double>> figures;
  for (int i = 0; i < Sample::kMostFigures; ++i) {
    const char* name = nullptr;
    std::vector<double> values;
    for (const Sample& sample : samples) {
      if (sample.figures[i].name == nullptr) continue;
      name = sample.figures[i].name;
      values.push_back(sample.figures[i].value);
    }
    if (name != nullptr) figures.emplace_back(name, Median(values));
  }
  return figures;
}

Result Summarize(const Implementation& implementation, const Params& params, const Taken& taken,
                 bool probed) {
  Result result;
  result.impl = implementation.name;
  result.params = ParamsFor(implementation, params);
  result.rounds = static_cast<int>(taken.rounds.size());
  result.probed = probed;
  result.thrown_away = taken.thrown_away;
  result.disturbance = taken.disturbance;
  result.ok = !taken.rounds.empty();
  for (const auto& [sample, quiet] : taken.rounds) {
    result.quiet_rounds += quiet;
    result.ok = result.ok && sample.ok && sample.units > 0;
  }
  const bool only_quiet = 2 * result.quiet_rounds >= result.rounds;
  std::vector<Sample> counted;
  std::vector<double> wall, cpu, peak;
  for (const auto& [sample, quiet] : taken.rounds) {
    if (!sample.ok || sample.units <= 0) continue;  // its times mean nothing
    if (only_quiet && !quiet) continue;
    counted.push_back(sample);
    wall.push_back(static_cast<double>(sample.wall_ns) / sample.units);
    cpu.push_back(static_cast<double>(sample.cpu_ns) / sample.units);
    peak.push_back(static_cast<double>(sample.peak_rss_kb));
  }
  result.ns = SpreadOf(wall);
  result.cpu_ns = Median(cpu);
  result.peak_rss_kb = Median(peak);
  result.figures = FiguresOf(counted);
  return result;
}

}  // namespace

std::vector<Result> Measure(const Params& params,
                            const std::vector<const Implementation*>& implementations,
                            const MeasureOptions& options) {
  std::vector<Taken> taken(implementations.size());
  for (int round = 0; round < options.rounds; ++round) {
    for (int index : RotatedOrder(static_cast<int>(implementations.size()), round)) {
      const Implementation& implementation = *implementations[index];
      const Params own = ParamsFor(implementation, params);
      TakeRound(implementation, own, options, taken[index]);
      if (!taken[index].rounds.back().sample.ok) {
        fprintf(stderr, "bench: %s by %s was not verified in round %d\n", PointName(own).c_str(),
                implementation.name.c_str(), round + 1);
      }
    }
  }
  std::vector<Result> results;
  for (size_t i = 0; i < implementations.size(); ++i) {
    results.push_back(
        Summarize(*implementations[i], params, taken[i], static_cast<bool>(options.observe)));
  }
  return results;
}

}  // namespace weir::bench
