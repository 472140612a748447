// The workload `bytes` on oneTBB's parallel_pipeline: a serial, in-order filter per stage, and
// kBytesTokens items in flight, wherever they are.

#include <cstdint>
#include <string>
#include <utility>

#include "oneapi/tbb/parallel_pipeline.h"
#include "tools/bench/bench.h"
#include "tools/bench/bytes.h"
#include "tools/bench/tbb_pool.h"
#include "tools/bench/workloads.h"

namespace weir::bench {
namespace {

namespace tbb = oneapi::tbb;

Sample RunPipeline(const Params& params) {
  constexpr auto kInOrder = tbb::filter_mode::serial_in_order;
  BytesSink sink;
  int64_t next = 0;
  auto stages = tbb::make_filter<void, std::string>(kInOrder, [&](tbb::flow_control& control) {
    if (next == params.items) {
      control.stop();
      return std::string();
    }
    return MakeBytes(params, next++);
  });
  for (int i = 0; i < kBytesStages; ++i) {
    stages = stages & tbb::make_filter<std::string, std::string>(kInOrder, [](std::string item) {
               BytesWork(item);
               return item;
             });
  }
  const tbb::filter<void, void> pipeline =
      stages & tbb::make_filter<std::string, void>(
                   kInOrder, [&](const std::string& item) { sink.Consume(item); });
  tbb::parallel_pipeline(kBytesTokens, pipeline);
  Sample sample = FinishBytes(params, sink);
  sample.ok = sample.ok && sink.IsInOrder();
  return sample;
}

Sample Run(const Params& params) {
  return RunInArena(params, BytesWarmUpItems(params), RunPipeline);
}

}  // namespace

void AddBytesTbbPipeline(Suite& suite) {
  suite.implementations.push_back(
      {.workload = "bytes", .name = "tbb_parallel_pipeline", .run = Run});
}

}  // namespace weir::bench
