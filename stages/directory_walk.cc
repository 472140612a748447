#include "weir/stages/directory_walk.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <memory>
#include <string_view>
#include <utility>

#include "absl/strings/match.h"
#include "weir/stages/file_error.h"

namespace weir::internal {
namespace {

bool IsDirectoryName(const std::string& name) { return name.back() == '/'; }

// True if a walk of the directory `outer` ("a/") comes to what lies below it as `inner` ("a/b/c" or "a/b/c/"): no symbolic
// link is on the way, and no "..".
bool Reaches(const std::string& outer, const std::string& inner) {
  for (size_t at = outer.size(); at < inner.size(); ++at) {
    const size_t begin = at;
    at = std::min(inner.find('/', at), inner.size());
    if (inner.compare(begin, at - begin, "..") == 0) return false;
    struct stat found;
    if (::lstat(inner.substr(0, at).c_str(), &found) != 0) return false;
    const bool last = at + 1 >= inner.size();
    if (!S_ISDIR(found.st_mode) && !(last && S_ISREG(found.st_mode))) return false;
  }
  return true;
}

}  // namespace

absl::Status DirectoryWalk::Report(const std::string& path, int error) {
  absl::Status status = FileError("cannot read", path, error);
  return options_.on_error ? options_.on_error(path, status) : status;
}

absl::Status DirectoryWalk::Begin(const std::vector<std::string>& roots) {
  std::vector<std::string> names;
  for (std::string root : roots) {
    struct stat found;
    if (::stat(root.c_str(), &found) != 0) {
      absl::Status status = Report(root, errno);
      if (!status.ok()) return status;
      continue;
    }
    while (root.size() > 1 && root.back() == '/') root.pop_back();
    if (S_ISDIR(found.st_mode) && root.back() != '/') root += '/';
    names.push_back(std::move(root));
  }
  std::sort(names.begin(), names.end());
  // What a root contains follows it, so the roots that may contain a name are a stack.
  std::vector<std::string> kept;
  std::vector<std::string> around;
  for (std::string& name : names) {
    while (!around.empty() && !absl::StartsWith(name, around.back())) around.pop_back();
    const bool again = !kept.empty() && name == kept.back();
    const bool contained =
        std::any_of(around.begin(), around.end(),
                    [&name](const std::string& outer) { return Reaches(outer, name); });
    if (again || contained) continue;
    if (IsDirectoryName(name)) around.push_back(name);
    kept.push_back(std::move(name));
  }
  way_.clear();
  if (!kept.empty()) way_.push_back({"", std::move(kept), 0});
  return absl::OkStatus();
}

absl::Status DirectoryWalk::Fill(std::vector<std::string>& paths, const Context& context) {
  constexpr size_t kMostPaths = 256;
  constexpr int kMostListings = 64;
  int listings = 0;
  while (!done() && paths.size() < kMostPaths && listings < kMostListings && !context.cancelled() &&
         !context.draining()) {
    Listing& here = way_.back();
    if (here.next == here.entries.size()) {
      way_.pop_back();
      continue;
    }
    std::string path = here.path + here.entries[here.next];
    std::string().swap(here.entries[here.next++]);
    if (!IsDirectoryName(path)) {
      paths.push_back(std::move(path));
      continue;
    }
    ++listings;
    absl::Status listed = List(path, way_.size() == 1);
    if (!listed.ok()) return listed;
  }
  return absl::OkStatus();
}

absl::Status DirectoryWalk::List(const std::string& directory, bool is_root) {
  std::string plain = directory;  // as a user would write it
  if (plain.size() > 1) plain.pop_back();
  // What was a directory a moment ago may be a link now.
  const int fd =
      ::open(plain.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC | (is_root ? 0 : O_NOFOLLOW));
  if (fd < 0) return Report(plain, errno);
  std::unique_ptr<DIR, int (*)(DIR*)> stream(::fdopendir(fd), &::closedir);
  if (stream == nullptr) {
    const int error = errno;
    ::close(fd);
    return Report(plain, error);
  }
  Listing listing;
  listing.path = directory;
  while (true) {
    errno = 0;
    const dirent* entry = ::readdir(stream.get());
    if (entry == nullptr) break;
    std::string name = entry->d_name;
    if (name == "." || name == "..") continue;
    bool is_directory = entry->d_type == DT_DIR;
    bool is_file = entry->d_type == DT_REG;
    if (entry->d_type == DT_UNKNOWN) {  // some file systems do not tell
      struct stat found;
      if (::fstatat(fd, name.c_str(), &found, AT_SYMLINK_NOFOLLOW) != 0) {
        absl::Status status = Report(directory + name, errno);
        if (!status.ok()) return status;
        continue;
      }
      is_directory = S_ISDIR(found.st_mode);
      is_file = S_ISREG(found.st_mode);
    }
    if (is_directory) name += '/';
    if (is_directory || is_file) listing.entries.push_back(std::move(name));
  }
  if (errno != 0) {
    absl::Status status = Report(plain, errno);
    if (!status.ok()) return status;
  }
  std::sort(listing.entries.begin(), listing.entries.end());
  way_.push_back(std::move(listing));
  return absl::OkStatus();
}

}  // namespace weir::internal
