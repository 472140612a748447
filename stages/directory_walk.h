// DirectoryWalk: the files below some roots in byte order of their paths (see WalkFiles in files.h
// for the contract). A path may be longer than the system takes at once. Its calls block; one
// thread at a time.
#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "weir/core/context.h"
#include "weir/stages/files.h"

namespace weir::internal {

class DirectoryWalk {
 public:
  // `options` must outlive the walk.
  explicit DirectoryWalk(const WalkOptions& options) : options_(options) {}

  // Looks at the roots.
  absl::Status Begin(const std::vector<std::string>& roots);
  // True once everything has been given.
  bool done() const { return way_.empty(); }
  // As much as one blocking call should do: appends paths until there are many, or many directories have been listed, or
  // `context` has been cancelled or drains.
  absl::Status Fill(std::vector<std::string>& paths, const Context& context);

 private:
  // A directory on the way down. An entry that is a directory ends in '/': by that, names are in the order of paths.
  struct Listing {
    std::string path;  // with its '/'; empty for the list of roots
    std::vector<std::string> entries;
    size_t next = 0;
  };

  absl::Status List(const std::string& directory, bool is_root);
  // What becomes of an error: OK to go on without what it is about.
  absl::Status Decide(const std::string& path, const absl::Status& error);
  absl::Status Report(const std::string& path, int error);

  const WalkOptions& options_;
  std::vector<Listing> way_;
};

}  // namespace weir::internal
