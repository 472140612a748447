// Channel<T>: the bounded first-in-first-out channel that feeds one In<T>. Users meet it through `Graph::Connect` and its
// options; stages meet it through their ports. Its whole contract is four operations, so that its inside can change:
//
//   Put(request)     moves items in, as many as there is room for
//   Take(request)    moves items out, as many as are wanted and there
//   Park*(request)   the same with a last look, and links the request if it must wait
//   Unlink*(request) takes the request out again, whatever became of it
//
// Three positions count items for ever, head_ <= next_ <= tail_: what is before tail_ has entered, what is before next_ has been
// handed out, and what is before head_ has left for good. Between head_ and next_ are the leased: handed out in a batch and not
// taken from it yet. The ledger comes from the positions.
//
//   - tail_ - head_ <= capacity.
//   - A parked receiver means that nothing is queued; a parked sender means that there is no room. Whoever changes that
//     serves the parked ones, first come first served: it claims the waiter and then moves the items, under the lock. So a
//     woken Work never has to look again, and an outcome is never revised.
//   - Items are destroyed outside of the lock, and wake-ups happen outside of it.
//
// A channel that joins one Work to one other is *single*, and its two ends go on without the lock as long as neither waits. The
// sender owns what belongs to its side, and the receiver what belongs to its own, except while it is parked: then its side
// belongs to whoever holds the lock. They meet like this: who moves items publishes its position and then reads the gate;
// who is about to wait marks itself in the gate and then reads the position; both in one total order (seq_cst), so that one of
// the two sees the other. In tests/interleaving all their interleavings are run. A parked sender of a single channel is
// served once half of the room is free, or when the receiver is about to wait for something (`AdmitOwed`): not for each item.
// So a receiver that takes items one by one need not be seen at once: it publishes in that order with each eighth item
// (`check_every_`), and before it waits. A sender that parks in between misses less than half of the room. One with a
// deadline, which is served with the first slot, may get it that much later; at its deadline it looks again, and sees all.
//
// In any other channel one lock guards everything.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <type_traits>
#include <utility>

#include "absl/base/attributes.h"
#include "absl/base/thread_annotations.h"
#include "weir/core/atomic.h"
#include "weir/core/block_pool.h"
#include "weir/core/mutex.h"
#include "weir/core/ring.h"
#include "weir/core/wait.h"

namespace weir {

// What became of a channel's items. Always: accepted = received + unread + discarded + queued.
struct Ledger {
  uint64_t accepted = 0;   // sends that returned OK, in items
  uint64_t received = 0;   // handed to a receiver
  uint64_t unread = 0;     // left behind when the last receiver ended early
  uint64_t discarded = 0;  // left behind by a cancellation
  uint64_t queued = 0;     // in the channel now; 0 once a run is over
  uint64_t refused = 0;    // sends that did not return OK, in items; they stayed with their senders
  uint64_t high_water = 0;  // the most that was ever in the channel at once

  bool balanced() const { return accepted == received + unread + discarded + queued; }
};

namespace internal {

// Why a receiver has to be told of the run: an end that a failure brought about must not look like a complete input.
// `cancelled` turns true, for good, before any port of a failing or cancelled run is closed.
struct RunSignals {
  Atomic<bool> cancelled{false};
  Atomic<bool> draining{false};
};

// One of the channel's senders: an Out, while a run lasts.
struct SendingEnd {
  bool from_source = false;  // its stage has no input: refused while the run drains. Constant
  bool closed = false;       // guarded by the channel's lock
};

struct SendRequestBase : WaitLink {
  const SendingEnd* sender = nullptr;  // whose send it is
  bool bounded = false;                // a timer or a Context may end the wait
  bool room_only = false;              // waits for room, and sends nothing yet
  size_t count = 0;
  size_t sent = 0;  // guarded by the channel's lock while linked
};

struct ReceiveRequestBase : WaitLink {
  size_t max = 1;
  size_t got = 0;         // guarded by the channel's lock while linked
  bool bounded = false;   // a timer or a Context may end the wait
  bool lease = false;     // what is got still counts as in the channel, until settled
  uint64_t position = 0;  // of the first item got, counted from the channel's beginning
};

class ChannelBase : public Pooled {
 public:
  ChannelBase(std::string name, size_t capacity, const RunSignals& signals)
      : name_(std::move(name)), capacity_(capacity), signals_(signals) {}
  ChannelBase(const ChannelBase&) = delete;
  ChannelBase& operator=(const ChannelBase&) = delete;
  virtual ~ChannelBase() = default;

  const std::string& name() const { return name_; }
  size_t capacity() const { return capacity_; }

  // Before the run begins. `senders` are Outs, `receivers` Works. `single`: one Work alone sends and one alone receives.
  void SetEnds(int senders, int receivers, bool single) {
    Lock lock(mutex_);
    senders_ = senders;
    receivers_ = receivers;
    receiving_works_ = static_cast<uint32_t>(receivers);
    single_ = single && may_be_single();
    gate_.store(single_ ? 0 : kMany);
    head_seen_ = single_ ? 0 - uint64_t{capacity_} : 0;  // full, until it has slots
    check_every_ = static_cast<uint32_t>(std::clamp<size_t>(capacity_ / 2, 1, 8));
  }
  // A sender will not send any more: the last Work of its stage has ended, or it feeds back into a loop that is quiet. After
  // the last of them, receivers take what is queued and see the end. The sender's sends are refused from then on. Idempotent.
  void CloseSender(SendingEnd& sender, WakeList& wakes);
  // One Work of the receiving stage has ended. After the last, senders see kClosed and what is queued is unread.
  void CloseReceiver();
  // Claims every waiter; the signal `cancelled` is set already. What is queued stays until Discard.
  void Cancel();
  // Claims the parked senders that are sources; the signal `draining` is set already.
  void Drain();
  // By a sending Work: how much room it could know of without the lock. It may have grown since.
  size_t RoomSeen() const {
    const uint64_t used =
        tail_.load(std::memory_order_relaxed) - head_.load(std::memory_order_relaxed);
    return used < capacity_ ? capacity_ - used : 0;
  }
  // `count` items have gone from the sending to the receiving stage without passing through here, because the one runs the
  // other's body (OutBase::fused). Returns the place of the first in the channel's history. By the sending Works.
  uint64_t Pass(size_t count) { return passed_.fetch_add(count, std::memory_order_relaxed); }
  // `count` items stayed with the sender, because the receiving stage has failed on one before them.
  void Refuse(size_t count);
  // The run's last step, when nobody moves items any more. Destroys what is queued, first to last, on this thread; false if
  // there is nothing.
  bool Discard() {
    if (queued() == 0) return false;
    DestroyQueued(&ChannelBase::discarded_);
    return true;
  }

  // True if a sender must not send any more, because nobody receives, because sources are to stop, or because it is closed.
  bool closed_to_sender(const SendingEnd& sender) const;
  bool run_cancelled() const { return signals_.cancelled.load(std::memory_order_acquire); }
  Ledger ledger() const;

  // By the single receiver, before it waits for something: the parked sender gets the room that there is, be it little.
  void AdmitOwed() {
    if (unchecked_ > 0) {
      PublishHead(head_.load(std::memory_order_relaxed));
      owes_ = (gate() & kSenderParked) != 0;
    }
    if (!owes_) return;
    WakeList wakes;
    Lock lock(mutex_);
    AdmitParked(wakes);
  }

  // For the question whether a loop is quiet, with the lock held from `Lock` to `Unlock`, over all channels of the loop; none
  // of them is single.
  void LockForLoop() const ABSL_NO_THREAD_SAFETY_ANALYSIS { mutex_.lock(); }
  void UnlockForLoop() const ABSL_NO_THREAD_SAFETY_ANALYSIS { mutex_.unlock(); }
  // How many receivers wait for an item and nothing else; -1 if there is an item.
  int WaitingForItemsOnly() const ABSL_NO_THREAD_SAFETY_ANALYSIS;

  void UnlinkSend(SendRequestBase& request);
  void UnlinkReceive(ReceiveRequestBase& request);

 protected:
  using Lock = MutexLock<SpinMutex>;

  // The gate's bits: what the one end of a single channel has to know of the other, and of the run, before it may go on
  // without the lock.
  static constexpr uint32_t kMany = 1;  // not single: never without the lock
  static constexpr uint32_t kSenderParked = 2;
  static constexpr uint32_t kReceiverParked = 4;
  static constexpr uint32_t kSenderGone = 8;
  static constexpr uint32_t kReceiverGone = 16;
  static constexpr uint32_t kCancelled = 32;
  static constexpr uint32_t kDraining = 64;  // which concerns sources only
  static constexpr uint32_t kSendLocked = kMany | kReceiverGone | kCancelled | kDraining;
  static constexpr uint32_t kReceiveLocked = kMany | kCancelled;

  virtual bool may_be_single() const = 0;
  virtual void AdmitParked(WakeList& wakes) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) = 0;
  // Takes the lock for a few items at a time, and destroys them outside.
  virtual void DestroyQueued(uint64_t ChannelBase::*counter) = 0;

  bool closed_to(const SendingEnd& sender) const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    return receivers_ == 0 || sender.closed ||
           (sender.from_source && signals_.draining.load(std::memory_order_acquire));
  }
  size_t share(size_t queued) const {
    return receiving_works_ <= 1 ? queued : (queued + receiving_works_ - 1) / receiving_works_;
  }
  // By the receiving side, or with nobody there.
  size_t queued() const {
    return tail_.load(std::memory_order_acquire) - next_.load(std::memory_order_relaxed);
  }
  // A position is published before the gate is read, and the gate is written before the other side's position is read, all in
  // one order (seq_cst): so one of the two sees the other. With the lock, the lock does that.
  void Publish(Atomic<uint64_t>& position, uint64_t value) {
    if (single_) {
      position.exchange(value, std::memory_order_seq_cst);
    } else {
      position.store(value, std::memory_order_release);
    }
  }
  void PublishHead(uint64_t head) {
    Publish(head_, head);
    unchecked_ = 0;
  }
  uint32_t gate() const { return gate_.load(std::memory_order_seq_cst); }
  void Link(WaitList& list, WaitLink& link, uint32_t bit) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    list.PushBack(link);
    gate_.fetch_or(bit, std::memory_order_seq_cst);
  }
  void Unlink(WaitList& list, WaitLink& link, uint32_t bit) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    list.Remove(link);
    if (list.empty()) gate_.fetch_and(~bit, std::memory_order_seq_cst);
  }
  void UnlinkSender(WaitLink& link) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    Unlink(senders_waiting_, link, kSenderParked);
  }
  void UnlinkReceiver(WaitLink& link) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    Unlink(receivers_waiting_, link, kReceiverParked);
  }

  // A line each: what all read, the sending side's, the receiving side's, and both sides'. Thousands of channels at once are not
  // unusual, so a Channel's ring is to fit behind.
  const std::string name_;
  const size_t capacity_;
  const RunSignals& signals_;
  uint32_t receiving_works_ = 1;  // as the run began: among how many a batch is shared
  bool single_ = false;

  // The sending side's.
  alignas(kCacheLine) Atomic<uint64_t> tail_{0};  // so many items have entered
  uint64_t head_seen_ = 0;
  Atomic<uint64_t> high_water_{0};  // read by ledgers

  // The receiving side's.
  alignas(kCacheLine) Atomic<uint64_t> head_{
      0};                     // so many have left for good: next_ less those that are leased
  Atomic<uint64_t> next_{0};  // the position of the first that is queued
  uint64_t tail_seen_ = 0;
  size_t leased_ = 0;
  // Changes only while the channel is empty and its receivers sleep. It orders nothing.
  Atomic<uint64_t> passed_{0};
  uint32_t unchecked_ = 0;    // so many have left since head_ was last published in that order
  uint32_t check_every_ = 1;  // constant while a run lasts
  bool owes_ = false;         // the parked sender could have had room

  // Both sides'.
  alignas(kCacheLine) Atomic<uint32_t> gate_{0};
  Atomic<uint32_t> admit_at_{1};  // so much room is worth waking the parked sender for

  mutable SpinMutex mutex_;
  WaitList senders_waiting_ ABSL_GUARDED_BY(mutex_);
  WaitList receivers_waiting_ ABSL_GUARDED_BY(mutex_);
  int senders_ ABSL_GUARDED_BY(mutex_) = 0;
  int receivers_ ABSL_GUARDED_BY(mutex_) = 0;
  uint64_t unread_ ABSL_GUARDED_BY(mutex_) = 0;
  uint64_t discarded_ ABSL_GUARDED_BY(mutex_) = 0;
  uint64_t refused_ ABSL_GUARDED_BY(mutex_) = 0;
};

template <class T>
struct SendRequest : SendRequestBase {
  T* items = nullptr;  // `count` of them; the first `sent` have been moved from
};

template <class T>
struct ReceiveRequest : ReceiveRequestBase {
  T* into = nullptr;  // raw room for `max` items; the first `got` are constructed
};

// What may travel through a channel. Asked by the ports too, so that the answer comes before all that follows from it.
template <class T>
constexpr bool IsItem() {
  static_assert(std::is_nothrow_destructible_v<T>,
                "weir: an item must be nothrow destructible; wrap it in unique_ptr with a deleter "
                "that does not throw");
  static_assert(!std::is_nothrow_destructible_v<T> || std::is_nothrow_move_constructible_v<T>,
                "weir: an item must be nothrow move constructible; wrap it in unique_ptr");
  return true;
}

template <class T>
class Channel final : public ChannelBase {
 public:
  using ChannelBase::ChannelBase;
  ~Channel() override {
    for (uint64_t at = next_.load(); at != tail_.load(); ++at) ring_[at].~T();
  }

  // The short ways of a single channel: one item, sent or received at once. False: it takes more, ask Put or Take.
  bool PutOne(T& item) {
    if (gate_.load(std::memory_order_acquire) & kSendLocked) return false;
    const uint64_t tail = tail_.load(std::memory_order_relaxed);
    if (tail - head_seen_ >= capacity_) {
      if (ring_.slots() == 0 || room() == 0) return false;
    }
    ring_.MoveIn(tail, item);
    Advance(tail + 1);
    if (gate() & (kReceiverParked | kReceiverGone)) [[unlikely]]
      Attend();
    return true;
  }
  bool TakeOne(T* into) {
    if (gate_.load(std::memory_order_acquire) & kReceiveLocked) return false;
    const uint64_t next = next_.load(std::memory_order_relaxed);
    if (next == tail_seen_) {
      tail_seen_ = tail_.load(std::memory_order_acquire);
      if (next == tail_seen_) return false;
    }
    ring_.MoveOut(next, into);
    next_.store(next + 1, std::memory_order_relaxed);
    FreeOne(next + 1 - leased_);
    return true;
  }

  // kDone: all sent. kNone: no room for the rest. Else kCancelled, kClosed.
  Outcome Put(SendRequest<T>& request) {
    if (gate_.load(std::memory_order_acquire) & kSendLocked) {
      WakeList wakes;
      Lock lock(mutex_);
      return PutLocked(request, wakes);
    }
    if (request.room_only) return RoomSeen() > 0 ? Outcome::kDone : Outcome::kNone;
    do {
      Enter(request);
      if (gate() & (kReceiverParked | kReceiverGone)) [[unlikely]]
        Attend();
      if (request.sent == request.count) return Outcome::kDone;
    } while (head_.load(std::memory_order_acquire) != head_seen_);
    return Outcome::kNone;
  }

  // The same; what does not fit is linked, with kNone.
  Outcome ParkSend(SendRequest<T>& request) {
    WakeList wakes;
    Lock lock(mutex_);
    Outcome outcome = PutLocked(request, wakes);
    if (outcome != Outcome::kNone) return outcome;
    // Whoever makes room moves the items in, on its own thread, and must not fail at it.
    ring_.Reserve(capacity_, next_.load(std::memory_order_relaxed),
                  tail_.load(std::memory_order_relaxed));
    admit_at_.store(request.bounded || !single_
                        ? 1
                        : static_cast<uint32_t>(std::clamp<size_t>(capacity_ / 2, 1, UINT32_MAX)),
                    std::memory_order_relaxed);
    Link(senders_waiting_, request, kSenderParked);
    if (single_ && room() > 0) {  // the receiver made room before it could see the gate
      Enter(request);
      if (request.sent == request.count) {
        UnlinkSender(request);
        return Outcome::kDone;
      }
    }
    return Outcome::kNone;
  }

  // kDone: got at least one. kNone: nothing there. Else kCancelled, kEnd. `settled` items of an earlier lease have been
  // taken since.
  Outcome Take(ReceiveRequest<T>& request, size_t settled = 0) {
    const uint32_t gate = gate_.load(std::memory_order_acquire);
    if (!(gate & kReceiveLocked)) {
      if (settled > 0) {
        leased_ -= settled;
        Free();
      }
      if (Hand(request)) {
        if (!request.lease) Free();
        return Outcome::kDone;
      }
      if (!(gate & kSenderGone)) return Outcome::kNone;
      settled = 0;
    }
    WakeList wakes;
    Lock lock(mutex_);
    if (settled > 0) {
      leased_ -= settled;
      Publish(head_, next_.load(std::memory_order_relaxed) - leased_);
      AdmitSenders(wakes);
    }
    return TakeLocked(request, wakes);
  }

  Outcome ParkReceive(ReceiveRequest<T>& request) {
    WakeList wakes;
    Lock lock(mutex_);
    Outcome outcome = TakeLocked(request, wakes);
    if (outcome != Outcome::kNone) return outcome;
    Link(receivers_waiting_, request, kReceiverParked);
    if (single_ && queued() > 0) {  // the sender sent before it could see the gate
      UnlinkReceiver(request);
      return TakeLocked(request, wakes);
    }
    return Outcome::kNone;
  }

  // `taken` leased items have been taken, and the `rest` go back to the front in their order.
  void Settle(size_t taken, T* rest, size_t rest_count) {
    if (single_) {
      PutBack(taken, rest, rest_count);
      if (taken > 0) Free();
      return;
    }
    WakeList wakes;
    Lock lock(mutex_);
    PutBack(taken, rest, rest_count);
    Publish(head_, next_.load(std::memory_order_relaxed) - leased_);
    if (rest_count > 0) ServeReceivers(wakes);
    AdmitSenders(wakes);
  }

 private:
  // A single channel has all its slots from the first item on; a larger one grows as it is used, under its lock.
  bool may_be_single() const override { return capacity_ <= (size_t{1} << 20) / sizeof(T); }

  // --- Without the lock, by the Work at the one end of a single channel ---

  // The receiver was parked, or is gone, when items were sent.
  ABSL_ATTRIBUTE_NOINLINE void Attend() {
    bool unread = false;
    {
      WakeList wakes;
      Lock lock(mutex_);
      ServeReceivers(wakes);
      unread = receivers_ == 0 && !run_cancelled();
    }
    if (unread) DestroyQueued(&Channel::unread_);
  }
  // Items have left: who waits for room gets it once there is enough of it.
  void Free() {
    const uint64_t head = next_.load(std::memory_order_relaxed) - leased_;
    PublishHead(head);
    if (gate() & kSenderParked) [[unlikely]]
      FreedFor(head);
  }
  // The same for a single item, for which the exchange would be half of the cost.
  void FreeOne(uint64_t head) {
    if (++unchecked_ < check_every_) {
      head_.store(head, std::memory_order_release);
    } else {
      PublishHead(head);
    }
    if (gate() & kSenderParked) [[unlikely]]
      FreedFor(head);
  }
  ABSL_ATTRIBUTE_NOINLINE void FreedFor(uint64_t head) {
    const size_t room = capacity_ - (tail_.load(std::memory_order_relaxed) - head);
    if (room < admit_at_.load(std::memory_order_relaxed)) {
      owes_ = true;
      return;
    }
    WakeList wakes;
    Lock lock(mutex_);
    AdmitParked(wakes);
  }

  // --- With the lock, or by the Work at the one end of a single channel that has nobody parked at the other ---

  // The sending side: moves in what there is room for.
  size_t room() {
    head_seen_ = head_.load(single_ ? std::memory_order_seq_cst : std::memory_order_relaxed);
    return capacity_ - (tail_.load(std::memory_order_relaxed) - head_seen_);
  }
  void Enter(SendRequest<T>& request) {
    const uint64_t tail = tail_.load(std::memory_order_relaxed);
    const size_t wanted = request.count - request.sent;
    size_t free = capacity_ - (tail - head_seen_);
    if (free < wanted) free = room();
    const size_t n = std::min(free, wanted);
    if (n == 0) return;
    if (!single_) {
      ring_.Reserve(tail + n - head_seen_, next_.load(std::memory_order_relaxed), tail);
    } else if (ring_.slots() == 0) {
      ring_.Reserve(capacity_, 0, 0);
    }
    if (n == 1) {
      ring_.MoveIn(tail, request.items[request.sent]);
    } else {
      ring_.MoveIn(tail, request.items + request.sent, n);
    }
    request.sent += n;
    Advance(tail + n);
  }
  // Items have come, up to `tail`.
  void Advance(uint64_t tail) {
#ifndef WEIR_NO_COUNTERS  // --config=nocounters: what the counters cost
    if (tail - head_seen_ > high_water_.load(std::memory_order_relaxed)) [[unlikely]]
      RaiseHighWater(tail);
#endif
    Publish(tail_, tail);
  }
  // Not in line, where it would cost each send of one item.
  ABSL_ATTRIBUTE_NOINLINE void RaiseHighWater(uint64_t tail) {
    room();
    high_water_.store(std::max(high_water_.load(std::memory_order_relaxed), tail - head_seen_),
                      std::memory_order_relaxed);
  }

  // The receiving side: moves out what is there and wanted, at most this receiver's fair share. False: nothing was there.
  bool Hand(ReceiveRequest<T>& request) {
    const uint64_t next = next_.load(std::memory_order_relaxed);
    if (tail_seen_ - next < request.max) tail_seen_ = tail_.load(std::memory_order_acquire);
    const size_t n = std::min(request.max, share(tail_seen_ - next));
    if (n == 0) return false;
    if (n == 1) {
      ring_.MoveOut(next, request.into + request.got);
    } else {
      ring_.MoveOut(next, request.into + request.got, n);
    }
    request.position = next + passed_.load(std::memory_order_relaxed);
    request.got += n;
    if (request.lease) leased_ += n;
    next_.store(next + n, std::memory_order_relaxed);
    return true;
  }
  void PutBack(size_t taken, T* rest, size_t rest_count) {
    uint64_t next = next_.load(std::memory_order_relaxed) - rest_count;
    leased_ -= taken + rest_count;
    if (rest_count == 0) return;
    ring_.MoveIn(next, rest, rest_count);
    std::destroy_n(rest, rest_count);
    next_.store(next, std::memory_order_relaxed);
  }

  // --- With the lock. A WakeList declared before the Lock is flushed after the lock is released. ---

  Outcome PutLocked(SendRequest<T>& request, WakeList& wakes)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    if (run_cancelled()) return Outcome::kCancelled;
    if (closed_to(*request.sender)) return Outcome::kClosed;
    if (!senders_waiting_.empty()) return Outcome::kNone;
    if (request.room_only) return room() > 0 ? Outcome::kDone : Outcome::kNone;
    // Serving a receiver that does not lease makes room at once.
    do {
      Enter(request);
      ServeReceivers(wakes);
    } while (request.sent < request.count && room() > 0);
    return request.sent == request.count ? Outcome::kDone : Outcome::kNone;
  }

  Outcome TakeLocked(ReceiveRequest<T>& request, WakeList& wakes)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    if (run_cancelled()) return Outcome::kCancelled;
    if (Hand(request)) {
      if (!request.lease) {
        Publish(head_, next_.load(std::memory_order_relaxed) - leased_);
        AdmitSenders(wakes);
      }
      return Outcome::kDone;
    }
    return senders_ == 0 ? Outcome::kEnd : Outcome::kNone;
  }

  void ServeReceivers(WakeList& wakes) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    while (!receivers_waiting_.empty() && queued() > 0) {
      auto& request = static_cast<ReceiveRequest<T>&>(*receivers_waiting_.front());
      UnlinkReceiver(request);
      if (!request.waiter->Claim(Outcome::kDone, wakes)) continue;
      Hand(request);
      if (!request.lease) Publish(head_, next_.load(std::memory_order_relaxed) - leased_);
    }
  }

  void AdmitSenders(WakeList& wakes) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    while (!senders_waiting_.empty() && room() > 0) {
      auto& request = static_cast<SendRequest<T>&>(*senders_waiting_.front());
      // The last item goes in only with the claim: a send that timed out has not sent everything.
      if (request.count - request.sent <= room()) {
        UnlinkSender(request);
        if (request.waiter->Claim(Outcome::kDone, wakes)) Enter(request);
      } else {
        Enter(request);
      }
      ServeReceivers(wakes);  // serving one that does not lease makes room again
    }
  }
  void AdmitParked(WakeList& wakes) override ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    owes_ = false;
    AdmitSenders(wakes);
  }

  void DestroyQueued(uint64_t ChannelBase::*counter) override {
    constexpr size_t kAtOnce = std::max<size_t>(1, 512 / sizeof(T));
    alignas(T) unsigned char raw[kAtOnce * sizeof(T)];
    T* const items = reinterpret_cast<T*>(raw);
    for (bool more = true; more;) {
      size_t n = 0;
      {
        Lock lock(mutex_);
        n = std::min(kAtOnce, queued());
        more = n < queued();
        const uint64_t next = next_.load(std::memory_order_relaxed);
        ring_.MoveOut(next, items, n);
        next_.store(next + n, std::memory_order_relaxed);
        head_.store(head_.load(std::memory_order_relaxed) + n, std::memory_order_release);
        this->*counter += n;
      }
      std::destroy_n(items, n);
    }
  }

  Ring<T> ring_;
};

}  // namespace internal
}  // namespace weir
