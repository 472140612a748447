// The workload `pack` by the graph of that name, in this process.

#include <ranges>

#include "tools/bench/bench.h"
#include "tools/bench/pack.h"
#include "tools/bench/workloads.h"
#include "weir/graphs/pack.h"
#include "weir/weir.h"

namespace weir::bench {
namespace {

Sample Run(const Params& params) {
  Engine engine({.threads = params.threads});
  {
    Graph warm_up("warm_up");
    From(warm_up, "numbers", FromRange(std::views::iota(0, 1000))).Ignore("ignore");
    weir::Run(engine, warm_up).Wait();
  }
  const PackOutput output;

  const Stopwatch stopwatch;
  PackOptions options;
  options.input = params.input;
  options.output = output.path();
  options.level = PackLevel(params);
  options.workers = params.threads;
  options.sync = false;  // as zstd does
  Pack pack(options);
  const bool ok = weir::Run(engine, pack.graph()).Wait().ok();
  Sample sample = stopwatch.Stop(params.items);
  VerifyPacked(params, output, sample);
  sample.ok = sample.ok && ok;
  return sample;
}

}  // namespace

void AddPackWeir(Suite& suite) {
  suite.implementations.push_back({.workload = "pack", .name = "weir", .run = Run});
}

}  // namespace weir::bench
