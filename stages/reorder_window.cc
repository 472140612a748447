#include "weir/stages/reorder_window.h"

#include <utility>

namespace weir::internal {

void ReorderWindow::Begin(size_t window, size_t rounds) {
  window_ = std::max<size_t>(1, window);
  rounds_ = rounds;
  turnstile_.Reset();
  turn_.store(0, std::memory_order_relaxed);
}

bool ReorderWindow::Hold(std::unique_ptr<HeldRound>& round) {
  MutexLock lock(mutex_);
  if (turn_.load(std::memory_order_relaxed) >= round->first) return false;
  HeldRound* added = round.get();
  std::unique_ptr<HeldRound>* at = &held_;
  if (last_held_ != nullptr && last_held_->first < added->first) {
    at = &last_held_->after;  // the usual place
  } else {
    while (*at != nullptr && (*at)->first < added->first) at = &(*at)->after;
  }
  added->after = std::move(*at);
  *at = std::move(round);
  if (added->after == nullptr) last_held_ = added;
  round = std::move(spare_);
  if (round != nullptr) {
    spare_ = std::move(round->after);
    --spares_;
  }
  return true;
}

bool ReorderWindow::Advance(uint64_t next, std::unique_ptr<HeldRound>& round) {
  std::unique_ptr<HeldRound> surplus;  // destroyed after the lock is released
  bool found = false;
  {
    MutexLock lock(mutex_);
    turn_.store(std::max(next, turn_.load(std::memory_order_relaxed)), std::memory_order_release);
    found = held_ != nullptr && held_->first == next;
    if (found) {
      std::unique_ptr<HeldRound> follows = std::move(held_);
      held_ = std::move(follows->after);
      if (held_ == nullptr) last_held_ = nullptr;
      surplus = std::exchange(round, std::move(follows));
      if (surplus != nullptr && spares_ < kMostSpare) Keep(std::move(surplus));
    }
  }
  turnstile_.Advance(next);
  return found;
}

void ReorderWindow::Keep(std::unique_ptr<HeldRound> spare) {
  spare->after = std::move(spare_);
  spare_ = std::move(spare);
  ++spares_;
}

void ReorderWindow::OpenToAll() {
  {
    MutexLock lock(mutex_);
    turn_.store(UINT64_MAX, std::memory_order_release);
  }
  turnstile_.Advance(UINT64_MAX);
}

void ReorderWindow::DiscardHeld() {
  std::unique_ptr<HeldRound> round, spare;
  {
    MutexLock lock(mutex_);
    round = std::move(held_);
    spare = std::move(spare_);
    last_held_ = nullptr;
    spares_ = 0;
  }
  for (std::unique_ptr<HeldRound>* list : {&round, &spare}) {
    // One by one: a chain of unique_ptrs would be destroyed by recursion.
    while (*list != nullptr) {
      for (const FusedTake& take : (*list)->fused) {
        take.channel->Pass(take.taken);
        if (take.left > 0) take.channel->Refuse(take.left);
      }
      *list = std::move((*list)->after);
    }
  }
}

}  // namespace weir::internal
