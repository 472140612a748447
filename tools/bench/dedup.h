// The workload `dedup`, after the kernel of that name in the PARSEC benchmarks: a stream is cut into
// chunks where its contents say so, chunks that were seen before are replaced by a reference, the
// others are compressed, and all is written in order. Cutting and the table are serial, hashing
// (SHA-1) and compressing (zlib) may be parallel.
//
// The input is generated: words, of which about a half are repeated from what was there before.
// Times are per KiB of it; the figures are those of stream_meter.h, where an item is a chunk, and
// `ratio`, the input's size divided by the output's.

#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "absl/container/flat_hash_map.h"
#include "tools/bench/bench.h"
#include "tools/bench/stream_meter.h"

namespace weir::bench {

struct DedupChunk {
  int64_t begun_ns = 0;
  int64_t number = 0;
  std::string_view raw;  // of the input
  std::array<unsigned char, 20> digest = {};
  int64_t first = -1;  // the number of the first chunk with the same contents
  std::string packed;  // empty unless this chunk is the first
};

// Params::items KiB of text.
std::string MakeDedupInput(const Params& params);

// Cuts an input, which must live as long as the chunks. One thread at a time.
class DedupCutter {
 public:
  explicit DedupCutter(std::string_view input) : left_(input) {}
  std::optional<DedupChunk> Next();

 private:
  std::string_view left_;
  int64_t next_ = 0;
};

// Fills in `digest`. Any thread.
void HashChunk(DedupChunk& chunk);

// Fills in `first`. One thread at a time, chunk by chunk in order.
class DedupTable {
 public:
  void Look(DedupChunk& chunk);

 private:
  absl::flat_hash_map<std::string, int64_t> first_;
};

// Fills in `packed` if the chunk is the first of its contents. Any thread.
void PackChunk(DedupChunk& chunk);

// Writes an archive, to a file that is gone with the object. One thread at a time, chunk by chunk in
// order. Throws std::system_error if it cannot.
class DedupWriter {
 public:
  DedupWriter();
  DedupWriter(const DedupWriter&) = delete;
  DedupWriter& operator=(const DedupWriter&) = delete;
  ~DedupWriter();

  void Write(const DedupChunk& chunk);

  // Stops the clock, and then verifies that the archive holds `input`.
  Sample Finish(const Params& params, std::string_view input);

 private:
  void Flush();

  int file_;
  std::string buffer_;
  int64_t written_ = 0;
  int64_t next_ = 0;
  bool in_order_ = true;
  StreamMeter meter_;
};

// What warms up.
Params DedupWarmUp(const Params& params);

}  // namespace weir::bench
