#include "weir/graphs/zstd_frame.h"

#include <algorithm>
#include <new>

#include "absl/strings/str_cat.h"

// Forgets the offsets that a compressor assumes to have been used last. At the beginning of a chunk they are those of the chunk
// before, which its compressor does not know. libzstd.a has it, for its own threads; no header declares it.
extern "C" void ZSTD_invalidateRepCodes(ZSTD_CCtx* context);

namespace weir {
namespace {

// A block's worth of input many times over; a cut into blocks of 128 KiB falls where it would without steps.
constexpr size_t kStep = 512 * 1024;

// In parts of a window, as zstd chooses by how thoroughly a level searches.
size_t OverlapOf(const ZSTD_compressionParameters& parameters) {
  const size_t window = size_t{1} << parameters.windowLog;
  switch (parameters.strategy) {
    case ZSTD_btultra2: return window;
    case ZSTD_btultra:
    case ZSTD_btopt: return window / 2;
    case ZSTD_btlazy2:
    case ZSTD_lazy2: return window / 4;
    default: return window / 8;
  }
}

absl::Status Fault(size_t result) {
  return absl::InternalError(absl::StrCat("libzstd: ", ZSTD_getErrorName(result)));
}

void AppendLittleEndian(uint64_t value, int bytes, std::string& to) {
  for (int i = 0; i < bytes; ++i) to += static_cast<char>(value >> (8 * i));
}

}  // namespace

FramePlan::FramePlan(int level, std::optional<uint64_t> content_size)
    : level(level),
      content_size(content_size),
      parameters(ZSTD_getCParams(level, content_size.value_or(0), 0)),
      chunk(size_t{1} << std::max(20u, parameters.windowLog + 2)),
      overlap(OverlapOf(parameters)) {}

size_t FramePlan::BufferSize() const {
  return std::max(overlap + chunk, ZSTD_compressBound(chunk) + ZSTD_FRAMEHEADERSIZE_MAX);
}

std::string FrameHeader(const FramePlan& plan) {
  constexpr unsigned kHasChecksum = 1u << 2;
  constexpr unsigned kSizeIn4Bytes = 2u << 6;
  constexpr unsigned kSizeIn8Bytes = 3u << 6;
  const bool large = plan.content_size.value_or(0) > UINT32_MAX;
  unsigned descriptor = kHasChecksum;
  if (plan.content_size.has_value()) descriptor |= large ? kSizeIn8Bytes : kSizeIn4Bytes;
  std::string header;
  AppendLittleEndian(ZSTD_MAGICNUMBER, 4, header);
  AppendLittleEndian(descriptor, 1, header);
  AppendLittleEndian((plan.parameters.windowLog - ZSTD_WINDOWLOG_MIN) << 3, 1, header);
  if (plan.content_size.has_value()) AppendLittleEndian(*plan.content_size, large ? 8 : 4, header);
  return header;
}

std::string FrameTrailer(uint64_t digest) {
  // No chunk knows whether it is the last: a block that is marked so, and empty, follows them.
  std::string trailer;
  AppendLittleEndian(1, 3, trailer);
  AppendLittleEndian(digest, 4, trailer);
  return trailer;
}

ChunkCompressor::ChunkCompressor(const FramePlan& plan)
    : context_(ZSTD_createCCtx(), &ZSTD_freeCCtx) {
  if (context_ == nullptr) throw std::bad_alloc();
  const auto set = [this](ZSTD_cParameter parameter, int value) {
    const size_t result = ZSTD_CCtx_setParameter(context_.get(), parameter, value);
    if (ZSTD_isError(result) && refused_.ok()) refused_ = Fault(result);
  };
  // All of them rather than the level: by itself it would be adapted to the size of a chunk.
  const ZSTD_compressionParameters& parameters = plan.parameters;
  set(ZSTD_c_compressionLevel, plan.level);
  set(ZSTD_c_windowLog, static_cast<int>(parameters.windowLog));
  set(ZSTD_c_chainLog, static_cast<int>(parameters.chainLog));
  set(ZSTD_c_hashLog, static_cast<int>(parameters.hashLog));
  set(ZSTD_c_searchLog, static_cast<int>(parameters.searchLog));
  set(ZSTD_c_minMatch, static_cast<int>(parameters.minMatch));
  set(ZSTD_c_targetLength, static_cast<int>(parameters.targetLength));
  set(ZSTD_c_strategy, parameters.strategy);
  // Who decompresses has one window, also where the match is in what overlaps.
  set(ZSTD_c_forceMaxWindow, 1);
  // From the chunk, and into the output, without copies in between.
  set(ZSTD_c_stableInBuffer, 1);
  set(ZSTD_c_stableOutBuffer, 1);
}

absl::Status ChunkCompressor::Begin(const char* data, size_t before, size_t size, char* into,
                                    size_t room) {
  if (!refused_.ok()) return refused_;
  ZSTD_CCtx_reset(context_.get(), ZSTD_reset_session_only);
  size_ = size;
  header_ = 0;
  input_ = {data + before, 0, 0};
  output_ = {into, room, 0};
  if (before > 0) {
    // Raw content, whatever it looks like: one that begins like a dictionary would else be read as one.
    const size_t result =
        ZSTD_CCtx_refPrefix_advanced(context_.get(), data, before, ZSTD_dct_rawContent);
    if (ZSTD_isError(result)) return Fault(result);
  }
  // With no input yet: it only begins.
  absl::Status begun = Compress();
  if (begun.ok() && before > 0) ZSTD_invalidateRepCodes(context_.get());
  return begun;
}

absl::Status ChunkCompressor::Step() {
  const bool first = input_.pos == 0;
  input_.size = std::min(size_, input_.pos + kStep);
  absl::Status compressed = Compress();
  if (!compressed.ok() || !first || output_.pos == 0) return compressed;
  const size_t header = ZSTD_frameHeaderSize(output_.dst, output_.pos);
  if (ZSTD_isError(header)) return Fault(header);
  header_ = header;
  return compressed;
}

absl::Status ChunkCompressor::Compress() {
  const size_t result = ZSTD_compressStream2(context_.get(), &output_, &input_, ZSTD_e_flush);
  return ZSTD_isError(result) ? Fault(result) : absl::OkStatus();
}

}  // namespace weir
