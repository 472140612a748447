// One zstd frame, made by several compressors at once.
//
// The input is cut into chunks of four windows, and each is compressed by itself into a part of the frame. A compressor has read
// the end of the chunk before its own, as much as the level makes it worth, so that matches reach across the cut; frames of
// their own would be 3 to 7 % larger at level 9. This is how zstd's own threads divide the work (zstdmt_compress.c), so the size
// is the same as theirs to a few bytes. The frame is (RFC 8878, 3.1.1)
//
//   Header(plan) | the blocks of each chunk, in order | Trailer(digest)
//
// What a plan says depends on the level and the input's size alone: the frame does not depend on who compresses which chunk.
#pragma once

#include <zstd.h>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "absl/status/status.h"

namespace weir {

struct FramePlan {
  static constexpr int kLowestLevel = 1;
  static constexpr int kHighestLevel =
      19;  // above it, zstd asks for --ultra: who decompresses needs more memory

  // `content_size`: of the whole input in bytes, where it is known. The frame then says so, and must have as many.
  FramePlan(int level, std::optional<uint64_t> content_size);

  int level;
  std::optional<uint64_t> content_size;
  ZSTD_compressionParameters parameters;
  size_t chunk;    // bytes in a chunk; in the last, at most
  size_t overlap;  // how many bytes before a chunk its compressor reads, at most

  // A buffer of this size holds a chunk and what overlaps into it, and another one what a chunk becomes.
  size_t BufferSize() const;
};

std::string FrameHeader(const FramePlan& plan);
// Ends the frame. `digest`: XXH64 of the whole input.
std::string FrameTrailer(uint64_t digest);

// Compresses one chunk after the other, each in steps of less than a few milliseconds at a middling level:
//
//   absl::Status status = compressor.Begin(before, size, into, room);
//   while (status.ok() && !compressor.done()) status = compressor.Step();
//
// One thread at a time. An error is INTERNAL: zstd refuses nothing that it is given here.
class ChunkCompressor {
 public:
  explicit ChunkCompressor(const FramePlan& plan);

  // `data`: `before` bytes that end the chunk before (none for the first), and behind them the `size` bytes of this one. Both
  // ranges must stay as they are until it is done; `room` is at least FramePlan::BufferSize.
  absl::Status Begin(const char* data, size_t before, size_t size, char* into, size_t room);
  absl::Status Step();
  bool done() const { return input_.pos == size_; }
  // The chunk's blocks.
  const char* blocks() const { return static_cast<const char*>(output_.dst) + header_; }
  size_t blocks_size() const { return output_.pos - header_; }

 private:
  absl::Status Compress();

  const std::unique_ptr<ZSTD_CCtx, size_t (*)(ZSTD_CCtx*)> context_;
  absl::Status refused_;  // a parameter was
  ZSTD_inBuffer input_ = {nullptr, 0, 0};
  ZSTD_outBuffer output_ = {nullptr, 0, 0};
  size_t size_ = 0;
  size_t header_ = 0;  // bytes at the beginning of the output that are a header of its own
};

}  // namespace weir
