#include "weir/stages/directory_walk.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <memory>
#include <set>
#include <tuple>
#include <utility>

#include "absl/status/statusor.h"
#include "absl/strings/match.h"
#include "weir/stages/file_error.h"
#include "weir/stages/input_file.h"
#include "weir/stages/output_file.h"

namespace weir::internal {
namespace {

bool IsDirectoryName(const std::string& name) { return name.back() == '/'; }

struct Root {
  std::string name;      // as it was given, a directory with its '/'
  std::string physical;  // where that is, without links on the way; a directory with its '/'
  bool is_link = false;
  bool would_be_given = false;  // by the walk of a directory around it

  auto Order() const { return std::tie(physical, is_link, name); }
};

// Like stat(2), or lstat(2) with O_NOFOLLOW, for paths of any length.
bool StatPath(const std::string& path, int nofollow, struct stat& found) {
  const int fd = OpenPath(path, O_PATH | nofollow);
  if (fd < 0) return false;
  const bool known = ::fstat(fd, &found) == 0;
  const int error = errno;
  ::close(fd);
  errno = error;
  return known;
}

absl::StatusOr<Root> LookAt(const std::string& path) {
  Root root{path, path};
  if (path == "-") return root;
  while (root.name.size() > 1 && root.name.back() == '/') root.name.pop_back();
  struct stat found, itself;
  if (!StatPath(path, 0, found) || !StatPath(root.name, O_NOFOLLOW, itself))
    return FileError("cannot read", path, errno);
  std::unique_ptr<char, void (*)(void*)> physical(::realpath(path.c_str(), nullptr), &std::free);
  if (physical != nullptr) root.physical = physical.get();  // a pipe's in /dev/fd is nowhere
  if (S_ISDIR(found.st_mode)) {
    for (std::string* name : {&root.name, &root.physical}) {
      if (name->back() != '/') *name += '/';
    }
  }
  root.is_link = S_ISLNK(itself.st_mode);
  root.would_be_given = S_ISDIR(itself.st_mode) || S_ISREG(itself.st_mode);
  return root;
}

}  // namespace

absl::Status DirectoryWalk::Decide(const std::string& path, const absl::Status& error) {
  return options_.on_error ? options_.on_error(path, error) : error;
}

absl::Status DirectoryWalk::Report(const std::string& path, int error) {
  return Decide(path, FileError("cannot read", path, error));
}

absl::Status DirectoryWalk::Begin(const std::vector<std::string>& roots) {
  std::vector<Root> looked_at;
  // One that is named twice is missed once.
  for (const std::string& path : std::set<std::string>(roots.begin(), roots.end())) {
    absl::StatusOr<Root> root = LookAt(path);
    if (root.ok()) {
      looked_at.push_back(*std::move(root));
    } else if (absl::Status status = Decide(path, root.status()); !status.ok()) {
      return status;
    }
  }
  std::sort(looked_at.begin(), looked_at.end(),
            [](const Root& a, const Root& b) { return a.Order() < b.Order(); });
  // What a directory contains follows it.
  std::vector<std::string> kept;
  const Root* around = nullptr;
  const Root* last = nullptr;
  for (Root& root : looked_at) {
    const bool again = last != nullptr && root.physical == last->physical && !root.is_link;
    const bool inside = around != nullptr && absl::StartsWith(root.physical, around->physical);
    if (again || (inside && root.would_be_given)) continue;
    kept.push_back(root.name);
    if (!root.is_link) last = &root;
    if (!inside && IsDirectoryName(root.name)) around = &root;
  }
  std::sort(kept.begin(), kept.end());
  kept.erase(std::unique(kept.begin(), kept.end()), kept.end());
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
  const int fd = OpenPath(plain, O_RDONLY | O_DIRECTORY | (is_root ? 0 : O_NOFOLLOW));
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
    if (is_file && IsTemporary(fd, name)) continue;
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
