// Policies: what a send does when its channel is full and it will not wait, or not any longer. They belong to the Out, so that
// of several that share a channel, or of a Broadcast's branches, each has its own:
//
//   graph.Connect(camera.out, encode.in, {.capacity = 8, .when_full = weir::WhenFull::kDropOldest});
//   camera.out.OnDropped([&](Frame&& frame) { spare.push_back(std::move(frame)); });
//
//   graph.Connect(route.out, ship.in, {.when_full = weir::WhenFull::kDivert, .patience = absl::Milliseconds(2)});
//   route.out.DivertTo(route.late);
//
// A send whose item was dropped or diverted has returned OK; the channel's ledger counts it.
#pragma once

#include <cstdint>
#include <functional>
#include <string_view>

#include "absl/time/time.h"

namespace weir {

enum class WhenFull : uint8_t {
  kBlock,       // the send waits for room; its `patience` is without end
  kFail,        // RESOURCE_EXHAUSTED; the item stays with its sender
  kDropNewest,  // what is being sent is dropped
  kDropOldest,  // what has waited longest in the channel is dropped, and makes room: the newest always gets in
  kDivert,  // it is sent to another Out of the stage (Out::DivertTo), whose own policy then holds
};
// "drop_oldest", and back: kBlock for what is none.
const char* WhenFullName(WhenFull when_full);
WhenFull WhenFullFromName(std::string_view name);

namespace internal {

class OutBase;

// An Out's policy, where it is not to block. Constant while a run lasts.
struct SendPolicy {
  WhenFull when_full = WhenFull::kBlock;
  absl::Duration patience;  // a send waits so long for room first
  OutBase* divert_to = nullptr;
  // With an item of the channel's type, which is moved from and then destroyed. Empty: it is destroyed.
  std::function<void(void* item)> on_dropped;
};

}  // namespace internal
}  // namespace weir
