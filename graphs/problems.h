// Problems: the files that a job had to leave out. A job that reads many files tells of one that it cannot read, counts it, and
// goes on; only when none of what it was asked to read can be read does it fail.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <mutex>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "weir/weir.h"

namespace weir {

class Problems {
 public:
  // `tell` is given a sentence for each, from any thread, several at once.
  Problems(const std::vector<std::string>& inputs, std::function<void(std::string_view)> tell)
      : tell_(std::move(tell)) {
    for (const std::string& input : inputs) inputs_.insert(Plain(input));
  }

  // For `on_error` of WalkFiles and ReadChunksOf.
  absl::Status Handle(const std::string& path, const absl::Status& error) {
    if (NothingIsLeftWithout(Plain(path))) return error;
    ++count_;
    if (tell_) tell_(std::string(error.message()));
    return absl::OkStatus();
  }
  FileErrorHandler handler() {
    return
        [this](const std::string& path, const absl::Status& error) { return Handle(path, error); };
  }
  uint64_t count() const { return count_; }

 private:
  // An input that was named twice, or with a slash at its end, is one.
  static std::string Plain(std::string path) {
    while (path.size() > 1 && path.back() == '/') path.pop_back();
    return path;
  }
  bool NothingIsLeftWithout(const std::string& path) {
    if (inputs_.count(path) == 0) return false;
    std::lock_guard<std::mutex> lock(mutex_);
    unreadable_.insert(path);
    return unreadable_.size() == inputs_.size();
  }

  std::set<std::string> inputs_;
  const std::function<void(std::string_view)> tell_;
  std::atomic<uint64_t> count_{0};
  std::mutex mutex_;
  std::set<std::string> unreadable_;  // guarded by mutex_: of the inputs
};

}  // namespace weir
