// The workloads `chain`, `fan`, `move_only` and `timed_send` on Go's channels: go/chan.go measures
// itself, and what its sinks have summed is compared here with what the C++ ones must.

#include <cstdint>

#include "tools/bench/bench.h"
#include "tools/bench/chain.h"
#include "tools/bench/fan.h"
#include "tools/bench/go_program.h"
#include "tools/bench/move_only.h"
#include "tools/bench/workloads.h"

namespace weir::bench {
namespace {

Sample SampleOf(const GoResult& result, int64_t units, uint64_t expected) {
  Sample sample;
  sample.wall_ns = result.wall_ns;
  sample.cpu_ns = result.cpu_ns;
  sample.units = units;
  sample.ok = result.checksum == expected;
  return sample;
}

// As long as the items come through one channel, or in turn, they keep their order.
Sample SampleInOrder(const GoResult& result, int64_t units, uint64_t expected) {
  Sample sample = SampleOf(result, units, expected);
  sample.ok = sample.ok && result.overtaken == 0;
  return sample;
}

Sample RunChain(const Params& params) {
  return SampleInOrder(RunGoProgram(params, kChainWarmUpItems), params.items * ChainHops(params),
                       ChainSink::ChecksumOf(params.items));
}

Sample RunFan(const Params& params) {
  const GoResult result = RunGoProgram(params, kFanWarmUpItems);
  const uint64_t expected = FanSink::ChecksumOf(params.items);
  return IsOrdered(params) ? SampleInOrder(result, params.items, expected)
                           : SampleOf(result, params.items, expected);
}

Sample RunMoveOnly(const Params& params) {
  return SampleInOrder(RunGoProgram(params, kMoveOnlyWarmUpItems), params.items,
                       ParcelSink::ChecksumOf(params));
}

Sample RunTimedSend(const Params& params) {
  return SampleInOrder(RunGoProgram(params, kChainWarmUpItems), params.items,
                       ChainSink::ChecksumOf(params.items));
}

}  // namespace

void AddGoChannels(Suite& suite) {
  const auto add = [&](const char* workload, Sample (*run)(const Params&)) {
    suite.implementations.push_back(
        {.workload = workload, .name = "go_channels", .run = run, .available = HasGoProgram});
  };
  add("chain", RunChain);
  add("fan", RunFan);
  add("move_only", RunMoveOnly);
  add("timed_send", RunTimedSend);
}

}  // namespace weir::bench
