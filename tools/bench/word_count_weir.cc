// The workload `word_count` on weir: a reader, a counting stage whose workers each keep a map of their own, and a merge.

#include <optional>
#include <ranges>
#include <string>
#include <utility>

#include "tools/bench/bench.h"
#include "tools/bench/word_count.h"
#include "tools/bench/word_count_text.h"
#include "tools/bench/workloads.h"
#include "weir/weir.h"

namespace weir::bench {
namespace {

// Counts the words of the chunks that it gets, and sends its map when there are no more.
class CountStage final : public Stage {
 public:
  In<std::string> in{this, "in"};
  Out<WordCounts> out{this, "out"};

  Task<> Work(Context&) override {
    WordCounts counts;
    while (auto chunk = co_await in.Receive()) CountWords(*chunk, counts);
    if (!in.status().ok()) co_return in.status();
    auto send = out.Send(counts);
    absl::Status sent = co_await send;
    co_return sent;
  }
};

Sample Run(const Params& params) {
  Engine engine({.threads = params.threads});
  {
    Graph warm_up("warm_up");
    From(warm_up, "numbers", FromRange(std::views::iota(0, 1000))).Ignore("ignore");
    weir::Run(engine, warm_up).Wait();
  }

  const Stopwatch stopwatch;
  ChunkReader reader(params.input);
  WordCounts merged;
  Graph graph("word_count");
  auto& count = graph.Add<CountStage>("count");
  count.set_workers(params.threads);
  From(graph, "read", Generate([&reader] {
         std::optional<std::string> chunk(std::in_place);
         if (!reader.Next(*chunk)) chunk.reset();
         return chunk;
       }))
      .To(count.in, {.capacity = static_cast<size_t>(params.capacity)});
  Flow(graph, count.out).ForEach("merge", [&merged](WordCounts counts) {
    MergeCounts(std::move(counts), merged);
  });
  const bool ok = weir::Run(engine, graph).Wait().ok();
  Sample sample = FinishWordCount(stopwatch, params, merged);
  sample.ok = sample.ok && ok;
  return sample;
}

}  // namespace

void AddWordCountWeir(Suite& suite) {
  suite.implementations.push_back({.workload = "word_count", .name = "weir", .run = Run});
}

}  // namespace weir::bench
