// Parked: what waits in a channel, without a Work: a thread of a World.
#pragma once

#include "weir/core/wait.h"
#include "weir/interleaving.h"

namespace weir::internal {

class Parked : public Waiter {
 public:
  // A store to its word that is still delayed must not come when this is gone.
  ~Parked() { interleaving::World::current()->Drain(); }
  void Wake() override { woken_ = true; }
  // Waits as a Work does whose request has been parked with `outcome`; what came of it. `alone`: the request's.
  Result Await(Outcome outcome, bool alone = false) {
    if (outcome != Outcome::kNone) {
      WakeList none;
      Claim(outcome, none);
    }
    const bool published = alone && outcome == Outcome::kNone;
    if (published || Publish())
      interleaving::World::current()->WaitUntil([this] { return woken_; });
    return Resumed();
  }

 private:
  bool woken_ = false;
};

}  // namespace weir::internal
