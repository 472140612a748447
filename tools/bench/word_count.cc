#include "tools/bench/word_count.h"

#include <cstdint>
#include <stdexcept>
#include <string>

#include "tools/bench/bench.h"
#include "tools/bench/isolate.h"
#include "tools/bench/word_count_corpus.h"
#include "tools/bench/word_count_text.h"
#include "tools/bench/workloads.h"

namespace weir::bench {
namespace {

constexpr int kReferenceTimeoutSeconds = 600;

// The reference, by one thread and one loop. In a child process, because its memory would otherwise
// be every sample's.
WordTotals ReferenceOf(const std::string& path) {
  const Sample totals = RunInChild(
      [&] {
        ChunkReader reader(path);
        WordCounts counts;
        for (std::string chunk; reader.Next(chunk);) CountWords(chunk, counts);
        const WordTotals totals = TotalsOf(counts);
        Sample carrier;  // what comes back from a child is a Sample; two of its numbers are free
        carrier.wall_ns = static_cast<int64_t>(totals.checksum);
        carrier.units = totals.words;
        carrier.ok = true;
        return carrier;
      },
      kReferenceTimeoutSeconds);
  if (!totals.ok) throw std::runtime_error("the reference count of the corpus failed");
  return {.checksum = static_cast<uint64_t>(totals.wall_ns), .words = totals.units};
}

void Prepare(int64_t corpus_mb, Params& params) {
  params.input = WriteCorpus(corpus_mb);
  const WordTotals reference = ReferenceOf(params.input);
  params.items = reference.words;
  params.expected = reference.checksum;
}

}  // namespace

Sample FinishWordCount(const Stopwatch& stopwatch, const Params& params, const WordCounts& counts) {
  Sample sample = stopwatch.Stop(params.items);
  sample.ok = TotalsOf(counts).checksum == params.expected;
  sample.AddFigure("distinct", static_cast<double>(counts.size()));
  return sample;
}

void AddWordCount(Suite& suite, int64_t corpus_mb) {
  Params params;
  params.workload = "word_count";
  params.capacity = 8;
  params.threads = 2;
  suite.workloads.push_back(
      {.name = "word_count",
       .unit = "word",
       .points = {params},
       .prepare = [corpus_mb](Params& params) { Prepare(corpus_mb, params); }});
}

}  // namespace weir::bench
