#include "tools/bench/backpressure.h"

#include <algorithm>
#include <cstdint>

#include "tools/bench/bench.h"
#include "tools/bench/workloads.h"

namespace weir::bench {
namespace {

constexpr int64_t kConsumerNs = 1'000;

// Each round waits for the one before it, so it takes as long beside other work as alone.
uint64_t Work(uint64_t seed, int64_t rounds) {
  uint64_t value = seed + 0x9E3779B97F4A7C15;
  for (int64_t i = 0; i < rounds; ++i) value = (value ^ (value >> 31)) * 0xBF58476D1CE4E5B9;
  return value;
}

// The rounds that take kConsumerNs. The fastest of some measurements: a disturbed one is too slow.
int64_t CalibratedRounds() {
  constexpr int64_t kRounds = 1'000'000;
  int64_t fastest_ns = INT64_MAX;
  for (int i = 0; i < 15; ++i) {
    const Stopwatch stopwatch;
    volatile uint64_t keep = Work(i, kRounds);
    (void)keep;
    fastest_ns = std::min(fastest_ns, stopwatch.Stop(kRounds).wall_ns);
  }
  return kRounds * kConsumerNs / std::max<int64_t>(1, fastest_ns);
}

void Prepare(Params& params) {
  params.work_rounds = CalibratedRounds();
  BackpressureBodies bodies(params);
  while (bodies.HasMore()) bodies.Consume(bodies.Produce());
  params.expected = bodies.checksum();
}

}  // namespace

BackpressureItem BackpressureBodies::Produce() {
  const uint64_t number = produced_;
  const BackpressureItem item{.number = number, .made = Work(number, produce_rounds_)};
  ++produced_;
  in_flight_ = std::max(in_flight_, produced_ - consumed_.load(std::memory_order_relaxed));
  return item;
}

void BackpressureBodies::Consume(const BackpressureItem& item) {
  checksum_ += Work(item.number, consume_rounds_) ^ item.made;
  consumed_.store(++worked_off_, std::memory_order_relaxed);
}

Sample FinishBackpressure(const Stopwatch& stopwatch, const Params& params,
                          const BackpressureBodies& bodies) {
  Sample sample = stopwatch.Stop(params.items);
  sample.ok = bodies.checksum() == params.expected;
  sample.AddFigure("in_flight", static_cast<double>(bodies.in_flight()));
  return sample;
}

void AddBackpressure(Suite& suite) {
  Params params;
  params.workload = "backpressure";
  params.capacity = 64;
  params.threads = 2;
  params.items = 200'000;
  Params roomy = params;
  roomy.capacity = 1024;
  suite.workloads.push_back(
      {.name = "backpressure", .unit = "item", .points = {params, roomy}, .prepare = Prepare});
}

}  // namespace weir::bench
