// OutputFile: a file that appears whole or not at all.
//
//   weir::OutputFile file;
//   absl::Status written = file.Open("counts.txt");
//   if (written.ok()) written = file.Write(text);
//   if (written.ok()) written = file.Commit();
//
// What is written goes to a new file beside the target, ".counts.txt.weir-...", which Commit gives
// the target's name. Without a Commit the destructor removes it; only a process that is killed
// leaves it behind, until the next Open of the same target removes it. WalkFiles passes it by.
// Written directly, with nothing to take back: standard output ("" or "-"), and a target that
// exists and is no regular file: a pipe, a terminal, /dev/full. A target that is a symbolic link is
// replaced, or made, where it points to.
//
// A file that is replaced keeps its owner, its group, its permissions and its access control list,
// as far as the process may give them. Set-user-id and set-group-id bits are kept only where the
// owner and the group are, and only by root, as they are when a process writes to such a file. A
// target that could not be replaced at the end (a mount point, a file that is append-only, another
// user's in a sticky directory) is refused by Open.
//
// The calls block. One thread at a time. Errors are sentences with the path and the system's
// reason; NOT_FOUND, PERMISSION_DENIED, RESOURCE_EXHAUSTED (the disk is full), FAILED_PRECONDITION
// (a directory, a mount point, or nobody reads the pipe).
#pragma once

#include <functional>
#include <string>
#include <string_view>

#include "absl/status/status.h"

struct stat;

namespace weir {

class OutputFile {
 public:
  // Asked ten times a second where a call has to wait for somebody else; null never stops.
  using Stop = std::function<bool()>;

  OutputFile() = default;
  OutputFile(const OutputFile&) = delete;
  OutputFile& operator=(const OutputFile&) = delete;
  ~OutputFile() { Abandon(); }

  // Where what is written to `path` ends up: an absolute path, behind symbolic links; empty if it is written directly.
  static std::string TargetOf(const std::string& path);
  // Whether `input`, as InputFile and WalkFiles take it ("-" is standard input), and `output`, as
  // Open takes it, are one file under whatever names: to write the one would destroy the other, or
  // would never end. False for what is no file, such as /dev/null or a terminal.
  static bool IsSameFile(const std::string& input, const std::string& output);

  // Whether what is written to `path` is shown on a terminal.
  static bool TargetsTerminal(const std::string& path);

  // Once. A pipe that nobody reads yet is waited for; CANCELLED as soon as `stop` says so.
  absl::Status Open(const std::string& path, const Stop& stop = nullptr);
  // True if others see what is written at once: there is nothing to Commit.
  bool direct() const { return temporary_.empty(); }
  // Where what has been written can be read before it is committed; empty if it is written directly.
  const std::string& staged_path() const { return temporary_; }
  // What the file is called in messages: "'path'", or "standard output".
  const std::string& name() const { return name_; }
  // All of `text`, or an error. Waits for room in a pipe; CANCELLED as soon as `stop` says so, with
  // a part of it written.
  absl::Status Write(std::string_view text, const Stop& stop = nullptr);
  // The file is complete. With `sync`, it is on the disk before it takes the target's name.
  absl::Status Commit(bool sync = true);
  // As if it had never been opened. Idempotent; nothing after Commit.
  void Abandon();

 private:
  absl::Status OpenStandardOutput();
  absl::Status OpenDirect(const std::string& path, bool is_pipe, const Stop& stop);
  // `replaced`: what is there now, or null.
  absl::Status OpenTemporary(const struct stat* replaced);
  // Gives the new file what the replaced one has.
  void TakeAttributes(const struct stat& replaced) const;
  absl::Status Fail(int error) const;

  std::string name_;
  std::string target_;     // empty if written directly
  std::string temporary_;  // exists, until it takes the target's name; else empty
  int fd_ = -1;
  bool owned_ = false;     // the descriptor is ours to close
  bool may_wait_ = false;  // a write may have to wait for whoever reads
  size_t at_once_ = 0;     // bytes that a write which may wait is given, at most
};

namespace internal {

// Whether an OutputFile of this process writes the entry `name` of `directory`, a descriptor. Any thread.
bool IsTemporary(int directory, const std::string& name);

// As if each had been abandoned: for a process that ends with threads that cannot be joined. Any thread.
void RemoveTemporaries();

}  // namespace internal
}  // namespace weir
