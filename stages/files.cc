#include "weir/stages/files.h"

#include <string_view>
#include <utility>

#include "absl/strings/str_cat.h"
#include "weir/core/operations.h"
#include "weir/stages/chunk_reader.h"
#include "weir/stages/directory_walk.h"
#include "weir/stages/output_file.h"

namespace weir {
namespace internal {
namespace {

// Paths that a worker takes at a time: enough small files for one blocking call, few enough to leave others some.
constexpr size_t kPathsAtOnce = 16;
// Lines are written to a file in pieces of about this size.
constexpr size_t kWriteBytes = 256 * 1024;

void AppendLines(const std::string& chunk, std::vector<std::string>& lines) {
  std::string_view rest = chunk;
  while (!rest.empty()) {
    const size_t end = rest.find('\n');
    lines.emplace_back(rest.substr(0, end));
    if (end == std::string_view::npos) return;
    rest.remove_prefix(end + 1);
  }
}

}  // namespace

ReadLinesStage::ReadLinesStage(std::string path, ReadOptions options)
    : path_(std::move(path)), options_(std::move(options)) {}

Task<> ReadLinesStage::Work(Context& context) {
  ReadOptions by_line = options_;
  by_line.is_boundary = nullptr;
  ChunkReader reader(by_line, [this] { return out.refused(); });
  std::vector<std::string> lines;
  bool opened = false;
  bool ended = false;
  auto next_path = [&](std::string& path) {
    ended = std::exchange(opened, true);
    if (!ended) path = path_;
    return !ended;
  };
  auto read = [&](Context& inside) {
    std::vector<std::string> chunks;
    absl::Status status = reader.Fill(next_path, chunks, inside);
    for (const std::string& chunk : chunks) AppendLines(chunk, lines);
    return status;
  };
  while (!ended && !reader.cut() && !context.draining()) {
    auto call = context.Blocking(read);
    absl::Status done = co_await call;
    if (!done.ok()) co_return done;
    auto send = out.SendBatch(lines);
    absl::Status sent = co_await send;
    if (!sent.ok()) co_return sent;
  }
  co_return absl::OkStatus();
}

ReadChunksStage::ReadChunksStage(std::string path, ReadOptions options)
    : path_(std::move(path)), options_(std::move(options)) {}

Task<> ReadChunksStage::Work(Context& context) {
  ChunkReader reader(options_, [this] { return out.refused(); });
  std::vector<std::string> chunks;
  bool opened = false;
  bool ended = false;
  auto next_path = [&](std::string& path) {
    ended = std::exchange(opened, true);
    if (!ended) path = path_;
    return !ended;
  };
  auto read = [&](Context& inside) { return reader.Fill(next_path, chunks, inside); };
  while (!ended && !reader.cut() && !context.draining()) {
    auto call = context.Blocking(read);
    absl::Status done = co_await call;
    if (!done.ok()) co_return done;
    auto send = out.SendBatch(chunks);
    absl::Status sent = co_await send;
    if (!sent.ok()) co_return sent;
  }
  co_return absl::OkStatus();
}

ReadChunksOfStage::ReadChunksOfStage(ReadOptions options) : options_(std::move(options)) {}

Task<> ReadChunksOfStage::Work(Context& context) {
  ChunkReader reader(options_, [this] { return out.refused(); });
  Lease<std::string> paths;
  std::vector<std::string> chunks;
  auto next_path = [&](std::string& path) {
    if (paths.empty()) return false;
    path = paths.Take();
    return true;
  };
  auto read = [&](Context& inside) { return reader.Fill(next_path, chunks, inside); };
  while (true) {
    if (!reader.open() && paths.empty()) {
      const bool more = co_await in.ReceiveBatch(paths, kPathsAtOnce);
      if (!more) co_return in.status();
    }
    // It reads from outside, though it has an input: a drain is for it to hear, like for a source.
    // What it has read flows out.
    if (context.draining()) break;
    auto call = context.Blocking(read);
    absl::Status done = co_await call;
    if (!done.ok()) co_return done;
    auto send = out.SendBatch(chunks);
    absl::Status sent = co_await send;
    if (!sent.ok()) co_return sent;
    if (reader.cut()) break;
  }
  if (context.draining()) context.NoteInputCut();
  co_return absl::OkStatus();
}

WalkFilesStage::WalkFilesStage(std::vector<std::string> roots, WalkOptions options)
    : roots_(std::move(roots)), options_(std::move(options)) {}

Task<> WalkFilesStage::Work(Context& context) {
  DirectoryWalk walk(options_);
  std::vector<std::string> paths;
  bool begun = false;
  auto list = [&](Context& inside) {
    absl::Status status;
    if (!std::exchange(begun, true)) status = walk.Begin(roots_);
    if (status.ok()) status = walk.Fill(paths, inside);
    return status;
  };
  while (!(begun && walk.done()) && !context.draining()) {
    auto call = context.Blocking(list);
    absl::Status done = co_await call;
    if (!done.ok()) co_return done;
    auto send = out.SendBatch(paths);
    absl::Status sent = co_await send;
    if (!sent.ok()) co_return sent;
  }
  co_return absl::OkStatus();
}

WriteLinesStage::WriteLinesStage(std::string path, WriteOptions options)
    : path_(std::move(path)), options_(options) {}

Task<> WriteLinesStage::Work(Context& context) {
  // Removes what it wrote when the Work ends without a Commit: the one call of this file that is made on a pool thread, for a
  // cancelled Work makes no more blocking ones.
  OutputFile file;
  std::string text;
  const std::function<bool()> stop = [&context] { return context.cancelled(); };
  auto open = [&] { return file.Open(path_, stop); };
  auto write = [&] {
    absl::Status status = file.Write(text, stop);
    text.clear();
    return status;
  };
  auto commit = [&] {
    // What is written directly is there already; there is nothing that it could replace.
    if (!file.direct() && context.discards_partial()) {
      return absl::AbortedError(
          absl::StrCat("the run was interrupted before it had read all of its input; ", file.name(),
                       " is left as it was, for what there is would be a part of the result"));
    }
    absl::Status status = file.Write(text, stop);
    return status.ok() ? file.Commit(options_.sync) : status;
  };

  // Before the first line comes, so that a path that cannot be written is found at once.
  auto opening = context.Blocking(open);
  absl::Status opened = co_await opening;
  if (!opened.ok()) co_return opened;
  Lease<std::string> lines;
  while (true) {
    const bool more = co_await in.ReceiveBatch(lines);
    if (!more) break;
    while (!lines.empty()) {
      while (!lines.empty() && text.size() < kWriteBytes)
        absl::StrAppend(&text, lines.Take(), "\n");
      // Who watches a pipe does not wait for more lines than there are.
      if (text.size() < kWriteBytes && !file.direct()) break;
      auto writing = context.Blocking(write);
      absl::Status written = co_await writing;
      if (!written.ok()) co_return written;
    }
  }
  absl::Status complete = in.status();
  if (!complete.ok()) co_return complete;
  auto committing = context.Blocking(commit);
  absl::Status committed = co_await committing;
  co_return committed;
}

}  // namespace internal

std::unique_ptr<internal::ReadLinesStage> ReadLines(std::string path, ReadOptions options) {
  return std::make_unique<internal::ReadLinesStage>(std::move(path), std::move(options));
}
std::unique_ptr<internal::ReadChunksStage> ReadChunks(std::string path, ReadOptions options) {
  return std::make_unique<internal::ReadChunksStage>(std::move(path), std::move(options));
}
std::unique_ptr<internal::ReadChunksOfStage> ReadChunksOf(ReadOptions options) {
  return std::make_unique<internal::ReadChunksOfStage>(std::move(options));
}
std::unique_ptr<internal::WalkFilesStage> WalkFiles(std::vector<std::string> roots,
                                                    WalkOptions options) {
  return std::make_unique<internal::WalkFilesStage>(std::move(roots), std::move(options));
}
std::unique_ptr<internal::WriteLinesStage> WriteLines(std::string path, WriteOptions options) {
  return std::make_unique<internal::WriteLinesStage>(std::move(path), std::move(options));
}

}  // namespace weir
