#include "tools/bench/latency.h"

#include <sys/prctl.h>
#include <time.h>

#include <algorithm>
#include <cerrno>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <vector>

#include "tools/bench/bench.h"
#include "tools/bench/workloads.h"

namespace weir::bench {
namespace {

constexpr char kClosedLoop[] = "closed_loop";

std::vector<Params> LatencyPoints() {
  Params params;
  params.workload = "latency";
  params.stages = kLatencyStages;
  params.capacity = 64;
  params.threads = 2;
  std::vector<Params> points;
  for (const int64_t rate : {1'000, 10'000, 100'000, 300'000}) {
    params.rate = rate;
    params.items = std::max<int64_t>(rate, 2'000);  // of a second, or two
    points.push_back(params);
  }
  params.rate = 0;
  params.variant = kClosedLoop;
  params.items = 20'000;
  points.push_back(params);
  return points;
}

int64_t Now() {
  timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return int64_t{now.tv_sec} * 1'000'000'000 + now.tv_nsec;
}

void SleepUntil(int64_t at_ns) {
  const timespec at = {.tv_sec = static_cast<time_t>(at_ns / 1'000'000'000),
                       .tv_nsec = static_cast<long>(at_ns % 1'000'000'000)};
  while (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &at, nullptr) == EINTR) {
  }
}

}  // namespace

bool IsClosedLoop(const Params& params) { return params.variant == kClosedLoop; }

void LatencyLog::Arrived(const LatencyItem& item) {
  numbers_ += item.number;
  overtaken_ += item.number < last_;
  last_ = item.number;
  latencies_ns_.push_back(Now() - item.begun_ns);
}

bool LatencyLog::IsComplete(const Params& params) const {
  const auto items = static_cast<uint64_t>(params.items);
  return latencies_ns_.size() == items && numbers_ == items * (items - 1) / 2;
}

double LatencyLog::PercentileNs(double part) const {
  std::vector<int64_t> warm(latencies_ns_.begin() + latencies_ns_.size() / 10, latencies_ns_.end());
  if (warm.empty()) return 0;
  const auto rank = static_cast<size_t>(std::ceil(part * static_cast<double>(warm.size())));
  const auto nth = warm.begin() + std::clamp<size_t>(rank, 1, warm.size()) - 1;
  std::nth_element(warm.begin(), nth, warm.end());
  return static_cast<double>(*nth);
}

void SendPaced(const Params& params, const std::function<void(LatencyItem)>& send) {
  constexpr int64_t kLeastSleepNs = 100'000;
  prctl(PR_SET_TIMERSLACK, 1, 0, 0, 0);
  const int64_t begin_ns = Now();
  int64_t woken_ns = begin_ns;
  for (int64_t number = 0; number < params.items; ++number) {
    const int64_t due_ns = begin_ns + number * 1'000'000'000 / params.rate;
    if (due_ns > Now()) {
      SleepUntil(std::max(due_ns, woken_ns + kLeastSleepNs));
      woken_ns = Now();
    }
    send({.begun_ns = std::max(due_ns, woken_ns), .number = static_cast<uint64_t>(number)});
  }
}

void SendInClosedLoop(const Params& params, const std::function<void(LatencyItem)>& exchange) {
  for (int64_t number = 0; number < params.items; ++number) {
    exchange({.begun_ns = Now(), .number = static_cast<uint64_t>(number)});
  }
}

Sample FinishLatency(const Stopwatch& stopwatch, const Params& params, const LatencyLog& log) {
  Sample sample = stopwatch.Stop(params.items);
  sample.ok = log.IsComplete(params);
  const double p50_ns = log.PercentileNs(0.5);
  sample.AddFigure("p50_us", p50_ns / 1e3);
  sample.AddFigure("p99_us", log.PercentileNs(0.99) / 1e3);
  sample.AddFigure("p99.9_us", log.PercentileNs(0.999) / 1e3);
  sample.AddFigure("cores",
                   static_cast<double>(sample.cpu_ns) / static_cast<double>(sample.wall_ns));
  sample.wall_ns = static_cast<int64_t>(p50_ns * static_cast<double>(params.items));
  return sample;
}

void AddLatency(Suite& suite) {
  suite.workloads.push_back({.name = "latency", .unit = "item's way", .points = LatencyPoints()});
}

}  // namespace weir::bench
