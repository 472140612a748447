// Signals: SIGINT, SIGTERM and SIGHUP as bytes in a pipe, while it lives. One that was ignored when the process began, by nohup or
// by a script's `&`, stays so. One at a time in a process.
#pragma once

#include <csignal>
#include <string>

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
  static constexpr int kCaught[] = {SIGINT, SIGTERM, SIGHUP};
  int pipe_[2] = {-1, -1};
  struct sigaction before_[3];
};

// The exit status of a process that `signal` has ended, and its name for people.
inline int StatusOf(int signal) { return 128 + signal; }
std::string NameOf(int signal);

}  // namespace weir::cli
