// Channel: the bounded first-in-first-out channel that feeds one In<T>. Users meet it through `Graph::Connect` and its
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
// the two sees the other. In tests/interleaving all their interleavings are run. A sender that finds the receiver parked gives it
// its items directly (`HandOver`). A parked sender of a single channel is served once half of the room is free, or when the
// receiver is about to wait for something (`ParkReceive`, `AdmitOwed`): not for each item.
// So a receiver that takes items one by one need not be seen at once: it publishes in that order with each eighth item
// (`check_every_`), and before it waits. A sender that parks in between misses less than half of the room. One with a
// deadline, which is served with the first slot, may get it that much later; at its deadline it looks again, and sees all.
//
// In any other channel one lock guards everything.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <utility>

#include "absl/base/attributes.h"
#include "absl/base/thread_annotations.h"
#include "weir/core/atomic.h"
#include "weir/core/block_pool.h"
#include "weir/core/item_buffer.h"
#include "weir/core/item_type.h"
#include "weir/core/mutex.h"
#include "weir/core/policy.h"
#include "weir/core/ring.h"
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
  const SendPolicy* policy = nullptr;  // null: it blocks. Constant
  bool closed = false;                 // guarded by the channel's lock
  // Where several Outs share the channel: the virtual time at which its next item is due. Guarded by the channel's lock.
  mutable uint64_t due = 0;
};

struct SendRequest : WaitLink {
  const SendingEnd* sender = nullptr;  // whose send it is
  bool bounded = false;                // a timer, a Context or another case may end the wait
  bool room_only = false;              // waits for room, and sends nothing yet
  bool refusable = true;               // what it does not send counts as refused
  void* items = nullptr;  // `count` of the channel's type; the first `sent` have been moved from
  size_t count = 0;
  ItemBuffer* buffer = nullptr;     // what holds the items, and no others: it may be exchanged
  size_t sent = 0;                  // guarded by the channel's lock while linked
  std::unique_ptr<size_t[]> bytes;  // of each item, where the channel's bytes are bounded
};

struct ReceiveRequest : WaitLink {
  void* into =
      nullptr;  // raw room for `max` items of the channel's type; the first `got` are constructed
  size_t max = 1;
  ItemBuffer* buffer = nullptr;  // where `into` is, empty: it may be exchanged
  size_t got = 0;                // guarded by the channel's lock while linked
  bool bounded = false;          // a timer, a Context or another case may end the wait
  bool lease = false;            // what is got still counts as in the channel, until settled
  uint64_t position = 0;  // of the first item got, among all that the channel's receivers got
};

// The rest of a batch that its receiver has given back, so that others may take it.
struct ReturnedBatch : Pooled {
  explicit ReturnedBatch(const ItemType& type) : items(type) {}

  ItemBuffer items;  // of which those before `next` have been moved from
  size_t next = 0;
  uint64_t position = 0;  // of that one, as in ReceiveRequest
  std::unique_ptr<ReturnedBatch> after;
};

class Channel final : public Pooled {
 public:
  Channel(const ItemType& type, size_t capacity, const RunSignals& signals);
  Channel(const Channel&) = delete;
  Channel& operator=(const Channel&) = delete;
  ~Channel();

  const ItemType& type() const { return ring_.type(); }
  size_t capacity() const { return capacity_; }
  // The most that one lease takes: a buffer is reserved for it, so it is bounded where the capacity is large.
  size_t most_leased() const { return most_leased_; }
  // Which of its run's channels it is.
  size_t place() const { return place_; }

  // --- Before the run begins ---

  // How many bytes an item takes.
  using BytesOfItem = std::function<size_t(const void* item)>;
  // The channel holds at most so many bytes too, or one item that is larger.
  void BoundBytes(size_t most, BytesOfItem bytes_of);
  // How a run uses a channel. `senders` are Outs, `receivers` Works.
  struct Ends {
    int senders = 1;
    int receivers = 1;
    bool single = false;      // one Work alone sends and one alone receives
    bool overwrites = false;  // one of the senders drops the oldest item to make room
    size_t place = 0;
  };
  void SetEnds(const Ends& ends);

  // --- Sending ---

  // The short way into a single channel: one item, sent at once. False: it takes more, ask Put. `T` is the channel's type.
  template <class T>
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
  // kDone: all sent. kNone: no room for the rest. Else kCancelled, kClosed.
  Outcome Put(SendRequest& request);
  // The same; what does not fit is linked, with kNone: then a wait that is `alone` has been published.
  Outcome ParkSend(SendRequest& request);
  // For a wait on several channels, which another of them may have ended already: ParkSend, but that nothing is moved before the
  // wait is claimed through this link (`won`). False: it is decided, by this channel or another.
  bool SelectSend(SendRequest& request);
  void UnlinkSend(SendRequest& request);
  // The channel is full and the request's sender waits no longer: it fails, or drops, by its policy. kDone: all was sent, or dropped.
  // Else kExhausted, kCancelled, kClosed. Calls the user's callback with what was dropped.
  Outcome Overflow(SendRequest& request);
  // By a sending Work: how much room it could know of without the lock. It may have grown since.
  size_t RoomSeen() const {
    const uint64_t used =
        tail_.load(std::memory_order_relaxed) - head_.load(std::memory_order_relaxed);
    return used < capacity_ ? capacity_ - used : 0;
  }
  // At the deadline of a parked send, before it is timed out: room of which its receiver has not told yet is looked for once more.
  void AdmitAtDeadline(WakeList& wakes);
  // `count` items have gone from the sending to the receiving stage without passing through here, because the one runs the
  // other's body (OutBase::fused). Returns the place of the first in the channel's history. By the sending Works.
  uint64_t Pass(size_t count) { return passed_.fetch_add(count, std::memory_order_relaxed); }
  // `count` items stayed with the sender: the receiving stage has failed on one before them, or its policy did not get rid of them.
  void Refuse(size_t count);
  // `count` items that a sender of this channel had were accepted by another.
  void Divert(size_t count);

  // --- Receiving ---

  // The short way out of a single channel, into raw room.
  template <class T>
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
  // kDone: got at least one. kNone: nothing there. Else kCancelled, kEnd. `settled` items of an earlier lease have been
  // taken since.
  Outcome Take(ReceiveRequest& request, size_t settled = 0);
  // The same; it is linked where nothing is there, with kNone, and published as by ParkSend.
  Outcome ParkReceive(ReceiveRequest& request);
  // As SelectSend.
  bool SelectReceive(ReceiveRequest& request);
  void UnlinkReceive(ReceiveRequest& request);
  // `taken` leased items have been taken, and the `rest` go back to the front in their order.
  void Settle(size_t taken, void* rest, size_t rest_count);
  // As Settle, but that the rest keeps its positions: for workers that keep an order, of a channel that takes batches back.
  void Return(size_t taken, std::unique_ptr<ReturnedBatch> rest);
  bool takes_batches_back() const { return !single_ && !overwrites_; }
  // By the single receiver, before it waits for something: the parked sender gets the room that there is, be it little.
  void AdmitOwed() {
    if (unchecked_ > 0) {
      PublishHead(head_.load(std::memory_order_relaxed));
      owes_ = (gate() & kSenderParked) != 0;
    }
    if (owes_) AdmitWhatIsOwed();
  }

  // --- The ends, and the run ---

  // A sender will not send any more: the last Work of its stage has ended, or it feeds back into a loop that is quiet. After
  // the last of them, receivers take what is queued and see the end. The sender's sends are refused from then on. Idempotent.
  void CloseSender(SendingEnd& sender, WakeList& wakes);
  // One Work of the receiving stage has ended. After the last, senders see kClosed and what is
  // queued is unread. True if it was the last, of a run that goes on, and there are senders who
  // could learn of it.
  bool CloseReceiver();
  // Receivers see the end once nothing is queued, though there are senders: nobody wants what they
  // would make of more. Idempotent.
  void EndInput();
  // Claims every waiter; the signal `cancelled` is set already. What is queued stays until Discard.
  void Cancel();
  // Claims the parked senders that are sources; the signal `draining` is set already.
  void Drain();
  // The run's last step, when nobody moves items any more. Destroys what is queued, first to last, on this thread; false if
  // there is nothing.
  bool Discard();

  // True if a sender must not send any more, because nobody receives, because sources are to stop, or because it is closed.
  bool closed_to_sender(const SendingEnd& sender) const;
  bool run_cancelled() const { return signals_.cancelled.load(std::memory_order_acquire); }
  // By the receiving Work of that index, after a receive that a time or a Context might have ended: whether it has is kept until
  // the Work's next receive of the kind.
  void NoteBounded(int worker, Outcome outcome) {
    const uint64_t bit = uint64_t{1} << std::min(worker, 63);
    const bool was = (cut_off_.load(std::memory_order_relaxed) & bit) != 0;
    const bool is = outcome == Outcome::kTimedOut || outcome == Outcome::kCancelled;
    if (is && !was) cut_off_.fetch_or(bit, std::memory_order_relaxed);
    if (was && !is) cut_off_.fetch_and(~bit, std::memory_order_relaxed);
  }
  // True if the last such receive of a Work was cut off, and there may be more to receive.
  bool cut_off() const {
    if (cut_off_.load(std::memory_order_relaxed) == 0) return false;
    Lock lock(mutex_);
    return senders_ > 0 || available();
  }
  Ledger ledger() const;

  // For the question whether a loop is quiet, with the lock held from `Lock` to `Unlock`, over all channels of the loop; none
  // of them is single.
  void LockForLoop() const ABSL_NO_THREAD_SAFETY_ANALYSIS { mutex_.lock(); }
  void UnlockForLoop() const ABSL_NO_THREAD_SAFETY_ANALYSIS { mutex_.unlock(); }
  // How many receivers wait for an item and nothing else; -1 if there is an item.
  int WaitingForItemsOnly() const ABSL_NO_THREAD_SAFETY_ANALYSIS;

 private:
  using Lock = MutexLock<SpinMutex>;
  struct Bytes;

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

  // What takes more than so many bytes is not reserved before it is used.
  static constexpr size_t kLargeBytes = size_t{1} << 20;

  // A single channel has all its slots from the first item on; a larger one grows as it is used, under its lock.
  bool may_be_single() const { return bytes_ == nullptr && capacity_ <= kLargeBytes / type().size; }
  bool closed_to(const SendingEnd& sender) const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    return receivers_ == 0 || sender.closed ||
           (sender.from_source && signals_.draining.load(std::memory_order_acquire));
  }
  // How many of `queued` items one receiver takes at the most: an equal part among the receiving Works, but not less than half of
  // what that is in a full channel. Small batches cost more than they share.
  size_t share(size_t queued) const {
    if (receiving_works_ <= 1) return queued;
    const size_t least = capacity_ / (2 * receiving_works_);
    const size_t equal = (queued + receiving_works_ - 1) / receiving_works_;
    return std::min(queued, std::max(least, equal));
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
  // What has been handed out and is not leased has left.
  void PublishHandedOut() {
    Publish(head_, next_.load(std::memory_order_relaxed) - (overwrites_ ? 0 : leased_));
  }
  uint32_t gate() const { return gate_.load(std::memory_order_seq_cst); }
  void Link(WaitList& list, WaitLink& link, uint32_t bit) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void Unlink(WaitList& list, WaitLink& link, uint32_t bit) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void UnlinkSender(WaitLink& link) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    const auto& request = static_cast<const SendRequest&>(link);
    if (!single_ && link.linked()) parked_items_ -= request.count - request.sent;
    Unlink(senders_waiting_, link, kSenderParked);
  }
  void UnlinkReceiver(WaitLink& link) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    Unlink(receivers_waiting_, link, kReceiverParked);
  }

  // --- Without the lock, by the Work at the one end of a single channel ---

  // Gives a parked receiver what it wants.
  ABSL_ATTRIBUTE_ALWAYS_INLINE inline void HandOver(SendRequest& request);
  // The receiver was parked, or is gone, when items were sent.
  void Attend();
  // Items have left: who waits for room gets it once there is enough of it.
  void Free();
  // Whether the parked sender would be woken for the room that there is with `head`.
  bool WorthAdmitting(uint64_t head) const {
    return capacity_ - (tail_.load(std::memory_order_relaxed) - head) >=
           admit_at_.load(std::memory_order_relaxed);
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
  void FreedFor(uint64_t head);
  void AdmitWhatIsOwed();

  // --- With the lock, or by the Work at the one end of a single channel that has nobody parked at the other ---

  // The sending side: moves in what there is room for.
  size_t room() {
    const uint64_t head =
        head_.load(single_ ? std::memory_order_seq_cst : std::memory_order_relaxed);
    // A single channel looks full to PutOne until it has slots.
    if (!single_ || ring_.slots() > 0) head_seen_ = head;
    return free_slots(tail_.load(std::memory_order_relaxed), head);
  }
  size_t free_slots(uint64_t tail, uint64_t head) const {
    const size_t used = tail - head;
    return used < capacity_ ? capacity_ - used : 0;
  }
  // How many of the request's items that are not sent yet there is room for.
  size_t Fitting(const SendRequest& request);
  // Moves in `n` of them, so many as Fitting has found.
  void Enter(SendRequest& request, size_t n);
  // Items have come, up to `tail`.
  void Advance(uint64_t tail) {
#ifndef WEIR_NO_COUNTERS  // --config=nocounters: what the counters cost
    if (tail - head_seen_ > high_water_.load(std::memory_order_relaxed)) [[unlikely]]
      RaiseHighWater(tail);
#endif
    Publish(tail_, tail);
  }
  void RaiseHighWater(uint64_t tail);
  // The receiving side: moves out what is there and wanted, at most this receiver's fair share. False: nothing was there.
  bool Hand(ReceiveRequest& request);
  void PutBack(size_t taken, void* rest, size_t rest_count);

  // Whether a receiver would be given something.
  bool available() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    return returned_ != nullptr || queued() > 0;
  }
  // As Hand, but that batches which were given back come first.
  bool HandLocked(ReceiveRequest& request) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    return returned_ == nullptr ? Hand(request) : HandReturned(request);
  }
  bool HandReturned(ReceiveRequest& request) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  // --- With the lock. A WakeList declared before the Lock is flushed after the lock is released. ---

  Outcome PutLocked(SendRequest& request, WakeList& wakes) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  // Whether nothing will come beside what is queued.
  bool at_end() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    return senders_ == 0 || receivers_ == 0 || input_ended_;
  }
  Outcome TakeLocked(ReceiveRequest& request, WakeList& wakes)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void LinkSender(SendRequest& request) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  // Where several Outs share the channel, they share its room: a parked sender stands before those of other Outs that have had
  // more of it lately. Virtual time as in start-time fair queueing (Goyal, Vin, Cheng, 1996): an Out's items are due one after the
  // other, none before the last that has entered was; so one that was silent for long has nothing to catch up on.
  uint64_t DueTime(const SendRequest& request) const {
    return std::max(request.sender->due, virtual_time_);
  }
  void ServeReceivers(WakeList& wakes) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  // Tells the parked receivers that nothing will come.
  void EndReceives(WakeList& wakes) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void EndSends(Outcome outcome, WakeList& wakes) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  // Gives the parked senders the room that there is.
  void AdmitSenders(WakeList& wakes) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  // A parked sender has left without sending everything. Where bytes are bounded, those that wait behind it may fit where it did
  // not; otherwise there is no room for anybody.
  void AdmitNext(WakeList& wakes) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    if (bytes_ != nullptr) AdmitSenders(wakes);
  }

  // How much room a sender that alone sends waits for, the low watermark: half of it, or of a large channel more, but so that the
  // receiver has something to do until the sender has come.
  uint32_t admit_room() const {
    const size_t left_over = std::min<size_t>(capacity_ - capacity_ / 2, 256);
    return static_cast<uint32_t>(std::clamp<size_t>(capacity_ - left_over, 1, UINT32_MAX));
  }
  // Slots for what is in the channel or may come back from a lease, for `more` items that are about to enter, and for what the
  // parked senders hold: the receiver that makes room for them moves their items in, on its own thread, and must not fail at
  // it. So many slots are in use, or will be: the capacity is only a bound, and may be as large as a size_t. (A single channel has
  // all its slots from the first item on.)
  void ReserveSlots(size_t more);

  // --- Around the lock ---

  // Where the channel's bytes are bounded: the user's function is asked outside of the lock.
  void Measure(SendRequest& request);
  // Sends everything, and drops what is queued for it, the oldest first, a few at a time.
  Outcome Overwrite(SendRequest& request, const SendPolicy& policy);
  void Drop(void* items, size_t count, const SendPolicy& policy);
  // Takes the lock for a few items at a time, and destroys them outside.
  void DestroyQueued(uint64_t Channel::* counter);
  void DestroyReturned(uint64_t Channel::* counter);

  // A line each: what all read, the sending side's, the receiving side's, and both sides'. Thousands of channels at once are not
  // unusual: a line more would tell.
  Ring ring_;
  const size_t capacity_;
  const RunSignals& signals_;
  std::unique_ptr<Bytes> bytes_;  // null: unbounded
  uint32_t place_ = 0;
  const uint32_t most_leased_;
  uint32_t receiving_works_ = 1;  // as the run began: among how many a batch is shared
  bool single_ = false;
  // A batch does not hold its items' room, or the newest might find none. What is given back may make the channel hold more than its
  // capacity, until the next send drops it.
  bool overwrites_ = false;
  bool shared_ = false;  // by several Outs. Constant while a run lasts

  // The sending side's.
  alignas(kCacheLine) Atomic<uint64_t> tail_{0};  // so many items have entered
  uint64_t head_seen_ = 0;
  Atomic<uint64_t> high_water_{0};  // read by ledgers

  // The receiving side's. So many have left for good: next_ less those that are leased.
  alignas(kCacheLine) Atomic<uint64_t> head_{0};
  Atomic<uint64_t> next_{0};  // the position of the first that is queued
  uint64_t tail_seen_ = 0;
  size_t leased_ = 0;
  // Changes only while the channel is empty and its receivers sleep. It orders nothing.
  Atomic<uint64_t> passed_{0};
  uint32_t unchecked_ = 0;       // so many have left since head_ was last published in that order
  uint32_t check_every_ = 1;     // constant while a run lasts
  bool owes_ = false;            // the parked sender could have had room
  uint64_t dropped_oldest_ = 0;  // they had a position, and nobody received it. Guarded by the lock

  // Both sides'.
  alignas(kCacheLine) Atomic<uint32_t> gate_{0};
  Atomic<uint32_t> admit_at_{1};  // so much room is worth waking the parked sender for

  Atomic<uint64_t> cut_off_{0};  // a bit for each receiving Work; it orders nothing

  mutable SpinMutex mutex_;
  WaitList senders_waiting_ ABSL_GUARDED_BY(mutex_);
  WaitList receivers_waiting_ ABSL_GUARDED_BY(mutex_);
  uint64_t virtual_time_ = 0;  // when the last item that has entered was due, where Outs share. Guarded by the lock
  size_t parked_items_ =
      0;  // what the linked senders have not sent; not kept for a single channel. Guarded by the lock
  // In the order of their positions. They count as leased: they have been handed out and have not left.
  std::unique_ptr<ReturnedBatch> returned_ ABSL_GUARDED_BY(mutex_);
  bool input_ended_ ABSL_GUARDED_BY(mutex_) = false;  // by EndInput
  int senders_ ABSL_GUARDED_BY(mutex_) = 0;
  int receivers_ ABSL_GUARDED_BY(mutex_) = 0;
  uint64_t dropped_newest_ ABSL_GUARDED_BY(mutex_) = 0;  // they never had a position
  uint64_t diverted_ ABSL_GUARDED_BY(mutex_) = 0;
  uint64_t unread_ ABSL_GUARDED_BY(mutex_) = 0;
  uint64_t discarded_ ABSL_GUARDED_BY(mutex_) = 0;
  uint64_t refused_ ABSL_GUARDED_BY(mutex_) = 0;
};

}  // namespace internal
}  // namespace weir
