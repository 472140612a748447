#include "weir/core/wait.h"

#include <stdexcept>
#include <string_view>

namespace weir::internal {

std::string NameOfPlace(const std::source_location& place) {
  const std::string_view path = place.file_name();
  return std::string(path.substr(path.find_last_of('/') + 1)) + ":" + std::to_string(place.line());
}

void ThrowAwaitedBefore(const std::source_location& place) {
  throw std::logic_error("weir: what is awaited at " + NameOfPlace(place) +
                         " has been awaited before; make a new one for each co_await");
}

const char* WaitKindName(WaitKind kind) {
  switch (kind) {
    case WaitKind::kNothing: return "nothing";
    case WaitKind::kReceive: return "receive";
    case WaitKind::kSend: return "send";
    case WaitKind::kSleep: return "sleep";
    case WaitKind::kTurn: return "turn";
    case WaitKind::kBlocking: return "blocking";
    case WaitKind::kExternal: return "external";
    case WaitKind::kRun: return "another run";
    case WaitKind::kGate: return "gate";
    case WaitKind::kSelect: return "select";
  }
  return "unknown";
}

}  // namespace weir::internal
