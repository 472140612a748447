// Faults: what a simulation may do to a run beside scheduling it. They are drawn from the simulation's choices before its first
// step, so that the list of choices that shows a failure begins with the fault that it takes.
#pragma once

#include <cstdint>
#include <stdexcept>
#include <string>
#include <vector>

namespace weir::internal {

class Choices;

enum class FaultKind {
  kDelay,        // a Work that is ready is held back once, while others go on
  kSlow,         // a Work is held back each time it is ready: a slow consumer
  kClockJump,    // the clock leaps ahead: everything that is timed is late
  kDrain,        // the run is drained: its sources are closed
  kThrow,        // a Work's next wait throws, as its stage's body might
  kOutOfMemory,  // an allocation of weir's own in a Work throws std::bad_alloc
  kCancel,       // the run is cancelled
};
inline constexpr uint64_t kFaultKinds = 7;

struct Fault {
  FaultKind kind = FaultKind::kDelay;
  // Before which step, counted from 0; of kThrow and kOutOfMemory, at which wait or allocation of all that the Works make.
  uint64_t at = 0;
  bool happened = false;
  std::string work = {};  // whom it has happened to, if it was one

  // True if a run that it has happened to may fail.
  bool excuses_failure() const { return kind >= FaultKind::kThrow; }
  // "cancels the run before step 12", "throws in parse#0 at wait 7"
  std::string ToString() const;
};

// None, one or two.
std::vector<Fault> DrawFaults(Choices& choices);
// Below 2^16; the smaller, the more often: whatever a run's length is, some are within it.
uint64_t DrawMoment(Choices& choices);

// What kThrow throws.
class InjectedError final : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

}  // namespace weir::internal
