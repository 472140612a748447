// word_count: how often each word occurs in files and directory trees.
//
//   walk -> read -> count -> deal -> tally 0..n -> rank -> write
//
// A word is a maximal run of ASCII letters, lower-cased; words do not run on from one file into the next. The output is a
// line `COUNT<TAB>WORD` for each, the highest count first, then by word.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "weir/graphs/problems.h"
#include "weir/weir.h"

namespace weir {

struct WordCountOptions {
  std::vector<std::string>
      inputs;          // files, and directories with all that is below them; "-" is standard input
  std::string output;  // a path; "" and "-" are standard output
  int workers = 2;     // that count; at least 1
  // Told of each file or directory that cannot be read and is left out, in a sentence; from any thread.
  std::function<void(std::string_view)> problem = nullptr;
};

class WordCount {
 public:
  explicit WordCount(WordCountOptions options);

  Graph& graph() { return graph_; }
  // While a run lasts, from any thread. They go on counting over all runs.
  uint64_t bytes() const { return bytes_; }
  uint64_t problems() const { return problems_.count(); }

 private:
  Problems problems_;
  std::atomic<uint64_t> bytes_{0};
  Graph graph_{"word_count"};
};

}  // namespace weir
