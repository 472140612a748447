// Problems: the files that a job had to leave out. A job that reads many files tells of one that it cannot read, counts it, and
// goes on; only when none of what it was asked to read can be read does it fail.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "weir/weir.h"

namespace weir {

class Problems {
 public:
  // `tell` is given a sentence for each, from any thread, several at once.
  Problems(std::vector<std::string> inputs, std::function<void(std::string_view)> tell)
      : inputs_(std::move(inputs)), tell_(std::move(tell)) {}

  // For `on_error` of WalkFiles and ReadChunksOf.
  absl::Status Handle(const std::string& path, const absl::Status& error) {
    for (const std::string& input : inputs_) {
      if (path == input && ++unreadable_inputs_ == inputs_.size()) return error;
    }
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
  const std::vector<std::string> inputs_;
  const std::function<void(std::string_view)> tell_;
  std::atomic<uint64_t> count_{0};
  std::atomic<size_t> unreadable_inputs_{0};
};

}  // namespace weir
