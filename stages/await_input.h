// AwaitInput: what comes before a read that could wait without looking, of a pipe or a terminal.
#pragma once

#include <functional>

namespace weir::internal {

// Waits until `fd` has something to give, or has ended, or a read would fail; false once `stop` says so before. It asks ten times a
// second. Blocks.
bool AwaitInput(int fd, const std::function<bool()>& stop);

}  // namespace weir::internal
