// ReorderWindow: how the workers of an ordered stage emit in the order of their inputs without waiting for each other. A worker that
// has finished a round of inputs out of turn leaves its outputs in the window and takes the next batch; the worker whose turn it is
// emits its own round and then every round of the window that follows without a gap.
//
//   - The turn is a position among the stage's inputs: all inputs before it have been emitted. It belongs to the worker that holds
//     the round which begins there, from the end of its round until `Advance` finds a gap.
//   - Memory is bounded: a round may be left only if it ends at most `window` inputs after the turn (`HoldsFrom`). A worker whose
//     round ends later waits at the turnstile, with the round in its hands. Rounds of quick items are long, and by default a few of
//     them may be left for each worker, however many inputs that are.
//   - After a failure the turn stays where it is: nothing later is emitted. What the window then still holds is destroyed at the
//     run's end, in the order of the inputs, and counted in the ledgers of the fused channels that it has passed.
//
// The window is the stage's; all functions but `Begin` and `DiscardHeld` may be called by any of its Works.
#pragma once

#include <algorithm>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "weir/core/block_pool.h"
#include "weir/core/channel.h"
#include "weir/core/item_buffer.h"
#include "weir/core/mutex.h"
#include "weir/core/operations.h"

namespace weir::internal {

// What the body of one fused stage has done with its part of a round. It is counted in its channel when the round is emitted.
struct FusedTake {
  Channel* channel = nullptr;
  size_t taken = 0;          // items on which the body was called
  size_t left = 0;           // items on which it was not called, because it failed before
  bool last_failed = false;  // on the last of those that were taken
};

// The outputs of a round of consecutive inputs.
struct HeldRound : Pooled {
  explicit HeldRound(const ItemType& type) : items(type) {}

  ItemBuffer items;
  std::vector<FusedTake> fused;  // one for each fused stage, in their order
  uint64_t first = 0;            // the position of the first input
  uint64_t next = 0;             // the position after the last input
  std::unique_ptr<HeldRound> after;
};

class ReorderWindow {
 public:
  ReorderWindow() = default;
  ~ReorderWindow() { DiscardHeld(); }

  // Prepares a run. `window`: how many inputs the end of a round may be ahead of the turn; at least 1. It may also be `rounds` times
  // the round's own length.
  void Begin(size_t window, size_t rounds);

  // Returns the turn from which on a round of the inputs from `first` to `next` may be left here: at the latest its own.
  uint64_t HoldsFrom(uint64_t first, uint64_t next) const {
    const uint64_t ahead = std::max(window_, rounds_ * (next - first));
    return std::min(first, next - std::min(next, ahead));
  }
  bool Reached(uint64_t turn) const { return turn_.load(std::memory_order_acquire) >= turn; }
  // Where Works wait until a turn is reached.
  Turnstile& turnstile() { return turnstile_; }

  // Leaves `round`; afterwards `round` is memory for another one, or null. False: its turn has come, it is the caller's to emit.
  bool Hold(std::unique_ptr<HeldRound>& round);
  // Called by the Work whose turn it is, after it has emitted everything before `next`. True: `round` is the round that follows, for
  // the caller to emit; what was in it is kept as memory.
  bool Advance(uint64_t next, std::unique_ptr<HeldRound>& round);
  // Gives every Work its turn, since nothing that they emit is wanted any more: each shall find that out by sending.
  void OpenToAll();

  // Destroys what is held, in the order of the inputs. Called when no Work of the stage is left.
  void DiscardHeld();

 private:
  static constexpr size_t kMostSpare = 16;

  void Keep(std::unique_ptr<HeldRound> spare) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  uint64_t window_ = 1;  // constant while a run lasts, as the next
  uint64_t rounds_ = 0;
  Turnstile turnstile_;
  std::atomic<uint64_t> turn_{0};  // written with the lock
  SpinMutex mutex_;
  std::unique_ptr<HeldRound> held_ ABSL_GUARDED_BY(mutex_);  // in the order of their inputs
  HeldRound* last_held_ ABSL_GUARDED_BY(mutex_) = nullptr;
  std::unique_ptr<HeldRound> spare_ ABSL_GUARDED_BY(mutex_);
  size_t spares_ ABSL_GUARDED_BY(mutex_) = 0;
};

}  // namespace weir::internal
