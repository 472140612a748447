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
#include <functional>
#include <memory>
#include <new>
#include <type_traits>
#include <utility>

#include "absl/base/attributes.h"
#include "absl/base/thread_annotations.h"
#include "weir/core/channel_base.h"
#include "weir/core/ring.h"
#include "weir/core/wait.h"

namespace weir::internal {

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

// How much memory an item takes, where a channel's bytes are bounded and its In does not say (In::MeasureBy): its own size, and
// that of the elements of a container such as a string or a vector.
template <class T>
size_t BytesOf(const T& item) {
  if constexpr (requires { sizeof(*item.data()) * item.size(); }) {
    return sizeof(T) + sizeof(*item.data()) * item.size();
  } else {
    return sizeof(T);
  }
}

template <class T>
class Channel final : public ChannelBase {
 public:
  using ChannelBase::ChannelBase;

  // Before the run begins: the channel holds at most so many bytes too, or one item that is larger.
  void BoundBytes(size_t most, std::function<size_t(const T&)> bytes_of) {
    bytes_ = std::make_unique<Bytes>();
    bytes_->most = most;
    bytes_->of = std::move(bytes_of);
  }
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
      Measure(request);
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
    Measure(request);
    WakeList wakes;
    Lock lock(mutex_);
    Outcome outcome = PutLocked(request, wakes);
    if (outcome != Outcome::kNone) return outcome;
    LinkSender(request);
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
    if (settled > 0 && !overwrites_) {
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

  // For a wait on several channels, which another of them may have ended already: ParkSend and ParkReceive, but that nothing is moved
  // before the wait is claimed through this link (`won`). False: it is decided, by this channel or another.
  bool SelectSend(SendRequest<T>& request) {
    Measure(request);
    WakeList wakes;
    Lock lock(mutex_);
    Outcome outcome = run_cancelled()                                    ? Outcome::kCancelled
                      : closed_to(*request.sender)                       ? Outcome::kClosed
                      : senders_waiting_.empty() && Fitting(request) > 0 ? Outcome::kDone
                                                                         : Outcome::kNone;
    if (outcome == Outcome::kNone) {
      LinkSender(request);
      if (!single_ || Fitting(request) == 0) return true;
      UnlinkSender(request);  // the receiver made room before it could see the gate
      outcome = Outcome::kDone;
    }
    if (request.Claim(outcome, wakes) && outcome == Outcome::kDone) {
      Enter(request);
      ServeReceivers(wakes);
    }
    return false;
  }
  bool SelectReceive(ReceiveRequest<T>& request) {
    WakeList wakes;
    Lock lock(mutex_);
    Outcome outcome = run_cancelled() ? Outcome::kCancelled
                      : queued() > 0  ? Outcome::kDone
                      : senders_ == 0 ? Outcome::kEnd
                                      : Outcome::kNone;
    if (outcome == Outcome::kNone) {
      Link(receivers_waiting_, request, kReceiverParked);
      if (!single_ || queued() == 0) return true;
      UnlinkReceiver(request);  // the sender sent before it could see the gate
      outcome = Outcome::kDone;
    }
    if (request.Claim(outcome, wakes) && outcome == Outcome::kDone) TakeLocked(request, wakes);
    return false;
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

  Outcome PutAny(SendRequestBase& request) override {
    return Put(static_cast<SendRequest<T>&>(request));
  }
  Outcome ParkSendAny(SendRequestBase& request) override {
    return ParkSend(static_cast<SendRequest<T>&>(request));
  }
  Outcome Overflow(SendRequestBase& base) override {
    auto& request = static_cast<SendRequest<T>&>(base);
    const auto& policy = static_cast<const SendPolicy<T>&>(*request.sender->policy);
    if (policy.when_full == WhenFull::kDropOldest) return Overwrite(request, policy);
    Measure(request);
    {
      WakeList wakes;
      Lock lock(mutex_);
      const Outcome outcome = PutLocked(request, wakes);  // room may have come
      if (outcome != Outcome::kNone) return outcome;
      if (policy.when_full != WhenFull::kDropNewest) return Outcome::kExhausted;
      dropped_newest_ += request.count - request.sent;
    }
    const size_t sent = std::exchange(request.sent, request.count);
    Drop(request.items + sent, request.count - sent, policy);
    return Outcome::kDone;
  }

 private:
  // A single channel has all its slots from the first item on; a larger one grows as it is used, under its lock.
  bool may_be_single() const override {
    return bytes_ == nullptr && capacity_ <= (size_t{1} << 20) / sizeof(T);
  }

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
    owes_ = false;
    WakeList wakes;
    Lock lock(mutex_);
    AdmitSenders(wakes);
  }

  // --- With the lock, or by the Work at the one end of a single channel that has nobody parked at the other ---

  // The sending side: moves in what there is room for.
  size_t room() {
    head_seen_ = head_.load(single_ ? std::memory_order_seq_cst : std::memory_order_relaxed);
    return free_slots(tail_.load(std::memory_order_relaxed));
  }
  size_t free_slots(uint64_t tail) const {
    const size_t used = tail - head_seen_;
    return used < capacity_ ? capacity_ - used : 0;
  }
  // How many of the request's items that are not sent yet there is room for.
  size_t Fitting(const SendRequest<T>& request) {
    const uint64_t tail = tail_.load(std::memory_order_relaxed);
    const size_t wanted = request.count - request.sent;
    size_t free = free_slots(tail);
    if (free < wanted) free = room();
    const size_t n = std::min(free, wanted);
    if (single_ || bytes_ == nullptr) return n;
    return bytes_->Fitting(request, n, head_.load(std::memory_order_relaxed), tail);
  }
  void Enter(SendRequest<T>& request) {
    const uint64_t tail = tail_.load(std::memory_order_relaxed);
    const size_t n = Fitting(request);
    if (n == 0) return;
    if (!single_) {
      ring_.Reserve(std::max<size_t>(tail + n - head_seen_, overwrites_ ? slots_wanted() : 0),
                    next_.load(std::memory_order_relaxed), tail);
      if (bytes_ != nullptr) bytes_->Enter(request, n, tail);
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
    if (request.lease && !overwrites_) leased_ += n;
    next_.store(next + n, std::memory_order_relaxed);
    return true;
  }
  void PutBack(size_t taken, T* rest, size_t rest_count) {
    uint64_t next = next_.load(std::memory_order_relaxed) - rest_count;
    if (!overwrites_) leased_ -= taken + rest_count;
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
    } while (request.sent < request.count && Fitting(request) > 0);
    return request.sent == request.count ? Outcome::kDone : Outcome::kNone;
  }

  void LinkSender(SendRequest<T>& request) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    // Whoever makes room moves the items in, on its own thread, and must not fail at it.
    ring_.Reserve(slots_wanted(), next_.load(std::memory_order_relaxed),
                  tail_.load(std::memory_order_relaxed));
    if (bytes_ != nullptr) bytes_->Reserve(capacity_, tail_.load(std::memory_order_relaxed));
    admit_at_.store(request.bounded || !single_
                        ? 1
                        : static_cast<uint32_t>(std::clamp<size_t>(admit_room(), 1, UINT32_MAX)),
                    std::memory_order_relaxed);
    Link(senders_waiting_, request, kSenderParked);
  }

  Outcome TakeLocked(ReceiveRequest<T>& request, WakeList& wakes)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    if (run_cancelled()) return Outcome::kCancelled;
    if (Hand(request)) {
      if (!request.lease || overwrites_) {
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
      if (!request.Claim(Outcome::kDone, wakes)) continue;
      Hand(request);
      if (!request.lease || overwrites_)
        Publish(head_, next_.load(std::memory_order_relaxed) - leased_);
    }
  }

  void AdmitSenders(WakeList& wakes) override ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    while (!senders_waiting_.empty() && room() > 0) {
      auto& request = static_cast<SendRequest<T>&>(*senders_waiting_.front());
      // The last item goes in only with the claim: a send that timed out has not sent everything.
      const size_t fitting = Fitting(request);
      if (request.count - request.sent == fitting) {
        UnlinkSender(request);
        if (request.Claim(Outcome::kDone, wakes)) Enter(request);
      } else if (fitting > 0) {
        Enter(request);
      } else {
        return;  // of bytes there are too few
      }
      ServeReceivers(wakes);  // serving one that does not lease makes room again
    }
  }

  // --- By a policy ---

  static void Drop(T* items, size_t count, const SendPolicy<T>& policy) {
    for (size_t i = 0; i < count; ++i) {
      T dropped(std::move(items[i]));
      if (policy.on_dropped) policy.on_dropped(std::move(dropped));
    }
  }
  // Sends everything, and drops what is queued for it, the oldest first, a few at a time.
  Outcome Overwrite(SendRequest<T>& request, const SendPolicy<T>& policy) {
    struct Evicted {
      ~Evicted() { std::destroy_n(items(), count); }
      T* items() { return std::launder(reinterpret_cast<T*>(raw)); }
      alignas(T) unsigned char raw[kAtOnce * sizeof(T)];
      size_t count = 0;
    };
    Measure(request);
    while (request.sent < request.count) {
      Evicted evicted;
      {
        WakeList wakes;
        Lock lock(mutex_);
        if (run_cancelled()) return Outcome::kCancelled;
        if (closed_to(*request.sender)) return Outcome::kClosed;
        Enter(request);
        ServeReceivers(wakes);
        const size_t rest = request.count - request.sent;
        // Of bytes it is not known how many make enough.
        evicted.count = std::min({bytes_ == nullptr ? rest : size_t{rest > 0}, kAtOnce, queued()});
        const uint64_t next = next_.load(std::memory_order_relaxed);
        ring_.MoveOut(next, evicted.items(), evicted.count);
        next_.store(next + evicted.count, std::memory_order_relaxed);
        tail_seen_ =
            tail_.load(std::memory_order_relaxed);  // the receiver's is not to lie behind next_
        Publish(head_, next + evicted.count);
        dropped_oldest_ += evicted.count;
        Enter(request);
      }
      Drop(evicted.items(), evicted.count, policy);
    }
    return Outcome::kDone;
  }
  // How much room a sender that alone sends waits for, the low watermark: half of it, or of a large channel more, but so that the
  // receiver has something to do until the sender has come.
  size_t admit_room() const {
    constexpr size_t kLeftOver = 256;
    return std::max(capacity_ / 2, capacity_ - std::min(capacity_, kLeftOver));
  }
  // How many slots there may be items for.
  size_t slots_wanted() const { return overwrites_ ? 2 * capacity_ : capacity_; }

  // --- Bytes, where they are bounded ---

  struct Bytes {
    size_t most = 0;
    std::function<size_t(const T&)> of;
    // Of the items from `first` on, which may have left meanwhile.
    Ring<size_t> sizes;
    uint64_t first = 0;
    size_t used = 0;

    size_t Fitting(const SendRequest<T>& request, size_t n, uint64_t head, uint64_t tail) {
      for (; first < head; ++first) used -= sizes[first];
      size_t would_use = used;
      for (size_t i = 0; i < n; ++i) {
        const size_t size = request.bytes[request.sent + i];
        const bool alone = tail == head && i == 0;
        if (!alone && (size > most || would_use > most - size)) return i;
        would_use += size;
      }
      return n;
    }
    void Reserve(size_t count, uint64_t tail) { sizes.Reserve(count, first, tail); }
    void Enter(const SendRequest<T>& request, size_t n, uint64_t tail) {
      Reserve(tail + n - first, tail);
      for (size_t i = 0; i < n; ++i) {
        sizes[tail + i] = request.bytes[request.sent + i];
        used += sizes[tail + i];
      }
    }
  };
  // The user's function is asked outside of the lock.
  void Measure(SendRequest<T>& request) {
    if (bytes_ == nullptr || request.bytes != nullptr || request.count == 0) return;
    request.bytes = std::make_unique<size_t[]>(request.count);
    for (size_t i = request.sent; i < request.count; ++i)
      request.bytes[i] = bytes_->of(request.items[i]);
  }

  static constexpr size_t kAtOnce = std::max<size_t>(1, 512 / sizeof(T));

  void DestroyQueued(uint64_t ChannelBase::*counter) override {
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
  std::unique_ptr<Bytes> bytes_;  // null: unbounded
};

}  // namespace weir::internal
