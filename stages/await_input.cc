#include "weir/stages/await_input.h"

#include <poll.h>

#include <cerrno>

namespace weir::internal {
namespace {

bool Await(int fd, short events, const std::function<bool()>& stop) {
  constexpr int kGlance = 100;  // milliseconds
  struct pollfd file {
    fd, events, 0
  };
  while (true) {
    const int ready = ::poll(&file, 1, kGlance);
    if (ready > 0 || (ready < 0 && errno != EINTR)) return true;
    if (stop && stop()) return false;
  }
}

}  // namespace

bool AwaitInput(int fd, const std::function<bool()>& stop) { return Await(fd, POLLIN, stop); }
bool AwaitRoom(int fd, const std::function<bool()>& stop) { return Await(fd, POLLOUT, stop); }

}  // namespace weir::internal
