#include "tools/bench/farm_sleep.h"

#include <sys/prctl.h>
#include <time.h>

#include <algorithm>
#include <cerrno>
#include <cstdint>
#include <functional>
#include <queue>
#include <random>
#include <vector>

#include "tools/bench/bench.h"
#include "tools/bench/farm.h"
#include "tools/bench/workloads.h"

namespace weir::bench {
namespace {

constexpr int64_t kMillisecond = 1'000'000;

std::vector<Params> SleepPoints() {
  constexpr int64_t kLeastNs = 300 * kMillisecond;  // of an ideal sample
  constexpr int64_t kLeastCallsOfAWorker = 15;
  std::vector<Params> points;
  for (const int64_t work_ns : {200'000, 1'000'000, 5'000'000, 20'000'000}) {
    for (const char* order : {kOrdered, kUnordered}) {
      for (const int workers : {4, 8, 16, 64}) {
        Params params;
        params.workload = "farm_sleep";
        params.work_ns = work_ns;
        params.variant = order;
        params.workers = params.threads = workers;
        params.items = workers * std::max(kLeastCallsOfAWorker, kLeastNs / work_ns);
        points.push_back(params);
      }
    }
  }
  return points;
}

std::vector<Params> BlockingPoints() {
  std::vector<Params> points;
  for (const char* order : {kOrdered, kUnordered}) {
    for (const int capacity : {0, 8}) {
      Params params;
      params.workload = "farm_blocking";
      params.variant = order;
      params.workers = 8;
      params.threads = 2;  // the workers' calls block, and have threads of their own
      params.capacity = capacity;
      params.items = 200;
      points.push_back(params);
    }
  }
  return points;
}

}  // namespace

bool IsFarmBlocking(const Params& params) { return params.workload == "farm_blocking"; }

SleepingCalls::SleepingCalls(const Params& params) : sleep_ns_(params.items, params.work_ns) {
  if (!IsFarmBlocking(params)) return;
  constexpr uint64_t kSeed = 17;
  constexpr int64_t kHangEvery = 25;
  std::mt19937_64 random(kSeed);
  for (int64_t& ns : sleep_ns_) ns = static_cast<int64_t>(1 + random() % 50) * kMillisecond;
  for (int64_t i = kHangEvery / 2; i < params.items; i += kHangEvery) {
    sleep_ns_[i] = 300 * kMillisecond;
  }
}

FarmItem SleepingCalls::Make(uint64_t number) const {
  timespec left = {.tv_sec = 0, .tv_nsec = static_cast<long>(sleep_ns_[number])};
  while (clock_nanosleep(CLOCK_MONOTONIC, 0, &left, &left) == EINTR) {
  }
  return {.number = number, .result = number};
}

double SleepingCalls::IdealNs(int workers) const {
  std::priority_queue<int64_t, std::vector<int64_t>, std::greater<>> free_at(
      std::greater<>(), std::vector<int64_t>(workers, 0));
  int64_t end = 0;
  for (const int64_t ns : sleep_ns_) {
    const int64_t ends = free_at.top() + ns;
    free_at.pop();
    free_at.push(ends);
    end = std::max(end, ends);
  }
  return static_cast<double>(end);
}

uint64_t SleepingCalls::Checksum() const {
  FarmSink sink;
  for (uint64_t number = 0; number < sleep_ns_.size(); ++number) {
    sink.Consume({.number = number, .result = number});
  }
  return sink.checksum();
}

void SleepPrecisely() { prctl(PR_SET_TIMERSLACK, 1, 0, 0, 0); }

Sample FinishFarmSleep(const Stopwatch& stopwatch, const Params& params, const SleepingCalls& calls,
                       const FarmSink& sink) {
  Sample sample = stopwatch.Stop(params.items);
  sample.ok = sink.checksum() == calls.Checksum() && (!IsOrdered(params) || sink.IsInOrder());
  sample.AddFigure("over_ideal",
                   static_cast<double>(sample.wall_ns) / calls.IdealNs(params.workers));
  return sample;
}

void AddFarmSleepImplementation(Suite& suite, const char* name, Sample (*run)(const Params&)) {
  for (const char* workload : {"farm_sleep", "farm_blocking"}) {
    suite.implementations.push_back({.workload = workload, .name = name, .run = run});
  }
}

void AddFarmSleep(Suite& suite) {
  suite.workloads.push_back({.name = "farm_sleep", .unit = "item", .points = SleepPoints()});
  suite.workloads.push_back({.name = "farm_blocking", .unit = "item", .points = BlockingPoints()});
}

}  // namespace weir::bench
