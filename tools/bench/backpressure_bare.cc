// The workload `backpressure` without a library: its consumer by itself on items that cost nothing, as
// fast as the slowest stage can be, whatever drives it; and both in turn, the limit of one thread.

#include <vector>

#include "tools/bench/backpressure.h"
#include "tools/bench/bench.h"
#include "tools/bench/workloads.h"

namespace weir::bench {
namespace {

Sample RunConsumer(const Params& params) {
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

Sample RunInTurn(const Params& params) {
  BackpressureBodies bodies(params);
  const Stopwatch stopwatch;
  while (bodies.HasMore()) bodies.Consume(bodies.Produce());
  return FinishBackpressure(stopwatch, params, bodies);
}

}  // namespace

void AddBackpressureBare(Suite& suite) {
  suite.implementations.push_back({.workload = "backpressure", .name = "bare", .run = RunConsumer});
  suite.implementations.push_back(
      {.workload = "backpressure", .name = "one_thread", .run = RunInTurn});
}

}  // namespace weir::bench
