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

void WakeList::Add(Wakeable& wakeable) {
  wakeable.next_wake_ = nullptr;
  if (last_ == nullptr) {
    first_ = &wakeable;
  } else {
    last_->next_wake_ = &wakeable;
  }
  last_ = &wakeable;
}

void WakeList::Flush() {
  while (first_ != nullptr) {
    Wakeable* wakeable = first_;
    first_ = wakeable->next_wake_;  // read before the wake: the wakeable may be gone after it
    if (first_ == nullptr) last_ = nullptr;
    wakeable->Wake();
  }
}

bool Waiter::Claim(Outcome outcome, WakeList& wakes) {
  const uint8_t claimed =
      static_cast<uint8_t>(kClaimed | (static_cast<uint8_t>(outcome) << kOutcomeShift));
  uint8_t word = word_.load(std::memory_order_relaxed);
  while (word == kPreparing || word == kParked) {
    const uint8_t next = word == kPreparing ? claimed | kEarly : claimed;
    if (word_.compare_exchange_weak(word, next, std::memory_order_acq_rel,
                                    std::memory_order_relaxed)) {
      if (word == kParked) wakes.Add(*this);
      return true;
    }
  }
  return false;
}

void WaitList::PushBack(WaitLink& link) {
  link.next_ = nullptr;
  link.previous_ = last_;
  link.linked_ = true;
  if (last_ == nullptr) {
    first_ = &link;
  } else {
    last_->next_ = &link;
  }
  last_ = &link;
}

void WaitList::Remove(WaitLink& link) {
  if (!link.linked_) return;
  (link.previous_ == nullptr ? first_ : link.previous_->next_) = link.next_;
  (link.next_ == nullptr ? last_ : link.next_->previous_) = link.previous_;
  link.next_ = link.previous_ = nullptr;
  link.linked_ = false;
}

}  // namespace weir::internal
