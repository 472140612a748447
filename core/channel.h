// Channel<T>: the bounded first-in-first-out channel that feeds one In<T>. Users meet it through `Graph::Connect` and its
// options; stages meet it through their ports. Its whole contract is four operations, so that its inside can change:
//
//   Put(request)     moves items in, as many as there is room for
//   Take(request)    moves items out, as many as are wanted and there
//   Park*(request)   the same with a last look, and links the request if it must wait
//   Unlink*(request) takes the request out again, whatever became of it
//
// Invariants, all under the one lock:
//   - queued + leased <= capacity. Leased items were handed out in a batch and not taken from it yet.
//   - A parked receiver means that nothing is queued; a parked sender means that there is no room. Whoever changes that
//     serves the parked ones on the spot, first come first served: it claims the waiter and then moves the items. So a
//     woken Work never has to look again, and an outcome is never revised.
//   - Positions count for ever: `accepted` items have entered, `taken` have left to receivers. The ledger comes from them.
//   - Items are moved under the lock and destroyed outside of it. Wake-ups happen outside of it.
#pragma once

#include <algorithm>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <type_traits>
#include <utility>

#include "absl/base/thread_annotations.h"
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
  std::atomic<bool> cancelled{false};
  std::atomic<bool> draining{false};
};

// One of the channel's senders: an Out, while a run lasts.
struct SendingEnd {
  bool from_source = false;  // its stage has no input: refused while the run drains. Constant
  bool closed = false;       // guarded by the channel's lock
};

struct SendRequestBase : WaitLink {
  const SendingEnd* sender = nullptr;  // whose send it is
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

class ChannelBase {
 public:
  ChannelBase(std::string name, size_t capacity, const RunSignals& signals)
      : name_(std::move(name)), capacity_(capacity), signals_(signals) {}
  ChannelBase(const ChannelBase&) = delete;
  ChannelBase& operator=(const ChannelBase&) = delete;
  virtual ~ChannelBase() = default;

  const std::string& name() const { return name_; }
  size_t capacity() const { return capacity_; }

  // Before the run begins.
  void SetEnds(int senders, int receivers) {
    Lock lock(mutex_);
    senders_ = senders;
    receivers_ = receivers;
    receiving_works_ = receivers;
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
  // Destroys what is queued, first to last, on this thread. The run's last step.
  virtual void Discard() = 0;

  // True if a sender must not send any more, because nobody receives, because sources are to stop, or because it is closed.
  bool closed_to_sender(const SendingEnd& sender) const;
  bool run_cancelled() const { return signals_.cancelled.load(std::memory_order_acquire); }
  Ledger ledger() const;

  // For the question whether a loop is quiet, with the lock held from `Lock` to `Unlock`, over all channels of the loop.
  void LockForLoop() const ABSL_NO_THREAD_SAFETY_ANALYSIS { mutex_.lock(); }
  void UnlockForLoop() const ABSL_NO_THREAD_SAFETY_ANALYSIS { mutex_.unlock(); }
  // How many receivers wait for an item and nothing else; -1 if there is an item.
  int WaitingForItemsOnly() const ABSL_NO_THREAD_SAFETY_ANALYSIS;

  void UnlinkSend(SendRequestBase& request);
  void UnlinkReceive(ReceiveRequestBase& request);

 protected:
  using Lock = MutexLock;

  // With the lock held.
  bool closed_to(const SendingEnd& sender) const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    return receivers_ == 0 || sender.closed ||
           (sender.from_source && signals_.draining.load(std::memory_order_acquire));
  }
  size_t share(size_t queued) const {
    return receiving_works_ <= 1 ? queued : (queued + receiving_works_ - 1) / receiving_works_;
  }
  virtual size_t queued() const = 0;
  virtual void DestroyUnread() = 0;  // takes the lock itself, destroys outside of it

  const std::string name_;
  const size_t capacity_;
  const RunSignals& signals_;
  size_t receiving_works_ = 1;  // as the run began: among how many a batch is shared

  mutable Mutex mutex_;
  WaitList senders_waiting_ ABSL_GUARDED_BY(mutex_);
  WaitList receivers_waiting_ ABSL_GUARDED_BY(mutex_);
  int senders_ ABSL_GUARDED_BY(mutex_) = 0;
  int receivers_ ABSL_GUARDED_BY(mutex_) = 0;
  size_t leased_ ABSL_GUARDED_BY(mutex_) = 0;
  uint64_t accepted_ ABSL_GUARDED_BY(mutex_) = 0;
  uint64_t taken_ ABSL_GUARDED_BY(mutex_) = 0;  // position of the queue's front
  uint64_t unread_ ABSL_GUARDED_BY(mutex_) = 0;
  uint64_t discarded_ ABSL_GUARDED_BY(mutex_) = 0;
  uint64_t refused_ ABSL_GUARDED_BY(mutex_) = 0;
  uint64_t high_water_ ABSL_GUARDED_BY(mutex_) = 0;
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

  // kDone: all sent. kNone: no room for the rest. Else kCancelled, kClosed.
  Outcome Put(SendRequest<T>& request) {
    WakeList wakes;
    Lock lock(mutex_);
    return PutLocked(request, wakes);
  }

  // The same; what does not fit is linked, with kNone.
  Outcome ParkSend(SendRequest<T>& request) {
    WakeList wakes;
    Lock lock(mutex_);
    Outcome outcome = PutLocked(request, wakes);
    if (outcome == Outcome::kNone) {
      // Whoever makes room moves the items in, on its own thread, and must not fail at it.
      ring_.Reserve(capacity_);
      senders_waiting_.PushBack(request);
    }
    return outcome;
  }

  // kDone: got at least one. kNone: nothing there. Else kCancelled, kEnd. `settled` items of an earlier lease have been
  // taken since.
  Outcome Take(ReceiveRequest<T>& request, size_t settled = 0) {
    WakeList wakes;
    Lock lock(mutex_);
    if (settled > 0) {
      leased_ -= settled;
      AdmitSenders(wakes);
    }
    return TakeLocked(request, wakes);
  }

  Outcome ParkReceive(ReceiveRequest<T>& request) {
    WakeList wakes;
    Lock lock(mutex_);
    Outcome outcome = TakeLocked(request, wakes);
    if (outcome == Outcome::kNone) receivers_waiting_.PushBack(request);
    return outcome;
  }

  // `taken` leased items have been taken, and the `rest` go back to the front in their order.
  void Settle(size_t taken, T* rest, size_t rest_count) {
    WakeList wakes;
    Lock lock(mutex_);
    leased_ -= taken + rest_count;
    if (rest_count > 0) {
      for (size_t i = rest_count; i-- > 0;) {
        ring_.PushFront(std::move(rest[i]));
        rest[i].~T();
      }
      taken_ -= rest_count;
      ServeReceivers(wakes);
    }
    AdmitSenders(wakes);
  }

  void Discard() override {
    Ring<T> ring = Extract(&Channel::discarded_);
    while (ring.size() > 0) ring.PopFront();
  }

 private:
  // A WakeList declared before the Lock is flushed after the lock is released.
  Outcome PutLocked(SendRequest<T>& request, WakeList& wakes)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    Outcome outcome = Outcome::kNone;
    if (run_cancelled()) {
      outcome = Outcome::kCancelled;
    } else if (closed_to(*request.sender)) {
      outcome = Outcome::kClosed;
    } else if (senders_waiting_.empty()) {
      Enter(request);
      ServeReceivers(wakes);
      // Serving a receiver that does not lease makes room at once.
      while (request.sent < request.count && room() > 0) {
        Enter(request);
        ServeReceivers(wakes);
      }
      if (request.sent == request.count) outcome = Outcome::kDone;
    }
    return outcome;
  }

  Outcome TakeLocked(ReceiveRequest<T>& request, WakeList& wakes)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    if (run_cancelled()) return Outcome::kCancelled;
    if (ring_.size() > 0) {
      Hand(request);
      AdmitSenders(wakes);
      return Outcome::kDone;
    }
    return senders_ == 0 ? Outcome::kEnd : Outcome::kNone;
  }

  size_t room() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    return capacity_ - ring_.size() - leased_;
  }
  size_t queued() const override ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) { return ring_.size(); }

  // Moves in what there is room for.
  void Enter(SendRequest<T>& request) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    const size_t n = std::min(room(), request.count - request.sent);
    ring_.Reserve(ring_.size() + leased_ + n);  // leased items may come back
    for (size_t i = 0; i < n; ++i) ring_.PushBack(std::move(request.items[request.sent + i]));
    request.sent += n;
    accepted_ += n;
    high_water_ = std::max<uint64_t>(high_water_, ring_.size() + leased_);
  }

  // Moves out what is there and wanted, at most this receiver's fair share.
  void Hand(ReceiveRequest<T>& request) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    const size_t n = std::min(request.max, share(ring_.size()));
    for (size_t i = 0; i < n; ++i) {
      ::new (&request.into[request.got + i]) T(std::move(ring_.front()));
      ring_.PopFront();
    }
    request.position = taken_;
    request.got += n;
    taken_ += n;
    if (request.lease) leased_ += n;
  }

  void ServeReceivers(WakeList& wakes) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    while (ring_.size() > 0 && !receivers_waiting_.empty()) {
      auto& request = static_cast<ReceiveRequest<T>&>(*receivers_waiting_.front());
      receivers_waiting_.Remove(request);
      if (request.waiter->Claim(Outcome::kDone, wakes)) Hand(request);
    }
  }

  void AdmitSenders(WakeList& wakes) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    do {
      while (room() > 0 && !senders_waiting_.empty()) {
        auto& request = static_cast<SendRequest<T>&>(*senders_waiting_.front());
        // The last item goes in only with the claim: a send that timed out has not sent everything.
        if (request.count - request.sent <= room()) {
          senders_waiting_.Remove(request);
          if (request.waiter->Claim(Outcome::kDone, wakes)) Enter(request);
        } else {
          Enter(request);
        }
      }
      ServeReceivers(wakes);  // serving one that does not lease makes room again
    } while (room() > 0 && !senders_waiting_.empty());
  }

  // Takes what is queued out of the channel, counted as `counter` says, to be destroyed outside of the lock.
  Ring<T> Extract(uint64_t ChannelBase::*counter) {
    Lock lock(mutex_);
    this->*counter += ring_.size();
    return Ring<T>(std::move(ring_));
  }
  void DestroyUnread() override {
    Ring<T> ring = Extract(&Channel::unread_);
    while (ring.size() > 0) ring.PopFront();
  }

  Ring<T> ring_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace internal
}  // namespace weir
