// Console: standard error, for lines and for one progress line that is rewritten in place where it
// is a terminal. What is in names is shown and not obeyed: control characters are spelled out.
// Where a pipe is full it waits for room, until a second signal has come. Any thread.
#pragma once

#include <mutex>
#include <string>
#include <string_view>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/time/time.h"

namespace weir::cli {

class Console {
 public:
  // `program` begins every line: "weir: ...".
  explicit Console(std::string_view program);

  bool is_terminal() const { return is_terminal_; }
  const std::string& program() const { return program_; }
  // A line of its own; newlines in it become spaces.
  void Line(std::string_view text);
  // On a terminal, in the place of the progress line before.
  void Progress(std::string_view text);
  void ClearProgress();

 private:
  const std::string program_;
  const bool is_terminal_;
  std::mutex mutex_;
  bool shown_ = false;  // guarded by mutex_: the cursor is on a progress line
};

// Lines of two columns: `left` as wide as its longest, and at least `least`.
struct Row {
  std::string left, right;
};
std::string FormatColumns(std::string_view indent, size_t least, const std::vector<Row>& rows);

// "1,234,567"; "45.6 MB"; "1m12.5s".
std::string FormatCount(uint64_t count);
std::string FormatBytes(double bytes);
std::string FormatElapsed(absl::Duration duration);

}  // namespace weir::cli
