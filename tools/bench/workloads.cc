#include "tools/bench/workloads.h"

#include <cstdint>

#include "tools/bench/bench.h"

namespace weir::bench {

Suite MakeSuite(int64_t corpus_mb) {
  Suite suite;
  AddChain(suite);
  AddChainTbbFlowGraph(suite);
  AddChainTbbPipeline(suite);
  AddChainFiber(suite);

  AddWordCount(suite, corpus_mb);
  AddWordCountSingleThread(suite);
  AddWordCountTbb(suite);
  AddWordCountFiber(suite);
  return suite;
}

}  // namespace weir::bench
