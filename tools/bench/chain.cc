#include "tools/bench/chain.h"

#include <cstdint>
#include <vector>

#include "tools/bench/bench.h"
#include "tools/bench/workloads.h"

namespace weir::bench {
namespace {

// A sample has this many hops, whatever S: a quarter of a second at 60 to 80 ns a hop.
constexpr int64_t kHopsPerSample = 4'000'000;

std::vector<Params> ChainPoints() {
  std::vector<Params> points;
  for (int capacity : {64, 1024}) {
    for (int stages : {1, 4, 16, 64}) {
      Params params;
      params.workload = "chain";
      params.stages = stages;
      params.capacity = capacity;
      params.threads = 2;
      params.items = kHopsPerSample / ChainHops(params);
      points.push_back(params);
    }
  }
  return points;
}

}  // namespace

int64_t ChainHops(const Params& params) { return params.stages + 1; }

uint64_t ChainSink::ChecksumOf(int64_t items) {
  uint64_t checksum = 0;
  for (int64_t item = 0; item < items; ++item) checksum += Mix(item);
  return checksum;
}

Sample FinishChain(const Stopwatch& stopwatch, const Params& params, const ChainSink& sink,
                   ChainOrder order) {
  Sample sample = stopwatch.Stop(params.items * ChainHops(params));
  sample.ok = sink.IsComplete(params.items) && (order == ChainOrder::kAny || sink.IsInOrder());
  return sample;
}

void AddChain(Suite& suite) {
  suite.workloads.push_back({.name = "chain", .unit = "item and hop", .points = ChainPoints()});
}

}  // namespace weir::bench
