#include "weir/core/channel.h"

namespace weir::internal {

void ChannelBase::CloseSender(SendingEnd& sender, WakeList& wakes) {
  Lock lock(mutex_);
  if (std::exchange(sender.closed, true)) return;
  if (--senders_ > 0) return;
  // Nothing is queued while receivers are parked, so the end has come for all of them.
  while (!receivers_waiting_.empty()) {
    WaitLink& link = *receivers_waiting_.front();
    receivers_waiting_.Remove(link);
    link.waiter->Claim(run_cancelled() ? Outcome::kCancelled : Outcome::kEnd, wakes);
  }
}

void ChannelBase::CloseReceiver() {
  {
    WakeList wakes;
    Lock lock(mutex_);
    if (--receivers_ > 0) return;
    if (run_cancelled()) return;  // what is left is discarded with the run
    while (!senders_waiting_.empty()) {
      WaitLink& link = *senders_waiting_.front();
      senders_waiting_.Remove(link);
      link.waiter->Claim(Outcome::kClosed, wakes);
    }
  }
  DestroyUnread();
}

void ChannelBase::Cancel() {
  WakeList wakes;
  Lock lock(mutex_);
  for (WaitList* list : {&senders_waiting_, &receivers_waiting_}) {
    while (!list->empty()) {
      WaitLink& link = *list->front();
      list->Remove(link);
      link.waiter->Claim(Outcome::kCancelled, wakes);
    }
  }
}

void ChannelBase::Drain() {
  WakeList wakes;
  Lock lock(mutex_);
  for (WaitLink* link = senders_waiting_.front(); link != nullptr;) {
    WaitLink* next = WaitList::Next(*link);
    if (static_cast<SendRequestBase*>(link)->sender->from_source) {
      senders_waiting_.Remove(*link);
      link->waiter->Claim(Outcome::kClosed, wakes);
    }
    link = next;
  }
}

bool ChannelBase::closed_to_sender(const SendingEnd& sender) const {
  Lock lock(mutex_);
  return closed_to(sender);
}

int ChannelBase::WaitingForItemsOnly() const {
  if (queued() + leased_ > 0) return -1;
  int waiting = 0;
  for (const WaitLink* link = receivers_waiting_.front(); link != nullptr;
       link = WaitList::Next(*link)) {
    waiting += !link->waiter->claimed() && !static_cast<const ReceiveRequestBase*>(link)->bounded;
  }
  return waiting;
}

Ledger ChannelBase::ledger() const {
  Lock lock(mutex_);
  Ledger ledger;
  ledger.accepted = accepted_;
  ledger.queued = queued() + leased_;
  ledger.received = taken_ - leased_;
  ledger.unread = unread_;
  ledger.discarded = discarded_;
  ledger.refused = refused_;
  ledger.high_water = high_water_;
  return ledger;
}

void ChannelBase::UnlinkSend(SendRequestBase& request) {
  Lock lock(mutex_);
  senders_waiting_.Remove(request);
  refused_ += request.count - request.sent;
}

void ChannelBase::UnlinkReceive(ReceiveRequestBase& request) {
  Lock lock(mutex_);
  receivers_waiting_.Remove(request);
}

}  // namespace weir::internal
