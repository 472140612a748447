// file_digest: the SHA-256 of every file in directory trees, as `sha256sum` prints it.
//
//   walk -> digest -> write
//
// The output is a line `HEX  PATH` for each regular file, in byte order of the paths. A path with a
// backslash, a newline or a carriage return in it is escaped, and its line begins with a backslash,
// as of sha256sum; so `sha256sum --check` reads it. Of what is written for a terminal it reads the
// lines whose names have no control characters.
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

struct FileDigestOptions {
  std::vector<std::string>
      inputs;          // files, and directories with all that is below them; "-" is standard input
  std::string output;  // a path; "" and "-" are standard output
  int workers = 2;     // that read and digest; at least 1
  // Spells control characters in names out, for an output that a terminal shows: it obeys them
  // otherwise.
  bool for_terminal = false;
  // Told of each file or directory that cannot be read and is left out, in a sentence; from any thread.
  std::function<void(std::string_view)> problem = nullptr;
};

class FileDigest {
 public:
  explicit FileDigest(FileDigestOptions options);

  Graph& graph() { return graph_; }
  // While a run lasts, from any thread. They go on counting over all runs.
  uint64_t bytes() const { return bytes_; }
  uint64_t problems() const { return problems_.count(); }

 private:
  Problems problems_;
  std::atomic<uint64_t> bytes_{0};
  Graph graph_{"file_digest"};
};

}  // namespace weir
