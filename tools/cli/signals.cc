#include "weir/tools/cli/signals.h"

#include <fcntl.h>
#include <poll.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <utility>

#include "absl/strings/str_cat.h"

namespace weir::cli {
namespace {

std::atomic<int> pipe_end{-1};  // where the handler writes to
std::atomic<int> came{0};

void Put(int end, int value) {
  const int error = errno;
  const char byte = static_cast<char>(value);
  // A full pipe holds enough signals to go by.
  [[maybe_unused]] const ssize_t written = ::write(end, &byte, 1);
  errno = error;
}

void Handle(int signal) {
  came.fetch_add(1, std::memory_order_relaxed);
  Put(pipe_end.load(std::memory_order_relaxed), signal);
}

}  // namespace

Signals::Signals() {
  if (::pipe2(pipe_, O_CLOEXEC | O_NONBLOCK) != 0) {
    std::perror("weir: cannot make a pipe");
    std::exit(1);
  }
  pipe_end = pipe_[1];
  for (size_t i = 0; i < std::size(kCaught); ++i) {
    struct sigaction action {};
    action.sa_handler = &Handle;
    action.sa_flags = SA_RESTART;
    ::sigaction(kCaught[i], nullptr, &before_[i]);
    if (before_[i].sa_handler != SIG_IGN) ::sigaction(kCaught[i], &action, nullptr);
  }
}

Signals::~Signals() {
  for (size_t i = 0; i < std::size(kCaught); ++i) ::sigaction(kCaught[i], &before_[i], nullptr);
  pipe_end = -1;
  for (int end : pipe_) ::close(end);
}

int Signals::Wait(absl::Duration timeout) {
  struct pollfd ready {
    pipe_[0], POLLIN, 0
  };
  const int64_t milliseconds =
      std::clamp<int64_t>(absl::ToInt64Milliseconds(timeout), 0, 1'000'000);
  char byte = 0;
  if (::poll(&ready, 1, static_cast<int>(milliseconds)) == 1 && ::read(pipe_[0], &byte, 1) == 1)
    return byte;
  return kNothing;
}

int Signals::caught() { return came.load(std::memory_order_relaxed); }

void Signals::Wake() { Put(pipe_[1], kWoken); }

StepSignals::StepSignals(Signals& signals, std::function<void(int signal)> give_up)
    : signals_(signals), give_up_(std::move(give_up)), thread_([this] { Watch(); }) {}

StepSignals::~StepSignals() {
  signals_.Wake();
  thread_.join();
}

void StepSignals::Watch() {
  constexpr absl::Duration kPatience = absl::Seconds(1);
  while (true) {
    const int signal = signals_.Wait(came_ == 0 ? absl::InfiniteDuration() : kPatience);
    if (signal == Signals::kWoken) return;
    const int untaken = came_;
    if (untaken != 0) give_up_(untaken);
    if (signal > 0) came_ = signal;
  }
}

std::string NameOf(int signal) {
  return signal == SIGINT ? "Ctrl-C" : absl::StrCat("SIG", ::sigabbrev_np(signal));
}

}  // namespace weir::cli
