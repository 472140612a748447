// OutputFile: a file that appears whole or not at all.
//
//   weir::OutputFile file;
//   absl::Status written = file.Open("counts.txt");
//   if (written.ok()) written = file.Write(text);
//   if (written.ok()) written = file.Commit();
//
// What is written goes to a new file beside the target, ".counts.txt.weir-...", which Commit gives the target's name. Without
// a Commit the destructor removes it; only a process that is killed leaves it behind. WalkFiles passes it by. Written directly,
// with nothing to take back: standard output ("" or "-"), and a target that exists and is no regular file: a pipe, a terminal,
// /dev/full. A target that is a symbolic link is replaced, or made, where it points to. A file that is replaced keeps its permissions.
//
// The calls block. One thread at a time. Errors are sentences with the path and the system's reason; NOT_FOUND,
// PERMISSION_DENIED, RESOURCE_EXHAUSTED (the disk is full), FAILED_PRECONDITION (a directory, or nobody reads the pipe).
#pragma once

#include <string>
#include <string_view>

#include "absl/status/status.h"

namespace weir {

class OutputFile {
 public:
  OutputFile() = default;
  OutputFile(const OutputFile&) = delete;
  OutputFile& operator=(const OutputFile&) = delete;
  ~OutputFile() { Abandon(); }

  // Where what is written to `path` ends up: an absolute path, behind symbolic links; empty if it is written directly.
  static std::string TargetOf(const std::string& path);

  // Once.
  absl::Status Open(const std::string& path);
  // True if others see what is written at once: there is nothing to Commit.
  bool direct() const { return temporary_.empty(); }
  // Where what has been written can be read before it is committed; empty if it is written directly.
  const std::string& staged_path() const { return temporary_; }
  // All of `text`, or an error.
  absl::Status Write(std::string_view text);
  // The file is complete. With `sync`, it is on the disk before it takes the target's name.
  absl::Status Commit(bool sync = true);
  // As if it had never been opened. Idempotent; nothing after Commit.
  void Abandon();

 private:
  absl::Status OpenTemporary(int permissions);
  absl::Status Fail(int error) const;

  std::string name_;       // for messages
  std::string target_;     // empty if written directly
  std::string temporary_;  // exists, until it takes the target's name; else empty
  int fd_ = -1;
  bool owned_ = false;  // the descriptor is ours to close
};

namespace internal {

// Whether an OutputFile of this process writes the entry `name` of `directory`, a descriptor. Any thread.
bool IsTemporary(int directory, const std::string& name);

// As if each had been abandoned: for a process that ends with threads that cannot be joined. Any thread.
void RemoveTemporaries();

}  // namespace internal
}  // namespace weir
