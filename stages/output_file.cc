#include "weir/stages/output_file.h"

#include <dirent.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <filesystem>
#include <limits>
#include <map>
#include <memory>
#include <mutex>
#include <system_error>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "weir/stages/await_input.h"
#include "weir/stages/file_error.h"

namespace weir {
namespace {

constexpr const char* kMark = ".weir-";  // in the name of a temporary file
// What a pipe that has room takes in one write without waiting: PIPE_BUF, a page.
constexpr size_t kPipeBytes = 4096;

// The temporary files of this process.
struct Temporaries {
  std::mutex mutex;
  std::map<std::string, std::pair<dev_t, ino_t>> files;  // guarded by mutex: by their paths

  static Temporaries& Get() {
    static auto& all = *new Temporaries();  // threads that cannot be joined outlive statics
    return all;
  }
  // Under the lock, so that nobody meets the file before it is known. Locked, as long as the
  // process lives, so that a process that does not see this one (in another container) does not
  // take the file for one that a dead process has left.
  int Make(const std::string& path, mode_t mode) {
    std::lock_guard<std::mutex> lock(mutex);
    const int fd = ::open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, mode);
    struct stat made;
    if (fd >= 0 && ::fstat(fd, &made) == 0) files[path] = {made.st_dev, made.st_ino};
    if (fd >= 0) (void)::flock(fd, LOCK_EX | LOCK_NB);
    return fd;
  }
  bool Has(const struct stat& file) {
    std::lock_guard<std::mutex> lock(mutex);
    return std::any_of(files.begin(), files.end(), [&file](const auto& entry) {
      return entry.second == std::pair(file.st_dev, file.st_ino);
    });
  }
  void Forget(const std::string& path) {
    std::lock_guard<std::mutex> lock(mutex);
    files.erase(path);
  }
};

bool IsStandardOutput(const std::string& path) {
  return path.empty() || path == "-" || path == "/dev/stdout";
}

// Where a path leads to through symbolic links, also if nothing is there yet.
std::filesystem::path Resolve(std::filesystem::path path) {
  constexpr int kMostLinks = 40;  // as many as the system follows
  std::error_code no_link;
  for (int links = 0; links < kMostLinks; ++links) {
    const std::filesystem::path to = std::filesystem::read_symlink(path, no_link);
    if (no_link) break;
    path = path.parent_path() / to;
  }
  return path;
}

// The part of a temporary file's name that does not tell whose it is.
std::string PrefixOf(const std::string& name) {
  constexpr size_t kLongestPart = 200;  // of a name, of which a file system takes 255 bytes
  return absl::StrCat(".", name.substr(0, kLongestPart), kMark);
}

// The process that made a temporary file of this name; 0 if the name is none.
pid_t MakerOf(const std::string& name, const std::string& prefix) {
  if (!absl::StartsWith(name, prefix)) return 0;
  const std::string rest = name.substr(prefix.size());
  const size_t dash = rest.find('-');
  pid_t pid = 0;
  uint32_t number = 0;
  const bool is_one = dash != std::string::npos && absl::SimpleAtoi(rest.substr(0, dash), &pid) &&
                      absl::SimpleAtoi(rest.substr(dash + 1), &number);
  return is_one && pid > 0 ? pid : 0;
}

// Removes the temporary files with `prefix` that killed processes have left in `directory`. One is
// removed if its maker is gone, or had our own number, and nobody has it locked.
void RemoveLeftBehind(const std::string& directory, const std::string& prefix) {
  const std::unique_ptr<DIR, int (*)(DIR*)> stream(
      ::opendir(directory.empty() ? "." : directory.c_str()), &::closedir);
  if (stream == nullptr) return;  // it may be written to but not read
  while (const dirent* entry = ::readdir(stream.get())) {
    const pid_t maker = MakerOf(entry->d_name, prefix);
    if (maker == 0) continue;
    const bool is_gone = ::kill(maker, 0) != 0 && errno == ESRCH;
    if (!is_gone && maker != ::getpid()) continue;
    const int in = ::dirfd(stream.get());
    const int fd = ::openat(in, entry->d_name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
    if (fd < 0) continue;
    struct stat found;
    const bool is_file = ::fstat(fd, &found) == 0 && S_ISREG(found.st_mode);
    if (is_file && !Temporaries::Get().Has(found)) {
      // Some network file systems lock nothing for who only reads; there the number must do.
      const bool is_free = ::flock(fd, LOCK_EX | LOCK_NB) == 0 || errno != EWOULDBLOCK;
      if (is_free) (void)::unlinkat(in, entry->d_name, 0);
    }
    ::close(fd);
  }
}

// Why `target`, which is there, could not be replaced once everything has been written; null if it
// can.
const char* WhyNotReplaced(const std::string& target, const std::string& directory,
                           const struct stat& found) {
  struct statx more {};
  if (::statx(AT_FDCWD, target.c_str(), AT_NO_AUTOMOUNT, STATX_BASIC_STATS, &more) == 0) {
    if ((more.stx_attributes & STATX_ATTR_MOUNT_ROOT) != 0)
      return "it is a mount point, which cannot be replaced by a file that is complete; name a "
             "file "
             "in a directory that is mounted, or redirect standard output to it";
    if ((more.stx_attributes & (STATX_ATTR_APPEND | STATX_ATTR_IMMUTABLE)) != 0)
      return "it is append-only or immutable (lsattr tells), and cannot be replaced";
  }
  struct stat around;
  if (::stat(directory.empty() ? "." : directory.c_str(), &around) == 0 &&
      (around.st_mode & S_ISVTX) != 0 && ::geteuid() != 0 && ::geteuid() != found.st_uid &&
      ::geteuid() != around.st_uid) {
    return "it is another user's, in a directory (sticky) in which only its owner may replace it";
  }
  return nullptr;
}

}  // namespace

absl::Status OutputFile::Fail(int error) const {
  return internal::NamedError("cannot write", name_, error);
}

std::string OutputFile::TargetOf(const std::string& path) {
  struct stat found;
  if (IsStandardOutput(path) || (::stat(path.c_str(), &found) == 0 && !S_ISREG(found.st_mode)))
    return "";
  const std::filesystem::path target = Resolve(path);
  std::error_code missing;
  const std::filesystem::path directory =
      std::filesystem::canonical(target.has_parent_path() ? target.parent_path() : ".", missing);
  return missing ? target.string() : (directory / target.filename()).string();
}

bool OutputFile::IsSameFile(const std::string& input, const std::string& output) {
  struct stat in, out;
  if ((input == "-" ? ::fstat(STDIN_FILENO, &in) : ::stat(input.c_str(), &in)) != 0) return false;
  if ((IsStandardOutput(output) ? ::fstat(STDOUT_FILENO, &out) : ::stat(output.c_str(), &out)) != 0)
    return false;
  const bool is_storage = S_ISREG(in.st_mode) || S_ISBLK(in.st_mode) || S_ISFIFO(in.st_mode);
  return is_storage && in.st_dev == out.st_dev && in.st_ino == out.st_ino;
}

bool OutputFile::TargetsTerminal(const std::string& path) {
  if (IsStandardOutput(path)) return ::isatty(STDOUT_FILENO) == 1;
  struct stat found;
  if (::stat(path.c_str(), &found) != 0 || !S_ISCHR(found.st_mode)) return false;
  const int fd = ::open(path.c_str(), O_WRONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
  const bool is_terminal = fd >= 0 && ::isatty(fd) == 1;
  if (fd >= 0) ::close(fd);
  return is_terminal;
}

absl::Status OutputFile::Open(const std::string& path, const Stop& stop) {
  if (IsStandardOutput(path)) return OpenStandardOutput();
  name_ = absl::StrCat("'", path, "'");
  struct stat found;
  const bool exists = ::stat(path.c_str(), &found) == 0;
  if (!exists && errno != ENOENT) return Fail(errno);
  if (exists && S_ISDIR(found.st_mode)) return Fail(EISDIR);
  if (exists && !S_ISREG(found.st_mode)) return OpenDirect(path, S_ISFIFO(found.st_mode), stop);
  // What the user may not write he may not replace either, though the directory would allow it.
  if (exists && ::faccessat(AT_FDCWD, path.c_str(), W_OK, AT_EACCESS) != 0) return Fail(errno);
  target_ = Resolve(path).string();
  return OpenTemporary(exists ? &found : nullptr);
}

// By its descriptor, so that what was redirected with >> is appended to.
absl::Status OutputFile::OpenStandardOutput() {
  name_ = "standard output";
  fd_ = STDOUT_FILENO;
  const int flags = ::fcntl(fd_, F_GETFL);
  if (flags < 0 || (flags & O_ACCMODE) == O_RDONLY) return Fail(EBADF);
  struct stat found;
  may_wait_ = ::fstat(fd_, &found) == 0 && !S_ISREG(found.st_mode);
  // Others hold the same open file: it must stay as it is, one that waits or one that does not.
  at_once_ = (flags & O_NONBLOCK) != 0 ? std::numeric_limits<size_t>::max() : kPipeBytes;
  return absl::OkStatus();
}

absl::Status OutputFile::OpenDirect(const std::string& path, bool is_pipe, const Stop& stop) {
  constexpr int kGlance = 20;  // milliseconds
  // O_NONBLOCK: of a pipe that nobody reads, open(2) would wait.
  while ((fd_ = ::open(path.c_str(), O_WRONLY | O_NONBLOCK | O_CLOEXEC | O_NOCTTY)) < 0) {
    if (!is_pipe || errno != ENXIO) return Fail(errno);
    if (stop && stop()) return absl::CancelledError("");
    (void)::poll(nullptr, 0, kGlance);
  }
  owned_ = true;
  may_wait_ = true;
  at_once_ = std::numeric_limits<size_t>::max();
  return absl::OkStatus();
}

absl::Status OutputFile::OpenTemporary(const struct stat* replaced) {
  static std::atomic<unsigned> count{0};
  const size_t slash = target_.rfind('/');
  const std::string directory = slash == std::string::npos ? "" : target_.substr(0, slash + 1);
  const std::string name = slash == std::string::npos ? target_ : target_.substr(slash + 1);
  if (name.empty()) return Fail(ENOENT);
  if (name.size() > 255) return Fail(ENAMETOOLONG);
  if (replaced != nullptr) {
    if (const char* why = WhyNotReplaced(target_, directory, *replaced); why != nullptr)
      return absl::FailedPreconditionError(absl::StrCat("cannot write ", name_, ": ", why));
  }
  const std::string prefix = PrefixOf(name);
  RemoveLeftBehind(directory, prefix);
  do {
    temporary_ = absl::StrCat(directory, prefix, ::getpid(), "-", count++);
    // Until it has the permissions of the file that it replaces, it is for its owner alone.
    fd_ = Temporaries::Get().Make(temporary_, replaced != nullptr ? 0600 : 0666);
  } while (fd_ < 0 && errno == EEXIST);
  if (fd_ < 0) {
    const int error = errno;
    temporary_.clear();
    return Fail(error);
  }
  owned_ = true;
  if (replaced != nullptr) TakeAttributes(*replaced);
  return absl::OkStatus();
}

void OutputFile::TakeAttributes(const struct stat& replaced) const {
  constexpr const char* kAcl = "system.posix_acl_access";
  // The owner can be given by root alone; the group by root, or to one of one's own.
  if (::fchown(fd_, replaced.st_uid, replaced.st_gid) != 0)
    (void)::fchown(fd_, static_cast<uid_t>(-1), replaced.st_gid);
  struct stat now;
  if (::fstat(fd_, &now) != 0) return;
  const bool same_owner = now.st_uid == replaced.st_uid;
  const bool same_group = now.st_gid == replaced.st_gid;
  mode_t mode = replaced.st_mode & 07777;
  if (!same_owner || !same_group || ::geteuid() != 0)
    mode &= ~static_cast<mode_t>(S_ISUID | S_ISGID);
  // Another group gets no more than what everybody had.
  if (!same_group) mode = (mode & ~static_cast<mode_t>(S_IRWXG)) | ((mode & S_IRWXO) << 3);

  // The list that the directory gives to new files is not the replaced file's.
  (void)::fremovexattr(fd_, kAcl);
  const ssize_t size = same_group ? ::getxattr(target_.c_str(), kAcl, nullptr, 0) : -1;
  if (size > 0) {
    std::string list(static_cast<size_t>(size), '\0');
    const ssize_t got = ::getxattr(target_.c_str(), kAcl, list.data(), list.size());
    if (got > 0) (void)::fsetxattr(fd_, kAcl, list.data(), static_cast<size_t>(got), 0);
  }
  (void)::fchmod(fd_, mode);
}

absl::Status OutputFile::Write(std::string_view text, const Stop& stop) {
  while (!text.empty()) {
    if (may_wait_ && !internal::AwaitRoom(fd_, stop)) return absl::CancelledError("");
    const size_t size = may_wait_ ? std::min(text.size(), at_once_) : text.size();
    const ssize_t written = ::write(fd_, text.data(), size);
    if (written >= 0) {
      text.remove_prefix(static_cast<size_t>(written));
    } else if (errno == EAGAIN) {
      (void)::poll(nullptr, 0, 1);  // another writer took the room
    } else if (errno != EINTR) {
      return Fail(errno);
    }
  }
  return absl::OkStatus();
}

absl::Status OutputFile::Commit(bool sync) {
  if (!owned_) return absl::OkStatus();
  // EINVAL: a file system that has no disk to wait for.
  if (sync && !temporary_.empty() && ::fsync(fd_) != 0 && errno != EINVAL) return Fail(errno);
  owned_ = false;
  // Some file systems report a failed write only here.
  if (::close(std::exchange(fd_, -1)) != 0 && errno != EINTR) return Fail(errno);
  if (temporary_.empty()) return absl::OkStatus();
  if (::rename(temporary_.c_str(), target_.c_str()) != 0) return Fail(errno);
  Temporaries::Get().Forget(std::exchange(temporary_, {}));
  return absl::OkStatus();
}

void OutputFile::Abandon() {
  if (owned_) ::close(fd_);
  owned_ = false;
  fd_ = -1;
  if (temporary_.empty()) return;
  ::unlink(temporary_.c_str());
  Temporaries::Get().Forget(std::exchange(temporary_, {}));
}

namespace internal {

bool IsTemporary(int directory, const std::string& name) {
  struct stat found;
  if (!absl::StrContains(name, kMark) ||
      ::fstatat(directory, name.c_str(), &found, AT_SYMLINK_NOFOLLOW) != 0) {
    return false;
  }
  return Temporaries::Get().Has(found);
}

void RemoveTemporaries() {
  Temporaries& all = Temporaries::Get();
  std::lock_guard<std::mutex> lock(all.mutex);
  for (const auto& [path, ignored] : all.files) ::unlink(path.c_str());
  all.files.clear();
}

}  // namespace internal

}  // namespace weir
