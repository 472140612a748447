// The workload `backpressure`'s consumer by itself, on items that cost nothing: as fast as the
// slowest stage can be, whatever drives it.

#include <vector>

#include "tools/bench/backpressure.h"
#include "tools/bench/bench.h"
#include "tools/bench/workloads.h"

namespace weir::bench {
namespace {

Sample Run(const Params& params) {
  // Items are made beforehand, as the checksum is of their making too.
  std::vector<BackpressureItem> items;
  BackpressureBodies producer(params);
  while (producer.HasMore()) items.push_back(producer.Produce());

  BackpressureBodies consumer(params);
  const Stopwatch stopwatch;
  for (const BackpressureItem& item : items) consumer.Consume(item);
  Sample sample = stopwatch.Stop(params.items);
  sample.ok = consumer.checksum() == params.expected;
  return sample;
}

}  // namespace

void AddBackpressureBare(Suite& suite) {
  suite.implementations.push_back({.workload = "backpressure", .name = "bare", .run = Run});
}

}  // namespace weir::bench
