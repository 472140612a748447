// AwaitInput, AwaitRoom: what comes before a read or a write that could wait without end, of a
// pipe, a socket or a terminal.
#pragma once

#include <functional>

namespace weir::internal {

// Waits until `fd` has something to give, or has ended, or a read would fail; returns false once
// `stop` says so before. It asks `stop` ten times a second; null never stops. Blocks.
bool AwaitInput(int fd, const std::function<bool()>& stop);

// Like AwaitInput, but waits until `fd` takes something, or a write would fail.
bool AwaitRoom(int fd, const std::function<bool()>& stop);

}  // namespace weir::internal
