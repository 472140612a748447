// Waiting. Everything that a Work or a thread can wait for is built from three parts:
//
//   Waiter    who waits: one claim word. Whoever claims it decides the outcome and wakes it, exactly once.
//   WaitLink  where it waits: one link per channel, context or queue, guarded by the lock of what it is linked into.
//   WakeList  who was claimed under a lock and is to be woken after the lock is released.
//
// The claim word:
//
//   kRunning --Prepare--> kPreparing --Publish--> kParked --Claim--> kClaimed --Resumed--> kRunning
//                              \________Claim________________________/
//
//   kRunning    the owner is running (or is ready to); nobody else writes the word.
//   kPreparing  the owner arms and links; a claimer that comes now decides the outcome but does not wake.
//   kParked     the owner may be suspended; the claimer wakes.
//   kClaimed    the outcome is fixed; the owner unlinks what is still linked, and goes on.
//
// A link is claimed through only under the lock that guards it, and the owner unlinks under the same lock before it goes
// on. So whoever finds a link also finds its owner still in that wait. A wait that one link *alone* can end, as most do, is
// published under that lock too, by who links it: the lock decides then, and the word is written without an exchange.
#pragma once

#include <algorithm>
#include <coroutine>
#include <cstddef>
#include <cstdint>
#include <source_location>
#include <string>

#include "weir/core/atomic.h"
#include "weir/core/clock.h"

namespace weir::internal {

class Work;

// How a wait ended. The order in which an operation looks at them is the order of precedence on ties.
enum class Outcome : uint8_t {
  kNone,       // not decided
  kCancelled,  // the run, or the Context that bounds the wait, was cancelled
  kClosed,     // a send: nobody downstream wants more, or the run is draining
  kDone,       // the item was sent, or an item was received, or what was waited for has happened
  kEnd,        // a receive: the channel has ended
  kTimedOut,
  kExhausted,  // a send whose policy is to fail: the channel is full
};

// What a waiter waits for, for samples and messages.
enum class WaitKind : uint8_t {
  kNothing,
  kReceive,
  kSend,
  kSleep,
  kTurn,
  kBlocking,
  kExternal,
  kRun,
  kGate,
  kSelect
};
const char* WaitKindName(WaitKind kind);

class Channel;

// What a Work waits for, for samples, the census, and the search for deadlocks.
struct Wait {
  WaitKind kind = WaitKind::kNothing;
  const Channel* channel = nullptr;  // kReceive, kSend
  bool bounded = false;              // a timer or a Context may end it
  uint64_t ports = 0;                // kSelect: InputBit and OutputBit of its ports
  std::source_location place = {};   // where in the program it was made: the co_await
};
// An input or an output by its place among its stage's; those from the 31st on share a bit.
constexpr uint64_t InputBit(size_t place) { return uint64_t{1} << std::min<size_t>(place, 31); }
constexpr uint64_t OutputBit(size_t place) { return InputBit(place) << 32; }

// Somebody to be told, outside of all locks, that something was decided.
class Wakeable {
 public:
  virtual void Wake() = 0;

 protected:
  ~Wakeable() = default;

 private:
  friend class WakeList;
  Wakeable* next_wake_ = nullptr;
};

// First in, first out. Filled under locks, flushed outside of them. Never destroyed with anybody in it.
class WakeList {
 public:
  WakeList() = default;
  WakeList(const WakeList&) = delete;
  WakeList& operator=(const WakeList&) = delete;
  ~WakeList() {
    if (first_ != nullptr) Flush();
  }
  void Add(Wakeable& wakeable);
  void Flush();

 private:
  Wakeable* first_ = nullptr;
  Wakeable* last_ = nullptr;
};

class Waiter : public Wakeable {
 public:
  // By the owner.
  void Prepare() { word_.store(kPreparing, std::memory_order_relaxed); }
  // True: parked; nothing of the waiter's frame may be touched any more. False: claimed meanwhile.
  bool Publish() {
    uint8_t expected = kPreparing;
    return word_.compare_exchange_strong(expected, kParked, std::memory_order_release,
                                         std::memory_order_acquire);
  }
  // With the lock of the link that alone can end the wait: parked, as far as others are concerned.
  void PublishAlone() { word_.store(kParked, std::memory_order_release); }
  // How the wait ended, once claimed; the waiter runs again. `early`: claimed while preparing, so that the claimer may
  // still be at work under the lock of its link; take that lock before touching what it fills.
  struct Result {
    Outcome outcome;
    bool early;
  };
  Result Resumed() {
    uint8_t word = word_.load(std::memory_order_acquire);
    word_.store(kRunning, std::memory_order_relaxed);
    return {OutcomeOf(word), (word & kEarly) != 0};
  }
  // By the owner, before Resumed: how the wait ended, once claimed.
  Outcome outcome() const { return OutcomeOf(word_.load(std::memory_order_acquire)); }

  // By anyone under the lock of a link, or by the owner while preparing. True for exactly one caller, who must then see
  // the waiter added to a WakeList: if it was parked, Claim has done that.
  bool Claim(Outcome outcome, WakeList& wakes);
  // The same through the link that alone can end the wait.
  void ClaimAlone(Outcome outcome, WakeList& wakes) {
    word_.store(ClaimedWord(outcome), std::memory_order_release);
    wakes.Add(*this);
  }

  bool claimed() const { return (word_.load(std::memory_order_acquire) & kStateMask) == kClaimed; }
  bool parked() const { return (word_.load(std::memory_order_acquire) & kStateMask) == kParked; }

 protected:
  ~Waiter() = default;

 private:
  static constexpr uint8_t kRunning = 0, kPreparing = 1, kParked = 2, kClaimed = 3;
  static constexpr uint8_t kStateMask = 3;
  static constexpr int kOutcomeShift = 2;
  static constexpr uint8_t kOutcomeMask = 7 << kOutcomeShift;
  static constexpr uint8_t kEarly = 1 << 5;
  static uint8_t ClaimedWord(Outcome outcome) {
    return static_cast<uint8_t>(kClaimed | (static_cast<uint8_t>(outcome) << kOutcomeShift));
  }
  static Outcome OutcomeOf(uint8_t word) {
    return static_cast<Outcome>((word & kOutcomeMask) >> kOutcomeShift);
  }

  // Release by the publisher and by the claimer, acquire by the other and by the owner: what was written before a
  // publication is seen by its claimer, and what was written before a claim is seen by the owner.
  Atomic<uint8_t> word_{kRunning};
};

// A place in a list of waiters. All members are guarded by the list's lock.
class WaitLink {
 public:
  WaitLink() = default;
  WaitLink(const WaitLink&) = delete;
  WaitLink& operator=(const WaitLink&) = delete;

  Waiter* waiter = nullptr;
  bool alone = false;  // no other link and no timer can end the wait. Constant while linked
  bool linked() const { return linked_; }

  // Claims the waiter through this link, which a wait of several links knows again by `won`.
  bool Claim(Outcome outcome, WakeList& wakes) {
    if (alone) {
      waiter->ClaimAlone(outcome, wakes);
      return true;
    }
    if (!waiter->Claim(outcome, wakes)) return false;
    won = true;
    return true;
  }
  bool won = false;

 private:
  friend class WaitList;
  WaitLink* next_ = nullptr;
  WaitLink* previous_ = nullptr;
  bool linked_ = false;
};

// First come, first served, unless the owner of the list inserts a link before others.
class WaitList {
 public:
  bool empty() const { return first_ == nullptr; }
  WaitLink* front() const { return first_; }
  WaitLink* back() const { return last_; }
  static WaitLink* Next(const WaitLink& link) { return link.next_; }
  static WaitLink* Previous(const WaitLink& link) { return link.previous_; }
  void PushBack(WaitLink& link);
  // Before `next`, which is linked.
  void Insert(WaitLink& link, WaitLink& next);
  void Remove(WaitLink& link);

 private:
  WaitLink* first_ = nullptr;
  WaitLink* last_ = nullptr;
};

// In line, because they are a good part of what a wait costs.

inline void WakeList::Add(Wakeable& wakeable) {
  wakeable.next_wake_ = nullptr;
  if (last_ == nullptr) {
    first_ = &wakeable;
  } else {
    last_->next_wake_ = &wakeable;
  }
  last_ = &wakeable;
}

inline void WakeList::Flush() {
  while (first_ != nullptr) {
    Wakeable* wakeable = first_;
    first_ = wakeable->next_wake_;  // read before the wake: the wakeable may be gone after it
    if (first_ == nullptr) last_ = nullptr;
    wakeable->Wake();
  }
}

inline bool Waiter::Claim(Outcome outcome, WakeList& wakes) {
  const uint8_t claimed = ClaimedWord(outcome);
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

inline void WaitList::PushBack(WaitLink& link) {
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

inline void WaitList::Insert(WaitLink& link, WaitLink& next) {
  link.next_ = &next;
  link.previous_ = next.previous_;
  link.linked_ = true;
  (next.previous_ == nullptr ? first_ : next.previous_->next_) = &link;
  next.previous_ = &link;
}

inline void WaitList::Remove(WaitLink& link) {
  if (!link.linked_) return;
  if (first_ == &link && last_ == &link) {
    first_ = last_ = nullptr;
    link.linked_ = false;
    return;
  }
  (link.previous_ == nullptr ? first_ : link.previous_->next_) = link.next_;
  (link.next_ == nullptr ? last_ : link.next_->previous_) = link.previous_;
  link.next_ = link.previous_ = nullptr;
  link.linked_ = false;
}

// What `co_await` sees of an operation: it belongs to one Work, and is awaited once.
class Operation {
 public:
  Operation(const Operation&) = delete;
  Operation& operator=(const Operation&) = delete;

 protected:
  Operation() = default;
  ~Operation() = default;
  Work* work_ = nullptr;
  std::source_location place_;  // of the co_await

 private:
  friend void BindOperation(Operation& operation, Work& work, const std::source_location& place);
};

// "route.cc:41"
std::string NameOfPlace(const std::source_location& place);
// Throws std::logic_error: what is awaited at `place` has been awaited before.
[[noreturn]] void ThrowAwaitedBefore(const std::source_location& place);

inline void BindOperation(Operation& operation, Work& work, const std::source_location& place) {
  if (operation.work_ != nullptr) [[unlikely]]
    ThrowAwaitedBefore(place);
  operation.work_ = &work;
  operation.place_ = place;
}

}  // namespace weir::internal
