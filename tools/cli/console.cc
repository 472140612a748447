#include "weir/tools/cli/console.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

#include "absl/strings/str_format.h"
#include "weir/core/printable.h"
#include "weir/stages/await_input.h"
#include "weir/tools/cli/signals.h"

namespace weir::cli {
namespace {

// If nobody reads standard error there is nobody to tell. Where somebody reads slowly, a program
// that is asked to end a second time does not wait for room any more: it would not hear the third.
void Write(std::string_view text) {
  constexpr size_t kPipeBytes =
      4096;  // what a pipe that has room takes in one write without waiting
  static const bool may_wait = [] {
    struct stat found;
    return ::fstat(STDERR_FILENO, &found) == 0 && !S_ISREG(found.st_mode);
  }();
  const auto give_up = [] { return Signals::caught() > 1; };
  while (!text.empty()) {
    if (may_wait && !internal::AwaitRoom(STDERR_FILENO, give_up)) return;
    const ssize_t written = ::write(STDERR_FILENO, text.data(),
                                    may_wait ? std::min(text.size(), kPipeBytes) : text.size());
    if (written < 0 && errno == EAGAIN) {
      (void)::poll(nullptr, 0, 1);  // another writer took the room
    } else if (written < 0 && errno != EINTR) {
      return;
    }
    if (written > 0) text.remove_prefix(static_cast<size_t>(written));
  }
}

std::string OneLine(std::string_view text) {
  std::string line(text);
  std::replace_if(
      line.begin(), line.end(), [](char c) { return c == '\n' || c == '\r' || c == '\t'; }, ' ');
  return internal::Printable(line);
}

constexpr std::string_view kClear = "\r\033[K";

}  // namespace

Console::Console(std::string_view program)
    : program_(program), is_terminal_(::isatty(STDERR_FILENO) == 1) {}

void Console::Line(std::string_view text) {
  const std::string line = OneLine(text);
  std::lock_guard<std::mutex> lock(mutex_);
  Write(absl::StrCat(shown_ ? std::string(kClear) : "", program_, ": ", line, "\n"));
  shown_ = false;
}

void Console::Progress(std::string_view text) {
  struct winsize size {};
  const size_t width =
      ::ioctl(STDERR_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0 ? size.ws_col : 80;
  const std::string line =
      OneLine(text).substr(0, width - 1);  // one that wraps cannot be taken back
  std::lock_guard<std::mutex> lock(mutex_);
  Write(absl::StrCat(std::string(kClear), line));
  shown_ = true;
}

void Console::ClearProgress() {
  std::lock_guard<std::mutex> lock(mutex_);
  if (shown_) Write(kClear);
  shown_ = false;
}

std::string FormatColumns(std::string_view indent, size_t least, const std::vector<Row>& rows) {
  size_t width = least;
  for (const Row& row : rows) width = std::max(width, row.left.size());
  std::string text;
  for (const Row& row : rows) {
    absl::StrAppend(&text, std::string(indent), row.left,
                    std::string(width + 1 - row.left.size(), ' '), row.right, "\n");
  }
  return text;
}

std::string FormatCount(uint64_t count) {
  std::string digits = absl::StrCat(count);
  for (size_t at = digits.size(); at > 3;) digits.insert(at -= 3, 1, ',');
  return digits;
}

std::string FormatBytes(double bytes) {
  static constexpr const char* kUnits[] = {"kB", "MB", "GB", "TB", "PB"};
  if (bytes < 1000) return absl::StrFormat("%.0f B", bytes);
  size_t unit = 0;
  for (bytes /= 1000; bytes >= 999.95 && unit + 1 < std::size(kUnits); bytes /= 1000) ++unit;
  return absl::StrFormat("%.1f %s", bytes, kUnits[unit]);
}

std::string FormatElapsed(absl::Duration duration) {
  const absl::Duration unit = duration < absl::Seconds(1)   ? absl::Milliseconds(1)
                              : duration < absl::Minutes(1) ? absl::Milliseconds(100)
                                                            : absl::Seconds(1);
  return absl::FormatDuration(absl::Trunc(duration, unit));
}

}  // namespace weir::cli
