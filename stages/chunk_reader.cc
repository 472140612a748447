#include "weir/stages/chunk_reader.h"

#include <algorithm>
#include <utility>

#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"

namespace weir::internal {

ChunkReader::ChunkReader(const ReadOptions& options, InputFile::Stop unwanted)
    : options_(options),
      unwanted_(std::move(unwanted)),
      longest_(std::max(options.max_record, options.max_record + 1)),
      chunk_size_(std::clamp<size_t>(options.chunk_size, 1, longest_)) {}

absl::Status ChunkReader::Open(const std::string& path) {
  Close();
  path_ = path;
  if (options_.chunk_size == 0 || options_.max_record == 0) {
    return absl::InvalidArgumentError("chunk_size and max_record must be at least 1 byte");
  }
  offset_ = 0;
  carry_.clear();
  return file_.Open(path);
}

void ChunkReader::Close() { file_.Close(); }

size_t ChunkReader::Target(size_t size) const {
  constexpr size_t kSmallest = 4096;
  if (size >= chunk_size_) return std::min(size * 2, longest_);
  // One byte more than the file is said to have: its end is found without another round.
  const uint64_t rest = file_.size() > offset_ ? file_.size() - offset_ + 1 : size + kSmallest;
  return static_cast<size_t>(
      std::clamp<uint64_t>(file_.regular() ? rest : chunk_size_, size + 1, chunk_size_));
}

absl::Status ChunkReader::Next(std::string& chunk, const Context& context) {
  absl::Status status = Read(chunk, context);
  if (!status.ok() || chunk.empty()) Close();
  return status;
}

absl::Status ChunkReader::Read(std::string& chunk, const Context& context) {
  const auto stop = [&] {
    return context.cancelled() || context.draining() || (unwanted_ && unwanted_());
  };
  chunk = std::exchange(carry_, {});
  while (true) {
    const size_t before = chunk.size();
    chunk.resize(Target(before));
    size_t filled = before;
    bool ended = false;
    while (filled < chunk.size()) {
      const absl::StatusOr<size_t> got =
          file_.Read(chunk.data() + filled, chunk.size() - filled, stop);
      if (!got.ok()) {
        chunk.clear();
        cut_ = absl::IsCancelled(got.status());
        return cut_ ? absl::OkStatus() : InPart(got.status());
      }
      ended = *got == 0;
      filled += *got;
      if (ended || !file_.regular()) break;
    }
    chunk.resize(filled);
    if (ended && filled <= options_.max_record) {
      offset_ += filled;
      return absl::OkStatus();
    }
    // What was there before has no boundary in it.
    size_t end = filled;
    while (end > before && !IsBoundary(chunk[end - 1])) --end;
    if (end > before) {
      carry_.assign(chunk, end);
      chunk.resize(end);
      offset_ += end;
      return absl::OkStatus();
    }
    if (filled > options_.max_record) {
      chunk.clear();
      return InPart(absl::InvalidArgumentError(
          absl::StrCat("cannot read ", file_.name(), ": the record that begins at byte ", offset_,
                       " is longer than ", options_.max_record,
                       " bytes; raise max_record, or choose another boundary")));
    }
  }
}

absl::Status ChunkReader::InPart(const absl::Status& error) const {
  if (offset_ == 0) return error;
  return absl::Status(
      error.code(),
      absl::StrCat(error.message(), "; it is read in part, its first ", offset_, " bytes"));
}

absl::Status ChunkReader::Fill(const std::function<bool(std::string&)>& next_path,
                               std::vector<std::string>& chunks, const Context& context) {
  constexpr int kMostFiles = 64;
  size_t bytes = 0;
  int files = 0;
  while (bytes < chunk_size_ && files < kMostFiles && !context.cancelled() && !context.draining()) {
    absl::Status status;
    if (!open()) {
      std::string path;
      if (!next_path(path)) return absl::OkStatus();
      ++files;
      status = Open(path);
    }
    std::string chunk;
    if (status.ok()) status = Next(chunk, context);
    if (!status.ok()) {
      if (options_.on_error) status = options_.on_error(path_, status);
      if (!status.ok()) return status;
      continue;
    }
    bytes += chunk.size();
    // One byte at a time from a terminal or a pipe: not to be kept waiting for more.
    const bool as_it_comes = open() && !file_.regular();
    if (!chunk.empty()) chunks.push_back(std::move(chunk));
    if (as_it_comes) return absl::OkStatus();
  }
  return absl::OkStatus();
}

}  // namespace weir::internal
