// ChunkReader: a file's bytes in chunks that end behind a boundary. Its calls block; one thread at a time.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "weir/core/context.h"
#include "weir/stages/files.h"
#include "weir/stages/input_file.h"

namespace weir::internal {

class ChunkReader {
 public:
  // `options` must outlive the reader. `unwanted` says whether nobody wants what it reads any more;
  // it is asked while a pipe has nothing to give, and may be null.
  explicit ChunkReader(const ReadOptions& options, InputFile::Stop unwanted = nullptr);
  ChunkReader(const ChunkReader&) = delete;
  ChunkReader& operator=(const ChunkReader&) = delete;
  ~ChunkReader() { Close(); }

  // "-" is standard input.
  absl::Status Open(const std::string& path);
  void Close();
  bool open() const { return file_.open(); }
  // Whether a file was left unread in part: a pipe had nothing to give, and `context` was cancelled
  // or drained, or nobody wanted more.
  bool cut() const { return cut_; }
  // Sets `chunk` to the next one; to nothing at the end of the file, which is closed then, as it is
  // after an error. While a pipe has nothing to give, that `context` has been cancelled or drains,
  // or that nobody wants more, is its end.
  absl::Status Next(std::string& chunk, const Context& context);

  // As much as one blocking call should do: reads chunks, opening what `next_path` gives (false:
  // nothing more) as files end, until about a chunk's worth is there, or many small files have been
  // read, or `context` has been cancelled or drains. Errors go to `on_error`; an error that is
  // given back ends it.
  absl::Status Fill(const std::function<bool(std::string&)>& next_path,
                    std::vector<std::string>& chunks, const Context& context);

 private:
  absl::Status Read(std::string& chunk, const Context& context);
  // `error`, which tells how much of the file has been given before it.
  absl::Status InPart(const absl::Status& error) const;
  bool IsBoundary(char c) const {
    return options_.is_boundary ? options_.is_boundary(c) : c == '\n';
  }
  // How large to make a chunk of `size` bytes that is to be read on.
  size_t Target(size_t size) const;

  const ReadOptions& options_;
  const InputFile::Stop unwanted_;
  const size_t longest_;     // a chunk: a record that is as long as it may be, and its boundary
  const size_t chunk_size_;  // no more than that: then no chunk holds a record that is too long
  std::string path_;
  InputFile file_;
  bool cut_ = false;
  uint64_t offset_ = 0;  // in the file, of the first byte of carry_
  std::string carry_;    // read, behind the last boundary
};

}  // namespace weir::internal
