// pack: compresses a file with zstd, on several workers at once.
//
//   read -> compress0..n -> write
//
// Chunks of four windows are dealt to the workers in turn, and what they become is taken from them in the same turn, so it is in
// order without waiting for one another's slots. The output is one frame (zstd_frame.h) that `zstd -d` and every other decoder
// reads, of the size that `zstd -T2` gives, and the same bytes whatever the number of workers.
//
// What it holds in memory: at most 4 buffers for each worker and 2 more, each of a chunk and a bit (2 MiB at level 1, 8 at
// level 3, 16 at level 9, 32 at level 19), whatever the size of the input.
#pragma once

#include <atomic>
#include <cstdint>
#include <string>

#include "absl/status/status.h"
#include "weir/weir.h"

namespace weir {

struct PackOptions {
  static constexpr int kMostWorkers = 256;

  std::string input = "";   // a path; "-" is standard input
  std::string output = "";  // a path; "" and "-" are standard output
  int level = 3;            // 1 to 19
  int workers = 2;          // that compress, 1 to kMostWorkers
  // Reads the output back, decompresses it and compares what comes out with what went in, before it takes its name. Not for
  // standard output or a pipe, which cannot be read again.
  bool check = false;
  // Waits until the output is on the disk before it takes its name.
  bool sync = true;
};

class Pack {
 public:
  explicit Pack(PackOptions options);

  // OK, or INVALID_ARGUMENT: what the options cannot be. A run on such options fails with it, and writes nothing.
  static absl::Status Validate(const PackOptions& options);

  // A run fails, and leaves the output as it was, if the input cannot be read, if it became shorter meanwhile, if the output
  // cannot be written, if the check finds a difference (DATA_LOSS), and if it is drained before the input's end
  // (ABORTED): half a file is no result. An input that grows is taken as it was when it was opened.
  Graph& graph() { return graph_; }
  // That have been read. While a run lasts, from any thread; it goes on counting over all runs.
  uint64_t bytes() const { return bytes_; }

 private:
  std::atomic<uint64_t> bytes_{0};
  Graph graph_{"pack"};
};

}  // namespace weir
