#include "weir/core/channel_base.h"

namespace weir::internal {

void ChannelBase::CloseSender(SendingEnd& sender, WakeList& wakes) {
  Lock lock(mutex_);
  if (std::exchange(sender.closed, true)) return;
  if (--senders_ > 0) return;
  gate_.fetch_or(kSenderGone, std::memory_order_seq_cst);
  // Nothing is queued while receivers are parked, so the end has come for all of them.
  while (!receivers_waiting_.empty()) {
    WaitLink& link = *receivers_waiting_.front();
    UnlinkReceiver(link);
    link.Claim(run_cancelled() ? Outcome::kCancelled : Outcome::kEnd, wakes);
  }
}

void ChannelBase::CloseReceiver() {
  {
    WakeList wakes;
    Lock lock(mutex_);
    if (--receivers_ > 0) return;
    if (run_cancelled()) return;  // what is left is discarded with the run
    gate_.fetch_or(kReceiverGone, std::memory_order_seq_cst);
    while (!senders_waiting_.empty()) {
      WaitLink& link = *senders_waiting_.front();
      UnlinkSender(link);
      link.Claim(Outcome::kClosed, wakes);
    }
  }
  DestroyQueued(&ChannelBase::unread_);
}

void ChannelBase::Cancel() {
  WakeList wakes;
  Lock lock(mutex_);
  gate_.fetch_or(kCancelled, std::memory_order_seq_cst);
  while (!senders_waiting_.empty()) {
    WaitLink& link = *senders_waiting_.front();
    UnlinkSender(link);
    link.Claim(Outcome::kCancelled, wakes);
  }
  while (!receivers_waiting_.empty()) {
    WaitLink& link = *receivers_waiting_.front();
    UnlinkReceiver(link);
    link.Claim(Outcome::kCancelled, wakes);
  }
}

void ChannelBase::Drain() {
  WakeList wakes;
  Lock lock(mutex_);
  gate_.fetch_or(kDraining, std::memory_order_seq_cst);
  for (WaitLink* link = senders_waiting_.front(); link != nullptr;) {
    WaitLink* next = WaitList::Next(*link);
    if (static_cast<SendRequestBase*>(link)->sender->from_source) {
      UnlinkSender(*link);
      link->Claim(Outcome::kClosed, wakes);
    }
    link = next;
  }
}

bool ChannelBase::closed_to_sender(const SendingEnd& sender) const {
  Lock lock(mutex_);
  return closed_to(sender);
}

int ChannelBase::WaitingForItemsOnly() const {
  if (tail_.load(std::memory_order_relaxed) != head_.load(std::memory_order_relaxed)) return -1;
  int waiting = 0;
  for (const WaitLink* link = receivers_waiting_.front(); link != nullptr;
       link = WaitList::Next(*link)) {
    waiting += !link->waiter->claimed() && !static_cast<const ReceiveRequestBase*>(link)->bounded;
  }
  return waiting;
}

Ledger ChannelBase::ledger() const {
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

void ChannelBase::Refuse(size_t count) {
  Lock lock(mutex_);
  refused_ += count;
}

void ChannelBase::Divert(size_t count) {
  Lock lock(mutex_);
  diverted_ += count;
}

void ChannelBase::UnlinkSend(SendRequestBase& request) {
  Lock lock(mutex_);
  UnlinkSender(request);
  if (request.refusable) refused_ += request.count - request.sent;
}

void ChannelBase::UnlinkReceive(ReceiveRequestBase& request) {
  Lock lock(mutex_);
  UnlinkReceiver(request);
}

}  // namespace weir::internal
