// Signals: SIGINT, SIGTERM and SIGHUP as bytes in a pipe, while it lives. One that was ignored when the process began, by nohup or
// by a script's `&`, stays so. One at a time in a process.
#pragma once

#include <atomic>
#include <csignal>
#include <functional>
#include <string>
#include <thread>

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

  // How many signals have come in this process, whether they have been taken or not. Any thread.
  static int caught();

 private:
  static constexpr int kCaught[] = {SIGINT, SIGTERM, SIGHUP};
  int pipe_[2] = {-1, -1};
  struct sigaction before_[3];
};

// For what runs on one thread, step by step: takes the signals meanwhile on a thread of its own, to be asked for between two steps. A
// step that does not end cannot be interrupted: if a signal has not been asked for within a second, or when the next comes, `give_up`
// is called with it, on that thread; it ends the process.
class StepSignals {
 public:
  StepSignals(Signals& signals, std::function<void(int signal)> give_up);
  StepSignals(const StepSignals&) = delete;
  StepSignals& operator=(const StepSignals&) = delete;
  ~StepSignals();

  // The signal that has come since it was asked last, or 0.
  int Take() { return came_ == 0 ? 0 : came_.exchange(0); }

 private:
  void Watch();

  Signals& signals_;
  const std::function<void(int)> give_up_;
  std::atomic<int> came_{0};
  std::thread thread_;
};

// The exit status of a process that `signal` has ended, and its name for people.
inline int StatusOf(int signal) { return 128 + signal; }
std::string NameOf(int signal);

}  // namespace weir::cli
