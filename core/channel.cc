#include "weir/core/channel.h"

#include "weir/core/channel_bytes.h"

namespace weir::internal {

Channel::Channel(const ItemType& type, size_t capacity, const RunSignals& signals)
    : ring_(type),
      capacity_(capacity),
      signals_(signals),
      most_leased_(
          static_cast<uint32_t>(std::min(capacity, std::max<size_t>(1, kLargeBytes / type.size)))) {
}

Channel::~Channel() {
  if (type().destroy == nullptr) return;
  for (uint64_t at = next_.load(); at != tail_.load(); ++at) type().Destroy(ring_.At(at), 1);
}

void Channel::BoundBytes(size_t most, BytesOfItem bytes_of) {
  bytes_ = std::make_unique<Bytes>();
  bytes_->most = most;
  bytes_->of = std::move(bytes_of);
}

void Channel::SetEnds(const Ends& ends) {
  Lock lock(mutex_);
  senders_ = ends.senders;
  receivers_ = ends.receivers;
  receiving_works_ = static_cast<uint32_t>(ends.receivers);
  overwrites_ = ends.overwrites;
  shared_ = ends.senders > 1;
  place_ = static_cast<uint32_t>(ends.place);
  single_ = ends.single && !overwrites_ && may_be_single();
  gate_.store(single_ ? 0 : kMany);
  head_seen_ = single_ ? 0 - uint64_t{capacity_} : 0;  // full, until it has slots
  check_every_ = static_cast<uint32_t>(std::clamp<size_t>(capacity_ / 2, 1, 8));
}

// --- Sending ---

// From the sender's hands into the receiver's, without the ring: it is empty.
void Channel::HandOver(SendRequest& request) {
  ring_.Reserve(capacity_, 0, 0);  // what is not taken is given back
  WakeList wakes;
  Lock lock(mutex_);
  if (receivers_waiting_.empty()) return;
  auto& receive = static_cast<ReceiveRequest&>(*receivers_waiting_.front());
  // What the receiver holds of an earlier batch counts.
  const size_t n =
      std::min(std::min(receive.max, request.count - request.sent), capacity_ - leased_);
  if (n == 0) return;
  UnlinkReceiver(receive);
  if (!receive.Claim(Outcome::kDone, wakes)) return;
  const uint64_t tail = tail_.load(std::memory_order_relaxed);
#ifndef WEIR_NO_COUNTERS
  if (leased_ + n > high_water_.load(std::memory_order_relaxed))
    high_water_.store(leased_ + n, std::memory_order_relaxed);
#endif
  if (n == request.count && request.buffer != nullptr && receive.buffer != nullptr) {
    request.buffer->Swap(*receive.buffer);
  } else {
    type().Move(receive.into, type().At(request.items, request.sent), n);
  }
  request.sent += n;
  receive.position = tail + passed_.load(std::memory_order_relaxed);
  receive.got = n;
  if (receive.lease) leased_ += n;
  // The lock publishes them: nobody is about to wait for what they tell.
  tail_.store(tail + n, std::memory_order_relaxed);
  next_.store(tail + n, std::memory_order_relaxed);
  tail_seen_ = tail + n;
  head_.store(tail + n - leased_, std::memory_order_relaxed);
}

Outcome Channel::Put(SendRequest& request) {
  const uint32_t seen = gate_.load(std::memory_order_acquire);
  if (seen & kSendLocked) {
    Measure(request);
    WakeList wakes;
    Lock lock(mutex_);
    return PutLocked(request, wakes);
  }
  if (request.room_only) return RoomSeen() > 0 ? Outcome::kDone : Outcome::kNone;
  if (seen & kReceiverParked) {
    HandOver(request);
    if (request.sent == request.count) return Outcome::kDone;
  }
  do {
    Enter(request, Fitting(request));
    if (gate() & (kReceiverParked | kReceiverGone)) [[unlikely]]
      Attend();
    if (request.sent == request.count) return Outcome::kDone;
  } while (head_.load(std::memory_order_acquire) != head_seen_);
  return Outcome::kNone;
}

Outcome Channel::ParkSend(SendRequest& request) {
  Measure(request);
  WakeList wakes;
  Lock lock(mutex_);
  Outcome outcome = PutLocked(request, wakes);
  if (outcome != Outcome::kNone) return outcome;
  LinkSender(request);
  if (single_ && room() > 0) {  // the receiver made room before it could see the gate
    Enter(request, Fitting(request));
    if (request.sent == request.count) {
      UnlinkSender(request);
      return Outcome::kDone;
    }
  }
  if (request.alone) request.waiter->PublishAlone();
  return Outcome::kNone;
}

bool Channel::SelectSend(SendRequest& request) {
  Measure(request);
  WakeList wakes;
  Lock lock(mutex_);
  ReserveSlots(request.count);  // which may throw: before anything is claimed
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
    Enter(request, Fitting(request));
    ServeReceivers(wakes);
  }
  return false;
}

void Channel::UnlinkSend(SendRequest& request) {
  WakeList wakes;
  Lock lock(mutex_);
  const bool gives_up = request.linked();
  UnlinkSender(request);
  if (gives_up) AdmitNext(wakes);
  if (request.refusable) refused_ += request.count - request.sent;
}

void Channel::AdmitAtDeadline(WakeList& wakes) {
  Lock lock(mutex_);
  AdmitSenders(wakes);
}

void Channel::Refuse(size_t count) {
  Lock lock(mutex_);
  refused_ += count;
}

void Channel::Divert(size_t count) {
  Lock lock(mutex_);
  diverted_ += count;
}

// --- Receiving ---

Outcome Channel::Take(ReceiveRequest& request, size_t settled) {
  const uint32_t gate = gate_.load(std::memory_order_acquire);
  if (!(gate & kReceiveLocked)) {
    leased_ -= settled;
    if (settled > 0 && (gate & kSenderParked)) {
      Free();
      settled = 0;
    }
    if (Hand(request)) {
      if (settled > 0 || !request.lease) Free();
      return Outcome::kDone;
    }
    if (settled > 0 && !request.alone) {
      Free();
    } else if (settled > 0) {  // who waits for nothing else will park, and ParkReceive tells of it
      head_.store(next_.load(std::memory_order_relaxed) - leased_, std::memory_order_release);
      ++unchecked_;
    }
    if (!(gate & kSenderGone)) return Outcome::kNone;
    settled = 0;
  }
  WakeList wakes;
  Lock lock(mutex_);
  if (settled > 0) {
    leased_ -= settled;
    PublishHandedOut();
    AdmitSenders(wakes);
  }
  return TakeLocked(request, wakes);
}

Outcome Channel::ParkReceive(ReceiveRequest& request) {
  WakeList wakes;
  Lock lock(mutex_);
  Outcome outcome = Outcome::kNone;
  if (run_cancelled() || at_end() || available()) {
    outcome = TakeLocked(request, wakes);
  } else {
    Link(receivers_waiting_, request, kReceiverParked);
    if (single_ && queued() > 0) {  // the sender sent before it could see the gate
      UnlinkReceiver(request);
      outcome = TakeLocked(request, wakes);
    }
    if (outcome == Outcome::kNone && request.alone) request.waiter->PublishAlone();
  }
  // What AdmitOwed does, but that the lock takes the place of the order in which head_ is published.
  if (unchecked_ > 0 || owes_) {
    unchecked_ = 0;
    owes_ = false;
    AdmitSenders(wakes);
  }
  return outcome;
}

bool Channel::SelectReceive(ReceiveRequest& request) {
  WakeList wakes;
  Lock lock(mutex_);
  Outcome outcome = run_cancelled() ? Outcome::kCancelled
                    : available()   ? Outcome::kDone
                    : at_end()      ? Outcome::kEnd
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

void Channel::UnlinkReceive(ReceiveRequest& request) {
  Lock lock(mutex_);
  UnlinkReceiver(request);
}

void Channel::Settle(size_t taken, void* rest, size_t rest_count) {
  if (single_) {
    PutBack(taken, rest, rest_count);
    if (taken > 0) Free();
    return;
  }
  WakeList wakes;
  Lock lock(mutex_);
  PutBack(taken, rest, rest_count);
  PublishHandedOut();
  if (rest_count > 0) ServeReceivers(wakes);
  AdmitSenders(wakes);
}

void Channel::Return(size_t taken, std::unique_ptr<ReturnedBatch> rest) {
  WakeList wakes;
  Lock lock(mutex_);
  leased_ -= taken;
  std::unique_ptr<ReturnedBatch>* at = &returned_;
  while (*at != nullptr && (*at)->position < rest->position) at = &(*at)->after;
  rest->after = std::move(*at);
  *at = std::move(rest);
  PublishHandedOut();
  ServeReceivers(wakes);
  AdmitSenders(wakes);
}

// --- The ends, and the run ---

void Channel::CloseSender(SendingEnd& sender, WakeList& wakes) {
  Lock lock(mutex_);
  if (std::exchange(sender.closed, true)) return;
  if (--senders_ > 0) return;
  gate_.fetch_or(kSenderGone, std::memory_order_seq_cst);
  // Nothing is queued while receivers are parked, so the end has come for all of them.
  EndReceives(wakes);
}

void Channel::EndReceives(WakeList& wakes) {
  while (!receivers_waiting_.empty()) {
    WaitLink& link = *receivers_waiting_.front();
    UnlinkReceiver(link);
    link.Claim(run_cancelled() ? Outcome::kCancelled : Outcome::kEnd, wakes);
  }
}

void Channel::EndSends(Outcome outcome, WakeList& wakes) {
  while (!senders_waiting_.empty()) {
    WaitLink& link = *senders_waiting_.front();
    UnlinkSender(link);
    link.Claim(outcome, wakes);
  }
}

bool Channel::CloseReceiver() {
  bool senders_left = false;
  {
    WakeList wakes;
    Lock lock(mutex_);
    if (--receivers_ > 0) return false;
    if (run_cancelled()) return false;  // what is left is discarded with the run
    senders_left = senders_ > 0;
    gate_.fetch_or(kReceiverGone, std::memory_order_seq_cst);
    EndSends(Outcome::kClosed, wakes);
    EndReceives(wakes);  // of threads at the graph's edge
  }
  DestroyQueued(&Channel::unread_);
  return senders_left;
}

void Channel::EndInput() {
  WakeList wakes;
  Lock lock(mutex_);
  input_ended_ = true;
  // Nothing is queued while receivers are parked.
  EndReceives(wakes);
}

void Channel::Cancel() {
  WakeList wakes;
  Lock lock(mutex_);
  gate_.fetch_or(kCancelled, std::memory_order_seq_cst);
  EndSends(Outcome::kCancelled, wakes);
  EndReceives(wakes);
}

void Channel::Drain() {
  WakeList wakes;
  Lock lock(mutex_);
  gate_.fetch_or(kDraining, std::memory_order_seq_cst);
  for (WaitLink* link = senders_waiting_.front(); link != nullptr;) {
    WaitLink* next = WaitList::Next(*link);
    if (static_cast<SendRequest*>(link)->sender->from_source) {
      UnlinkSender(*link);
      link->Claim(Outcome::kClosed, wakes);
    }
    link = next;
  }
  AdmitNext(wakes);
}

bool Channel::closed_to_sender(const SendingEnd& sender) const {
  Lock lock(mutex_);
  return closed_to(sender);
}

int Channel::WaitingForItemsOnly() const {
  if (tail_.load(std::memory_order_relaxed) != head_.load(std::memory_order_relaxed)) return -1;
  int waiting = 0;
  for (const WaitLink* link = receivers_waiting_.front(); link != nullptr;
       link = WaitList::Next(*link)) {
    // Not one whose wait is over: a select stays linked until its Work goes on.
    waiting += link->waiter->parked() && !static_cast<const ReceiveRequest*>(link)->bounded;
  }
  return waiting;
}

Ledger Channel::ledger() const {
  Lock lock(mutex_);
  // In this order: items that come meanwhile count as queued.
  const uint64_t head = head_.load(std::memory_order_acquire);
  Ledger ledger;
  const uint64_t tail = tail_.load(std::memory_order_acquire);
  const uint64_t passed = passed_.load(std::memory_order_relaxed);
  ledger.accepted = tail + passed + dropped_newest_ + diverted_;
  ledger.queued = tail - head;
  ledger.received = head + passed - dropped_oldest_ - unread_ - discarded_;
  ledger.dropped = dropped_newest_ + dropped_oldest_;
  ledger.diverted = diverted_;
  ledger.unread = unread_;
  ledger.discarded = discarded_;
  ledger.refused = refused_;
  ledger.high_water = high_water_.load(std::memory_order_relaxed);
  return ledger;
}

// --- Without the lock, by the Work at the one end of a single channel ---

void Channel::Attend() {
  bool unread = false;
  {
    WakeList wakes;
    Lock lock(mutex_);
    ServeReceivers(wakes);
    unread = receivers_ == 0 && !run_cancelled();
  }
  if (unread) DestroyQueued(&Channel::unread_);
}

void Channel::Free() {
  const uint64_t head = next_.load(std::memory_order_relaxed) - leased_;
  if ((gate_.load(std::memory_order_acquire) & kSenderParked) && WorthAdmitting(head)) {
    // The lock takes the place of the order in which head_ is published.
    head_.store(head, std::memory_order_release);
    unchecked_ = 0;
    AdmitWhatIsOwed();
    return;
  }
  PublishHead(head);
  if (gate() & kSenderParked) [[unlikely]]
    FreedFor(head);
}

void Channel::FreedFor(uint64_t head) {
  if (WorthAdmitting(head)) {
    AdmitWhatIsOwed();
  } else {
    owes_ = true;
  }
}

void Channel::AdmitWhatIsOwed() {
  owes_ = false;
  WakeList wakes;
  Lock lock(mutex_);
  AdmitSenders(wakes);
}

// --- With the lock, or by the Work at the one end of a single channel that has nobody parked at the other ---

size_t Channel::Fitting(const SendRequest& request) {
  const uint64_t tail = tail_.load(std::memory_order_relaxed);
  const size_t wanted = request.count - request.sent;
  size_t free = free_slots(tail, head_seen_);
  if (free < wanted || overwrites_) free = room();  // where it overwrites, the head may go back
  const size_t n = std::min(free, wanted);
  if (single_ || bytes_ == nullptr) return n;
  return bytes_->Fitting(request, n, head_.load(std::memory_order_relaxed), tail);
}

void Channel::Enter(SendRequest& request, size_t n) {
  if (n == 0) return;
  const uint64_t tail = tail_.load(std::memory_order_relaxed);
  if (!single_) {
    // Those of a linked request have their slots.
    if (tail + n - head_seen_ > ring_.slots() || overwrites_ || parked_items_ > 0)
      ReserveSlots(request.linked() ? 0 : n);
    if (bytes_ != nullptr) bytes_->Enter(request, n, tail);
    if (request.linked()) parked_items_ -= n;
    if (shared_) {
      virtual_time_ = DueTime(request);
      request.sender->due = virtual_time_ + n;
    }
  } else {
    ring_.Reserve(capacity_, 0, 0);
  }
  ring_.MoveIn(tail, type().At(request.items, request.sent), n);
  request.sent += n;
  Advance(tail + n);
}

void Channel::RaiseHighWater(uint64_t tail) {
  room();
  high_water_.store(std::max(high_water_.load(std::memory_order_relaxed), tail - head_seen_),
                    std::memory_order_relaxed);
}

bool Channel::Hand(ReceiveRequest& request) {
  const uint64_t next = next_.load(std::memory_order_relaxed);
  if (tail_seen_ - next < request.max) tail_seen_ = tail_.load(std::memory_order_acquire);
  const size_t n = std::min(request.max, share(tail_seen_ - next));
  if (n == 0) return false;
  ring_.MoveOut(next, type().At(request.into, request.got), n);
  request.position = next + passed_.load(std::memory_order_relaxed) - dropped_oldest_;
  request.got += n;
  if (request.lease) leased_ += n;
  next_.store(next + n, std::memory_order_relaxed);
  return true;
}

bool Channel::HandReturned(ReceiveRequest& request) {
  ReturnedBatch& batch = *returned_;
  const size_t left = batch.items.size() - batch.next;
  const size_t equal = (left + receiving_works_ - 1) / receiving_works_;
  const size_t n = std::min(request.max, equal);
  type().Move(type().At(request.into, request.got), type().At(batch.items.data(), batch.next), n);
  request.position = batch.position;
  request.got += n;
  if (!request.lease) leased_ -= n;
  batch.next += n;
  batch.position += n;
  if (n == left) returned_ = std::move(batch.after);  // destroys what has been moved from
  return true;
}

void Channel::PutBack(size_t taken, void* rest, size_t rest_count) {
  const uint64_t next = next_.load(std::memory_order_relaxed) - rest_count;
  leased_ -= taken + rest_count;
  if (rest_count == 0) return;
  ring_.MoveIn(next, rest, rest_count);
  type().Destroy(rest, rest_count);
  next_.store(next, std::memory_order_relaxed);
}

// --- With the lock ---

void Channel::ReserveSlots(size_t more) {
  if (single_) return ring_.Reserve(capacity_, 0, 0);
  const uint64_t next = next_.load(std::memory_order_relaxed);
  const uint64_t tail = tail_.load(std::memory_order_relaxed);
  const size_t held = tail - next + leased_;
  // A lease that an overwriting channel gets back may come on top of its capacity.
  const size_t left = overwrites_ ? capacity_ : std::max(held, capacity_) - held;
  const size_t entering = std::min(more + parked_items_, left);
  ring_.Reserve(held + entering, next, tail);
  if (bytes_ != nullptr) bytes_->Reserve(entering, head_.load(std::memory_order_relaxed), tail);
}

void Channel::Link(WaitList& list, WaitLink& link, uint32_t bit) {
  list.PushBack(link);
  gate_.fetch_or(bit, std::memory_order_seq_cst);
}

void Channel::Unlink(WaitList& list, WaitLink& link, uint32_t bit) {
  list.Remove(link);
  // It is written with the lock only. Who sees the bit for longer finds nobody.
  if (list.empty())
    gate_.store(gate_.load(std::memory_order_relaxed) & ~bit, std::memory_order_release);
}

Outcome Channel::PutLocked(SendRequest& request, WakeList& wakes) {
  if (run_cancelled()) return Outcome::kCancelled;
  if (closed_to(*request.sender)) return Outcome::kClosed;
  if (!senders_waiting_.empty() && (request.sent < request.count || request.room_only))
    return Outcome::kNone;
  if (request.room_only) return room() > 0 ? Outcome::kDone : Outcome::kNone;
  // Serving a receiver that does not lease makes room at once.
  while (request.sent < request.count) {
    const size_t fitting = Fitting(request);
    if (fitting == 0) break;
    Enter(request, fitting);
    ServeReceivers(wakes);
  }
  return request.sent == request.count ? Outcome::kDone : Outcome::kNone;
}

Outcome Channel::TakeLocked(ReceiveRequest& request, WakeList& wakes) {
  if (run_cancelled()) return Outcome::kCancelled;
  if (HandLocked(request)) {
    if (!request.lease || overwrites_) {
      PublishHandedOut();
      AdmitSenders(wakes);
    }
    return Outcome::kDone;
  }
  return at_end() ? Outcome::kEnd : Outcome::kNone;
}

void Channel::LinkSender(SendRequest& request) {
  ReserveSlots(request.count - request.sent);
  if (!single_) parked_items_ += request.count - request.sent;
  admit_at_.store(request.bounded || !single_ ? 1 : admit_room(), std::memory_order_relaxed);
  if (shared_ && !senders_waiting_.empty()) {
    WaitLink* before = nullptr;
    for (WaitLink* link = senders_waiting_.back(); link != nullptr;
         link = WaitList::Previous(*link)) {
      const auto& other = static_cast<const SendRequest&>(*link);
      if (other.sender == request.sender || DueTime(other) <= DueTime(request)) break;
      before = link;
    }
    if (before != nullptr) return senders_waiting_.Insert(request, *before);
  }
  Link(senders_waiting_, request, kSenderParked);
}

void Channel::ServeReceivers(WakeList& wakes) {
  while (!receivers_waiting_.empty() && available()) {
    auto& request = static_cast<ReceiveRequest&>(*receivers_waiting_.front());
    UnlinkReceiver(request);
    if (!request.Claim(Outcome::kDone, wakes)) continue;
    HandLocked(request);
    if (!request.lease || overwrites_) PublishHandedOut();
  }
}

void Channel::AdmitSenders(WakeList& wakes) {
  while (!senders_waiting_.empty() && room() > 0) {
    auto& request = static_cast<SendRequest&>(*senders_waiting_.front());
    // The last item goes in only with the claim: a send that timed out has not sent everything.
    const size_t fitting = Fitting(request);
    if (request.count - request.sent == fitting) {
      UnlinkSender(request);
      if (!request.Claim(Outcome::kDone, wakes)) continue;
    } else if (fitting == 0) {
      return;  // of bytes there are too few
    }
    if (fitting == 0) continue;
    Enter(request, fitting);
    ServeReceivers(wakes);  // serving one that does not lease makes room again
  }
}

// --- Around the lock ---

void Channel::Measure(SendRequest& request) {
  if (bytes_ == nullptr || request.bytes != nullptr || request.count == 0) return;
  request.bytes = std::make_unique<size_t[]>(request.count);
  for (size_t i = request.sent; i < request.count; ++i)
    request.bytes[i] = bytes_->of(type().At(request.items, i));
}

}  // namespace weir::internal
