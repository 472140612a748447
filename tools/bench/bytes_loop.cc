// The workload `bytes` by one thread and one loop, in which an item is alive at a time.

#include <cstdint>
#include <string>

#include "tools/bench/bench.h"
#include "tools/bench/bytes.h"
#include "tools/bench/workloads.h"

namespace weir::bench {
namespace {

Sample Run(const Params& params) {
  BytesSink sink;
  for (int64_t number = 0; number < params.items; ++number) {
    std::string item = MakeBytes(params, number);
    for (int stage = 0; stage < kBytesStages; ++stage) BytesWork(item);
    sink.Consume(item);
  }
  return FinishBytes(params, sink);
}

}  // namespace

void AddBytesLoop(Suite& suite) {
  suite.implementations.push_back({.workload = "bytes", .name = "one_thread", .run = Run});
}

}  // namespace weir::bench
