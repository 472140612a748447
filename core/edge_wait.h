// What a thread of the program does at a channel of the graph's edge: it tries, parks, waits, and takes its request out again.
// Apart from the engine, so that a test can run it in every interleaving (tests/interleaving).
//
// Others reach the waiter through the request's link until the channel has unlinked it, also after the wait has timed out. So
// the waiter is made first and destroyed last.
#pragma once

#include "weir/core/channel.h"
#include "weir/core/wait.h"

namespace weir::internal {

// Sends `request` within what `wait` lets it, and unlinks it. `W` is a Waiter; `wait(waiter)` waits until it is claimed, or claims
// it itself, and returns the outcome. Without `may_wait` it tries once. Never kNone.
template <class W, class Wait>
Outcome SendFromThread(Channel& channel, SendRequest& request, bool may_wait, Wait&& wait) {
  W waiter;
  request.waiter = &waiter;
  Outcome outcome = channel.Put(request);
  if (outcome == Outcome::kNone && may_wait) {
    waiter.Prepare();
    outcome = channel.ParkSend(request);
    if (outcome == Outcome::kNone) outcome = wait(waiter);
  }
  if (outcome == Outcome::kNone) outcome = Outcome::kTimedOut;
  channel.UnlinkSend(request);
  return outcome;
}

// Like SendFromThread, but receives.
template <class W, class Wait>
Outcome ReceiveFromThread(Channel& channel, ReceiveRequest& request, bool may_wait, Wait&& wait) {
  W waiter;
  request.waiter = &waiter;
  Outcome outcome = channel.Take(request);
  if (outcome == Outcome::kNone && may_wait) {
    waiter.Prepare();
    outcome = channel.ParkReceive(request);
    if (outcome == Outcome::kNone) outcome = wait(waiter);
    channel.UnlinkReceive(request);
  }
  return outcome == Outcome::kNone ? Outcome::kTimedOut : outcome;
}

}  // namespace weir::internal
