// The items of a channel that are not received: dropped by a policy, unread, or discarded. They are destroyed outside of the lock, so
// they stand on the stack meanwhile.
#include <alloca.h>

#include <algorithm>
#include <cstdint>
#include <utility>

#include "weir/core/channel.h"

namespace weir::internal {
namespace {

// So many at once, and at least one.
size_t AtOnce(const ItemType& type) { return std::max<size_t>(1, 512 / type.size); }

// In room of its own for `count` items, on the stack of the calling function.
#define WEIR_ROOM_ON_STACK(type, count) \
  AlignedFor(type, alloca((count) * (type).size + (type).alignment))
void* AlignedFor(const ItemType& type, void* room) {
  const uintptr_t at = reinterpret_cast<uintptr_t>(room) + type.alignment - 1;
  return reinterpret_cast<void*>(at - at % type.alignment);
}

// Destroys its items at last, also where a user's function throws.
struct Doomed {
  ~Doomed() { type.Destroy(items, count); }
  const ItemType& type;
  void* const items;
  size_t count = 0;
};

}  // namespace

Outcome Channel::Overflow(SendRequest& request) {
  const SendPolicy& policy = *request.sender->policy;
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
  Drop(type().At(request.items, sent), request.count - sent, policy);
  return Outcome::kDone;
}

bool Channel::Discard() {
  {
    Lock lock(mutex_);
    if (!available()) return false;
  }
  DestroyQueued(&Channel::discarded_);
  return true;
}

Outcome Channel::Overwrite(SendRequest& request, const SendPolicy& policy) {
  const size_t at_once = AtOnce(type());
  void* const room = WEIR_ROOM_ON_STACK(type(), at_once);
  Measure(request);
  while (request.sent < request.count) {
    Doomed evicted{type(), room};
    {
      WakeList wakes;
      Lock lock(mutex_);
      if (run_cancelled()) return Outcome::kCancelled;
      if (closed_to(*request.sender)) return Outcome::kClosed;
      Enter(request, Fitting(request));
      ServeReceivers(wakes);
      const size_t rest = request.count - request.sent;
      ReserveSlots(rest);
      // Of bytes it is not known how many make enough.
      evicted.count = std::min({bytes_ == nullptr ? rest : size_t{rest > 0}, at_once, queued()});
      const uint64_t next = next_.load(std::memory_order_relaxed);
      ring_.MoveOut(next, room, evicted.count);
      next_.store(next + evicted.count, std::memory_order_relaxed);
      tail_seen_ =
          tail_.load(std::memory_order_relaxed);  // the receiver's is not to lie behind next_
      Publish(head_, next + evicted.count);
      dropped_oldest_ += evicted.count;
      Enter(request, Fitting(request));
      ServeReceivers(wakes);
      if (request.sent == request.count) AdmitNext(wakes);  // of bytes more may have left than came
    }
    Drop(evicted.items, evicted.count, policy);
  }
  return Outcome::kDone;
}

void Channel::Drop(void* items, size_t count, const SendPolicy& policy) {
  void* const room = WEIR_ROOM_ON_STACK(type(), 1);
  for (size_t i = 0; i < count; ++i) {
    type().Move(room, type().At(items, i), 1);
    Doomed dropped{type(), room, 1};
    if (policy.on_dropped) policy.on_dropped(room);
  }
}

void Channel::DestroyReturned(uint64_t Channel::* counter) {
  std::unique_ptr<ReturnedBatch> batch;
  {
    Lock lock(mutex_);
    batch = std::move(returned_);
    for (const ReturnedBatch* each = batch.get(); each != nullptr; each = each->after.get()) {
      const size_t left = each->items.size() - each->next;
      leased_ -= left;
      this->*counter += left;
    }
    if (batch != nullptr) PublishHandedOut();
  }
  while (batch != nullptr) batch = std::move(batch->after);  // one by one, the first first
}

void Channel::DestroyQueued(uint64_t Channel::* counter) {
  DestroyReturned(counter);
  const size_t at_once = AtOnce(type());
  void* const room = WEIR_ROOM_ON_STACK(type(), at_once);
  for (bool more = true; more;) {
    Doomed taken{type(), room};
    Lock lock(mutex_);
    taken.count = std::min(at_once, queued());
    more = taken.count < queued();
    const uint64_t next = next_.load(std::memory_order_relaxed);
    ring_.MoveOut(next, room, taken.count);
    next_.store(next + taken.count, std::memory_order_relaxed);
    // A thread at an Output may still receive: what it has seen of the tail is not to lie before next_.
    tail_seen_ = tail_.load(std::memory_order_relaxed);
    head_.store(head_.load(std::memory_order_relaxed) + taken.count, std::memory_order_release);
    this->*counter += taken.count;
  }
}

}  // namespace weir::internal
