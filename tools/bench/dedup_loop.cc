// The workload `dedup` by one thread and one loop.

#include <optional>
#include <string>

#include "tools/bench/bench.h"
#include "tools/bench/dedup.h"
#include "tools/bench/workloads.h"

namespace weir::bench {
namespace {

Sample RunLoop(const Params& params) {
  const std::string input = MakeDedupInput(params);
  DedupCutter cutter(input);
  DedupTable table;
  DedupWriter writer;
  while (std::optional<DedupChunk> chunk = cutter.Next()) {
    HashChunk(*chunk);
    table.Look(*chunk);
    PackChunk(*chunk);
    writer.Write(*chunk);
  }
  return writer.Finish(params, input);
}

Sample Run(const Params& params) {
  RunLoop(DedupWarmUp(params));
  return RunLoop(params);
}

}  // namespace

void AddDedupLoop(Suite& suite) {
  suite.implementations.push_back({.workload = "dedup", .name = "one_thread", .run = Run});
}

}  // namespace weir::bench
