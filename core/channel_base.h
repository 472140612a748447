// ChannelBase: what a channel is apart from the type of its items: its ledger, its ends, who waits at them, and how it is closed.
// Its contract and its invariants are told in channel.h.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <utility>

#include "absl/base/thread_annotations.h"
#include "weir/core/atomic.h"
#include "weir/core/block_pool.h"
#include "weir/core/mutex.h"
#include "weir/core/policy.h"
#include "weir/core/wait.h"

namespace weir {

// What became of a channel's items. Always: accepted = received + dropped + diverted + unread + discarded + queued.
struct Ledger {
  uint64_t accepted = 0;   // sends that returned OK, in items
  uint64_t received = 0;   // handed to a receiver
  uint64_t dropped = 0;    // by a policy (policy.h)
  uint64_t diverted = 0;   // by a policy, to another channel, where they were accepted too
  uint64_t unread = 0;     // left behind when the last receiver ended early
  uint64_t discarded = 0;  // left behind by a cancellation
  uint64_t queued = 0;     // in the channel now; 0 once a run is over
  uint64_t refused = 0;    // sends that did not return OK, in items; they stayed with their senders
  uint64_t high_water = 0;  // the most that was ever in the channel at once

  bool balanced() const {
    return accepted == received + dropped + diverted + unread + discarded + queued;
  }
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
  const SendPolicyBase* policy = nullptr;  // null: it blocks. Constant
  bool closed = false;                     // guarded by the channel's lock
};

struct SendRequestBase : WaitLink {
  const SendingEnd* sender = nullptr;  // whose send it is
  bool bounded = false;                // a timer or a Context may end the wait
  bool room_only = false;              // waits for room, and sends nothing yet
  bool refusable = true;               // what it does not send counts as refused
  size_t count = 0;
  size_t sent = 0;                  // guarded by the channel's lock while linked
  std::unique_ptr<size_t[]> bytes;  // of each item, where the channel's bytes are bounded
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
  ChannelBase(size_t capacity, const RunSignals& signals)
      : capacity_(capacity), signals_(signals) {}
  ChannelBase(const ChannelBase&) = delete;
  ChannelBase& operator=(const ChannelBase&) = delete;
  virtual ~ChannelBase() = default;

  size_t capacity() const { return capacity_; }
  // Which of its run's channels it is.
  size_t place() const { return place_; }

  // How a run uses a channel. `senders` are Outs, `receivers` Works.
  struct Ends {
    int senders = 1;
    int receivers = 1;
    bool single = false;      // one Work alone sends and one alone receives
    bool overwrites = false;  // one of the senders drops the oldest item to make room
    size_t place = 0;
  };
  // Before the run begins.
  void SetEnds(const Ends& ends) {
    Lock lock(mutex_);
    senders_ = ends.senders;
    receivers_ = ends.receivers;
    receiving_works_ = static_cast<uint32_t>(ends.receivers);
    overwrites_ = ends.overwrites;
    place_ = ends.place;
    single_ = ends.single && !overwrites_ && may_be_single();
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
  // `count` items stayed with the sender: the receiving stage has failed on one before them, or its policy did not get rid of them.
  void Refuse(size_t count);
  // `count` items that a sender of this channel had were accepted by another.
  void Divert(size_t count);

  // For who does not know the items' type (policy.cc): Put and ParkSend of channel.h.
  virtual Outcome PutAny(SendRequestBase& request) = 0;
  virtual Outcome ParkSendAny(SendRequestBase& request) = 0;
  // The channel is full and the request's sender waits no longer: it fails, or drops, by its policy. kDone: all was sent, or dropped.
  // Else kExhausted, kCancelled, kClosed. Calls the user's callback with what was dropped.
  virtual Outcome Overflow(SendRequestBase& request) = 0;
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
    owes_ = false;
    WakeList wakes;
    Lock lock(mutex_);
    AdmitSenders(wakes);
  }
  // At the deadline of a parked send, before it is timed out: room of which its receiver has not told yet is looked for once more.
  void AdmitAtDeadline(WakeList& wakes) {
    Lock lock(mutex_);
    AdmitSenders(wakes);
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
  // Gives the parked senders the room that there is.
  virtual void AdmitSenders(WakeList& wakes) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) = 0;
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
  const size_t capacity_;
  const RunSignals& signals_;
  uint32_t receiving_works_ = 1;  // as the run began: among how many a batch is shared
  bool single_ = false;
  // A batch does not hold its items' room, or the newest might find none. What it gives back may make the channel hold more than its
  // capacity for a while, by a batch.
  bool overwrites_ = false;
  size_t place_ = 0;

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
  uint64_t dropped_newest_ ABSL_GUARDED_BY(mutex_) = 0;  // they never had a position
  uint64_t dropped_oldest_ ABSL_GUARDED_BY(mutex_) = 0;
  uint64_t diverted_ ABSL_GUARDED_BY(mutex_) = 0;
  uint64_t unread_ ABSL_GUARDED_BY(mutex_) = 0;
  uint64_t discarded_ ABSL_GUARDED_BY(mutex_) = 0;
  uint64_t refused_ ABSL_GUARDED_BY(mutex_) = 0;
};

}  // namespace internal
}  // namespace weir
