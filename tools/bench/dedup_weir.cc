// The workload `dedup` on weir: Generate, four Maps, of which two have workers, and ForEach, with the
// library's own capacities.

#include <string>

#include "tools/bench/bench.h"
#include "tools/bench/dedup.h"
#include "tools/bench/workloads.h"
#include "weir/weir.h"

namespace weir::bench {
namespace {

bool RunDedup(Engine& engine, const Params& params, const std::string& input, DedupWriter& writer) {
  DedupCutter cutter(input);
  DedupTable table;
  const StepOptions parallel{.workers = params.workers};
  Graph graph("dedup");
  From(graph, "cut", Generate([&cutter] { return cutter.Next(); }))
      .Map(
          "hash",
          [](DedupChunk chunk) {
            HashChunk(chunk);
            return chunk;
          },
          parallel)
      .Map("look",
           [&table](DedupChunk chunk) {
             table.Look(chunk);
             return chunk;
           })
      .Map(
          "pack",
          [](DedupChunk chunk) {
            PackChunk(chunk);
            return chunk;
          },
          parallel)
      .ForEach("write", [&writer](const DedupChunk& chunk) { writer.Write(chunk); });
  return weir::Run(engine, graph).Wait().ok();
}

Sample RunOnce(Engine& engine, const Params& params) {
  const std::string input = MakeDedupInput(params);
  DedupWriter writer;
  const bool ok = RunDedup(engine, params, input, writer);
  Sample sample = writer.Finish(params, input);
  sample.ok = sample.ok && ok;
  return sample;
}

Sample Run(const Params& params) {
  Engine engine({.threads = params.threads});
  RunOnce(engine, DedupWarmUp(params));
  return RunOnce(engine, params);
}

}  // namespace

void AddDedupWeir(Suite& suite) {
  suite.implementations.push_back({.workload = "dedup", .name = "weir", .run = Run});
}

}  // namespace weir::bench
