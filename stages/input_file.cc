#include "weir/stages/input_file.h"

#include <fcntl.h>
#include <limits.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <utility>

#include "absl/strings/str_cat.h"
#include "weir/stages/await_input.h"
#include "weir/stages/file_error.h"

namespace weir::internal {

int OpenPath(const std::string& path, int flags) {
  int fd = ::open(path.c_str(), flags | O_CLOEXEC);
  if (fd >= 0 || errno != ENAMETOOLONG || path.size() < PATH_MAX) return fd;
  int directory = AT_FDCWD;
  const auto open_in_it = [&directory](const std::string& part, int part_flags) {
    const int opened = ::openat(directory, part.c_str(), part_flags | O_CLOEXEC);
    const int error = errno;
    if (directory != AT_FDCWD) ::close(directory);
    errno = error;
    return opened;
  };
  size_t begin = 0;
  while (path.size() - begin >= PATH_MAX) {
    size_t end = path.rfind('/', begin + PATH_MAX - 2);
    if (end == std::string::npos || end <= begin)
      end = begin + PATH_MAX;  // too long for the system
    directory = open_in_it(path.substr(begin, end - begin), O_PATH | O_DIRECTORY);
    if (directory < 0) return -1;
    begin = std::min(path.find_first_not_of('/', end), path.size());
  }
  return open_in_it(begin < path.size() ? path.substr(begin) : ".", flags);
}

absl::Status InputFile::CannotRead(int error) const {
  return NamedError("cannot read", name_, error);
}

absl::Status InputFile::Open(const std::string& path) {
  Close();
  owned_ = path != "-";
  name_ = owned_ ? absl::StrCat("'", path, "'") : "standard input";
  if (owned_) {
    // O_NONBLOCK: a pipe without a writer is open at once, and waited for in Read. Of a file that
    // another process holds a lease on, it would fail instead of waiting for the lease to be given
    // back.
    constexpr int kFlags = O_RDONLY | O_NOCTTY;
    fd_ = OpenPath(path, kFlags | O_NONBLOCK);
    if (fd_ < 0 && errno == EWOULDBLOCK) fd_ = OpenPath(path, kFlags);
  } else {
    fd_ = STDIN_FILENO;
  }
  if (fd_ < 0) return CannotRead(errno);
  struct stat found;
  if (::fstat(fd_, &found) != 0) {
    const int error = errno;
    Close();
    return CannotRead(error);
  }
  regular_ = S_ISREG(found.st_mode);
  size_ = regular_ ? static_cast<uint64_t>(found.st_size) : 0;
  return absl::OkStatus();
}

void InputFile::Close() {
  if (fd_ >= 0 && owned_)
    ::close(fd_);  // it was only read: there is nothing to learn from the result
  fd_ = -1;
}

absl::StatusOr<size_t> InputFile::Read(char* into, size_t size, const Stop& stop) {
  while (true) {
    if (!regular_ && !AwaitInput(fd_, stop)) return absl::CancelledError("");
    const ssize_t got = ::read(fd_, into, size);
    if (got >= 0) return static_cast<size_t>(got);
    // EAGAIN: another reader of the pipe was quicker.
    if (errno != EINTR && errno != EAGAIN) return CannotRead(errno);
  }
}

}  // namespace weir::internal
