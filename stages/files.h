// Stages that read and write files: ReadLines, ReadChunks, ReadChunksOf, WalkFiles, WriteLines.
//
// Every call that may block is made through `Context::Blocking`, so a slow disk holds none of the
// pool's threads. A cancelled run waits for the one call that is being made, of at most a few
// hundred kilobytes, and not for a pipe that has nothing to give, takes nothing, or has nobody at
// its other end; nor does a silent pipe keep a stage whose output nobody wants any more. A run that
// drains reads nothing more: what has been read flows out, and the report says that the input was
// cut.
//
// To read, "-" is standard input; a file of this name is "./-". Paths are bytes, as the system has
// them, and to read they may be of any length. An error says what could not be done, to which path,
// and why: "cannot read 'a/b': Permission denied", as NOT_FOUND, PERMISSION_DENIED,
// RESOURCE_EXHAUSTED (a full disk) and so on.
#pragma once

#include <cstddef>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "weir/core/stage.h"

namespace weir {

// Asked about a file or directory that could not be read, on a thread for blocking calls; with `workers` above 1, from
// several at once. OK: go on without it (what had been read of a file is downstream already). Anything else fails the
// stage, and with it the run.
using FileErrorHandler =
    std::function<absl::Status(const std::string& path, const absl::Status& error)>;

struct ReadOptions {
  // Bytes in a chunk, at most; where one record alone is longer, at most twice that record.
  size_t chunk_size = 256 * 1024;
  // True of a character that ends a record: a chunk may end behind it. By default, the newline.
  std::function<bool(char)> is_boundary = nullptr;
  // Bytes in a record without its boundary, at most. A longer one is an error, INVALID_ARGUMENT, that names the file and the
  // offset at which the record begins: memory is bounded by it.
  size_t max_record = 16 * 1024 * 1024;
  // Without one, the first error fails the stage.
  FileErrorHandler on_error = nullptr;
};

struct WalkOptions {
  // Without one, the first error fails the stage. NOT_FOUND of something that vanished during the walk comes here too.
  FileErrorHandler on_error = nullptr;
};

struct WriteOptions {
  // Waits until the file is on the disk (fsync) before it takes its name.
  bool sync = true;
};

// --- The stages. Each gives a unique_ptr for Graph::Add. ---

namespace internal {
class ReadLinesStage;
class ReadChunksStage;
class ReadChunksOfStage;
class WalkFilesStage;
class WriteLinesStage;
}  // namespace internal

// The lines of a file as std::string, without their '\n'; also the last one if it has none. Of the options, `max_record`
// bounds a line and `on_error` decides on errors.
std::unique_ptr<internal::ReadLinesStage> ReadLines(std::string path, ReadOptions options = {});

// A file's bytes as std::string, in order. Every chunk but the last ends behind a boundary, so no record straddles two; none
// is empty. What a pipe or a device has to give is sent as it comes.
std::unique_ptr<internal::ReadChunksStage> ReadChunks(std::string path, ReadOptions options = {});

// Paths in; out the chunks of those files, as of ReadChunks: a chunk is of one file. With one worker in the order of the
// paths; with several (`set_workers`) each reads a file at a time, and their chunks come as they are read.
std::unique_ptr<internal::ReadChunksOfStage> ReadChunksOf(ReadOptions options = {});

// The paths of the regular files in and below `roots`, as std::string, each beginning as its root was given.
//
// In byte order of whole paths: "a.txt" before "a/x". Symbolic links are not followed, but for a
// root that is one. A root that is no directory is given whatever it is, a pipe or a device too: it
// was asked for by name; so is "-". A root that another one contains adds nothing, and one that is
// named twice is walked once. What WriteLines or another OutputFile of this process has begun and
// not committed is passed by. The walk is not recursive, and holds in memory the listings of the
// directories on its way down.
std::unique_ptr<internal::WalkFilesStage> WalkFiles(std::vector<std::string> roots,
                                                    WalkOptions options = {});

// Writes strings to a file, each followed by '\n'. See OutputFile (output_file.h) for which paths are special.
//
// A file is written beside its target, under a name of its own, and takes the target's name only
// when the input is complete and all of it is on the disk: a run that fails or is cancelled leaves
// the target as it was, and removes what it wrote. A drained run's input ends early: what has come
// takes the target's name, unless it was drained with Partial::kDiscard: then the stage fails with
// ABORTED, and the target stays as it was. Standard output, pipes and devices are written as the
// lines come. A full disk fails the stage with RESOURCE_EXHAUSTED. One worker only.
std::unique_ptr<internal::WriteLinesStage> WriteLines(std::string path, WriteOptions options = {});

namespace internal {

class ReadLinesStage final : public Stage {
 public:
  Out<std::string> out{this, "out"};

  ReadLinesStage(std::string path, ReadOptions options);
  std::string kind() const override { return "ReadLines"; }
  StageTraits traits() const override {
    return {.one_worker = true, .changes_count = true, .blocks = true};
  }
  Task<> Work(Context& context) override;

 private:
  const std::string path_;
  const ReadOptions options_;
};

class ReadChunksStage final : public Stage {
 public:
  Out<std::string> out{this, "out"};

  ReadChunksStage(std::string path, ReadOptions options);
  std::string kind() const override { return "ReadChunks"; }
  StageTraits traits() const override {
    return {.one_worker = true, .changes_count = true, .blocks = true};
  }
  Task<> Work(Context& context) override;

 private:
  const std::string path_;
  const ReadOptions options_;
};

class ReadChunksOfStage final : public Stage {
 public:
  In<std::string> in{this, "in"};
  Out<std::string> out{this, "out"};

  explicit ReadChunksOfStage(ReadOptions options);
  std::string kind() const override { return "ReadChunksOf"; }
  StageTraits traits() const override { return {.changes_count = true, .blocks = true}; }
  Task<> Work(Context& context) override;

 private:
  const ReadOptions options_;
};

class WalkFilesStage final : public Stage {
 public:
  Out<std::string> out{this, "out"};

  WalkFilesStage(std::vector<std::string> roots, WalkOptions options);
  std::string kind() const override { return "WalkFiles"; }
  StageTraits traits() const override {
    return {.one_worker = true, .changes_count = true, .blocks = true};
  }
  Task<> Work(Context& context) override;

 private:
  const std::vector<std::string> roots_;
  const WalkOptions options_;
};

class WriteLinesStage final : public Stage {
 public:
  In<std::string> in{this, "in"};

  WriteLinesStage(std::string path, WriteOptions options);
  std::string kind() const override { return "WriteLines"; }
  StageTraits traits() const override {
    return {.one_worker = true, .changes_count = true, .blocks = true};
  }
  Task<> Work(Context& context) override;

 private:
  const std::string path_;
  const WriteOptions options_;
};

}  // namespace internal
}  // namespace weir
