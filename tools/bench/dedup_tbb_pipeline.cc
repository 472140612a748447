// The workload `dedup` on oneTBB's parallel_pipeline: serial, in-order filters that cut, have the
// table and write, parallel ones that hash and compress, and kTokens chunks in flight.

#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "oneapi/tbb/parallel_pipeline.h"
#include "tools/bench/bench.h"
#include "tools/bench/dedup.h"
#include "tools/bench/tbb_pool.h"
#include "tools/bench/workloads.h"

namespace weir::bench {
namespace {

namespace tbb = oneapi::tbb;

constexpr int kTokens = 64;

Sample RunPipeline(const Params& params) {
  using Item = std::shared_ptr<DedupChunk>;
  constexpr auto kInOrder = tbb::filter_mode::serial_in_order;
  constexpr auto kParallel = tbb::filter_mode::parallel;
  const std::string input = MakeDedupInput(params);
  DedupCutter cutter(input);
  DedupTable table;
  DedupWriter writer;
  const tbb::filter<void, void> pipeline =
      tbb::make_filter<void, Item>(kInOrder,
                                   [&](tbb::flow_control& control) -> Item {
                                     std::optional<DedupChunk> chunk = cutter.Next();
                                     if (!chunk.has_value()) {
                                       control.stop();
                                       return nullptr;
                                     }
                                     return std::make_shared<DedupChunk>(std::move(*chunk));
                                   }) &
      tbb::make_filter<Item, Item>(kParallel,
                                   [](Item chunk) {
                                     HashChunk(*chunk);
                                     return chunk;
                                   }) &
      tbb::make_filter<Item, Item>(kInOrder,
                                   [&](Item chunk) {
                                     table.Look(*chunk);
                                     return chunk;
                                   }) &
      tbb::make_filter<Item, Item>(kParallel,
                                   [](Item chunk) {
                                     PackChunk(*chunk);
                                     return chunk;
                                   }) &
      tbb::make_filter<Item, void>(kInOrder, [&](const Item& chunk) { writer.Write(*chunk); });
  tbb::parallel_pipeline(kTokens, pipeline);
  return writer.Finish(params, input);
}

Sample Run(const Params& params) {
  return RunInArena(params, DedupWarmUp(params).items, RunPipeline);
}

}  // namespace

void AddDedupTbbPipeline(Suite& suite) {
  suite.implementations.push_back(
      {.workload = "dedup", .name = "tbb_parallel_pipeline", .run = Run});
}

}  // namespace weir::bench
