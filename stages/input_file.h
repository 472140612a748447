// InputFile: a file, a pipe or a device that is read without ever sitting in a call that cannot be
// left.
//
// A pipe without a writer does not hold up Open, and where a read would have to wait, the reader is
// asked ten times a second whether to stop. The calls block; one thread at a time.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace weir::internal {

// Like open(2) with O_CLOEXEC, but for paths of any length: one that is longer than the system
// takes at once (PATH_MAX) is opened directory by directory. Returns the descriptor, or -1 with
// errno set.
int OpenPath(const std::string& path, int flags);

class InputFile {
 public:
  // Asked whether to stop; null never stops.
  using Stop = std::function<bool()>;

  InputFile() = default;
  InputFile(const InputFile&) = delete;
  InputFile& operator=(const InputFile&) = delete;
  ~InputFile() { Close(); }

  // Opens `path`; "-" is standard input.
  absl::Status Open(const std::string& path);
  void Close();
  bool open() const { return fd_ >= 0; }

  // What the file is called in messages: "'path'", or "standard input".
  const std::string& name() const { return name_; }
  // True for a file whose reads do not wait for somebody to write it.
  bool regular() const { return regular_; }
  // Bytes, as the file system said when the file was opened; 0 where it does not know.
  uint64_t size() const { return size_; }
  // True if nobody else moves its position: it is not standard input.
  bool owned() const { return owned_; }

  // Reads up to `size` bytes, as many as one call gives; returns how many, 0 at the end. Where it
  // would wait it returns CANCELLED as soon as `stop` says so.
  absl::StatusOr<size_t> Read(char* into, size_t size, const Stop& stop);

 private:
  absl::Status CannotRead(int error) const;

  std::string name_;
  int fd_ = -1;
  bool owned_ = false;
  bool regular_ = false;
  uint64_t size_ = 0;
};

}  // namespace weir::internal
