#include "weir/core/faults.h"

#include "absl/strings/str_cat.h"
#include "weir/core/choices.h"

namespace weir::internal {

uint64_t DrawMoment(Choices& choices) {
  const uint64_t bits = choices.Pick(17);
  return choices.Pick(uint64_t{1} << bits);
}

std::vector<Fault> DrawFaults(Choices& choices) {
  std::vector<Fault> faults(choices.Pick(3));
  for (Fault& fault : faults) {
    fault.kind = static_cast<FaultKind>(choices.Pick(kFaultKinds));
    fault.at = DrawMoment(choices);
  }
  return faults;
}

std::string Fault::ToString() const {
  switch (kind) {
    case FaultKind::kDelay: return absl::StrCat("holds ", work, " back before step ", at);
    case FaultKind::kSlow: return absl::StrCat("slows ", work, " down from step ", at, " on");
    case FaultKind::kClockJump: return absl::StrCat("turns the clock ahead before step ", at);
    case FaultKind::kDrain: return absl::StrCat("drains the run before step ", at);
    case FaultKind::kThrow: return absl::StrCat("throws in ", work, " at wait ", at);
    case FaultKind::kOutOfMemory: return absl::StrCat("lets allocation ", at, " fail, in ", work);
    case FaultKind::kCancel: return absl::StrCat("cancels the run before step ", at);
  }
  return "";
}

}  // namespace weir::internal
