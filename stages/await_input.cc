#include "weir/stages/await_input.h"

#include <poll.h>

#include <cerrno>

namespace weir::internal {

bool AwaitInput(int fd, const std::function<bool()>& stop) {
  constexpr int kGlance = 100;  // milliseconds
  struct pollfd input {
    fd, POLLIN, 0
  };
  while (true) {
    const int ready = ::poll(&input, 1, kGlance);
    if (ready > 0 || (ready < 0 && errno != EINTR)) return true;
    if (stop()) return false;
  }
}

}  // namespace weir::internal
