#include "weir/core/wait.h"

namespace weir::internal {

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
