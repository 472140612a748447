// The workload `bytes` on weir: FromRange, four Maps and ForEach, with a channel between each two. Where
// the point gives no capacity, the channels have the library's own default.

#include <cstddef>
#include <cstdint>
#include <ranges>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "tools/bench/bench.h"
#include "tools/bench/bytes.h"
#include "tools/bench/workloads.h"
#include "weir/weir.h"

namespace weir::bench {
namespace {

bool RunBytes(Engine& engine, const Params& params, BytesSink& sink) {
  StepOptions step{.fuse = false};
  if (params.capacity > 0) step.capacity = static_cast<size_t>(params.capacity);
  const auto items =
      std::views::iota(int64_t{0}, params.items) |
      std::views::transform([&params](int64_t number) { return MakeBytes(params, number); });
  Graph graph("bytes");
  auto flow = From(graph, "items", FromRange(items));
  for (int i = 0; i < kBytesStages; ++i) {
    flow = flow.Map(
        absl::StrCat("work", i),
        [](std::string item) {
          BytesWork(item);
          return item;
        },
        step);
  }
  flow.ForEach(
      "sink", [&sink](const std::string& item) { sink.Consume(item); }, step);
  return weir::Run(engine, graph).Wait().ok();
}

Sample Run(const Params& params) {
  Engine engine({.threads = params.threads});
  {
    BytesSink warm_up;
    RunBytes(engine, WithItems(params, BytesWarmUpItems(params)), warm_up);
  }
  BytesSink sink;
  const bool ok = RunBytes(engine, params, sink);
  Sample sample = FinishBytes(params, sink);
  sample.ok = sample.ok && ok && sink.IsInOrder();
  return sample;
}

}  // namespace

void AddBytesWeir(Suite& suite) {
  suite.implementations.push_back({.workload = "bytes", .name = "weir", .run = Run});
}

}  // namespace weir::bench
