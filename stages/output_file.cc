#include "weir/stages/output_file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <filesystem>
#include <map>
#include <mutex>
#include <system_error>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "weir/stages/file_error.h"

namespace weir {
namespace {

constexpr const char* kMark = ".weir-";  // in the name of a temporary file

// The temporary files of this process.
struct Temporaries {
  std::mutex mutex;
  std::map<std::string, std::pair<dev_t, ino_t>> files;  // guarded by mutex: by their paths

  static Temporaries& Get() {
    static auto& all = *new Temporaries();  // threads that cannot be joined outlive statics
    return all;
  }
  // Under the lock, so that nobody meets the file before it is known.
  int Make(const std::string& path) {
    std::lock_guard<std::mutex> lock(mutex);
    const int fd = ::open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
    struct stat made;
    if (fd >= 0 && ::fstat(fd, &made) == 0) files[path] = {made.st_dev, made.st_ino};
    return fd;
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

absl::Status OutputFile::Open(const std::string& path) {
  // By its descriptor, so that what was redirected with >> is appended to.
  if (IsStandardOutput(path)) {
    name_ = "standard output";
    fd_ = STDOUT_FILENO;
    const int flags = ::fcntl(fd_, F_GETFL);
    return flags < 0 || (flags & O_ACCMODE) == O_RDONLY ? Fail(EBADF) : absl::OkStatus();
  }
  name_ = absl::StrCat("'", path, "'");
  struct stat found;
  const bool exists = ::stat(path.c_str(), &found) == 0;
  if (!exists && errno != ENOENT) return Fail(errno);
  if (exists && S_ISDIR(found.st_mode)) return Fail(EISDIR);
  if (exists && !S_ISREG(found.st_mode)) {
    fd_ = ::open(path.c_str(), O_WRONLY | O_CLOEXEC | O_NOCTTY);
    if (fd_ < 0) return Fail(errno);
    owned_ = true;
    return absl::OkStatus();
  }
  // What the user may not write he may not replace either, though the directory would allow it.
  if (exists && ::access(path.c_str(), W_OK) != 0) return Fail(errno);
  target_ = Resolve(path).string();
  return OpenTemporary(exists ? static_cast<int>(found.st_mode & 07777) : -1);
}

absl::Status OutputFile::OpenTemporary(int permissions) {
  constexpr size_t kLongestPart = 200;  // of a name, of which a file system takes 255 bytes
  static std::atomic<unsigned> count{0};
  const size_t slash = target_.rfind('/');
  const std::string directory = slash == std::string::npos ? "" : target_.substr(0, slash + 1);
  const std::string name = slash == std::string::npos ? target_ : target_.substr(slash + 1);
  if (name.empty()) return Fail(ENOENT);
  if (name.size() > 255) return Fail(ENAMETOOLONG);
  do {
    temporary_ =
        absl::StrCat(directory, ".", name.substr(0, kLongestPart), kMark, ::getpid(), "-", count++);
    fd_ = Temporaries::Get().Make(temporary_);
  } while (fd_ < 0 && errno == EEXIST);
  if (fd_ < 0) {
    const int error = errno;
    temporary_.clear();
    return Fail(error);
  }
  owned_ = true;
  if (permissions >= 0) (void)::fchmod(fd_, static_cast<mode_t>(permissions));
  return absl::OkStatus();
}

absl::Status OutputFile::Write(std::string_view text) {
  while (!text.empty()) {
    const ssize_t written = ::write(fd_, text.data(), text.size());
    if (written >= 0) {
      text.remove_prefix(static_cast<size_t>(written));
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
  Temporaries& all = Temporaries::Get();
  std::lock_guard<std::mutex> lock(all.mutex);
  return std::any_of(all.files.begin(), all.files.end(), [&found](const auto& file) {
    return file.second == std::pair(found.st_dev, found.st_ino);
  });
}

void RemoveTemporaries() {
  Temporaries& all = Temporaries::Get();
  std::lock_guard<std::mutex> lock(all.mutex);
  for (const auto& [path, ignored] : all.files) ::unlink(path.c_str());
  all.files.clear();
}

}  // namespace internal

}  // namespace weir
