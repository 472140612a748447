// Signals: SIGINT and SIGTERM as bytes in a pipe, while it lives. One at a time in a process.
#pragma once

#include <csignal>

#include "absl/time/time.h"

namespace weir::cli {

class Signals {
 public:
  Signals();
  Signals(const Signals&) = delete;
  Signals& operator=(const Signals&) = delete;
  ~Signals();

  static constexpr int kNothing = -1;
  static constexpr int kWoken = 0;

  // The next signal; kWoken after a Wake; kNothing if `timeout` passes before.
  int Wait(absl::Duration timeout);
  // Any thread.
  void Wake();

 private:
  static constexpr int kCaught[] = {SIGINT, SIGTERM};
  int pipe_[2] = {-1, -1};
  struct sigaction before_[2];
};

}  // namespace weir::cli
