#include "weir/core/work.h"

#include <cassert>
#include <exception>
#include <new>
#include <utility>

#include "absl/strings/str_cat.h"
#include "weir/core/engine_state.h"
#include "weir/core/lease.h"
#include "weir/core/operations.h"
#include "weir/core/run_state.h"
#include "weir/core/stage.h"

namespace weir::internal {

Trampoline& TrampolineOf(Work& work) { return *work.trampoline_; }

absl::Status ToStatus(Outcome outcome) {
  switch (outcome) {
    case Outcome::kDone: return absl::OkStatus();
    case Outcome::kCancelled: return absl::CancelledError("");
    case Outcome::kTimedOut: return absl::DeadlineExceededError("");
    case Outcome::kClosed:
    case Outcome::kEnd: return absl::OutOfRangeError("");
    case Outcome::kExhausted: return absl::ResourceExhaustedError("");
    case Outcome::kNone: break;
  }
  return absl::InternalError("weir: a wait ended without an outcome");
}

absl::Status ToStatus(const std::exception_ptr& exception) {
  try {
    try {
      std::rethrow_exception(exception);
    } catch (const std::exception& e) {
      return absl::InternalError(e.what());
    } catch (...) {
      return absl::InternalError("an exception that is not a std::exception");
    }
  } catch (const std::bad_alloc&) {  // there is no memory even for that
    return absl::ResourceExhaustedError("");
  }
}

Work::Work(RunState& run, Stage& stage, int index, int order)
    : run_(run),
      stage_(stage),
      index_(index),
      order_(order),
      faulty_(run.engine().injects_faults()),
      context_(run.root(), run.DrainingFor(stage), stage.ins().empty(), stage.name()) {}

Work::~Work() = default;

Clock& Work::clock() { return run_.engine().clock(); }

std::string Work::Name() const { return absl::StrCat(stage_.name(), "#", index_); }

void Work::Wake() {
  if (MustTakeTurn()) {
    run_.ArriveAtGate(*this);
  } else {
    run_.executor().Post(*this);
  }
}

bool Work::MustTakeTurn() const {
  return run_.tearing_down() && !granted_.load(std::memory_order_acquire);
}

void Work::Run() {
  if (MustTakeTurn()) {
    run_.ArriveAtGate(*this);
    return;
  }
  Trampoline trampoline;
  trampoline_ = &trampoline;
  budget_ = kBudget;
  Note(WaitKind::kNothing);
  if (!started_) {
    if (run_.tearing_down()) {  // its turn to unwind, and there is nothing to unwind
      run_.WorkEnded(*this, absl::CancelledError(""));
      return;
    }
    started_ = true;
    try {
      task_ = stage_.Work(context_);
    } catch (...) {
      run_.WorkEnded(*this, ToStatus(std::current_exception()));
      return;
    }
    task_.BindTo(*this);
    resume_point_ = task_.frame();
  }
  trampoline.next = resume_point_;
  while (trampoline.next) std::exchange(trampoline.next, nullptr).resume();
  if (!trampoline.ended) return;  // parked: another thread may be running the Work by now

  absl::Status result;
  try {
    result = task_.frame().promise().Take();
  } catch (...) {
    result = ToStatus(std::current_exception());
  }
  task_ = Task<>();
  run_.WorkEnded(*this, std::move(result));
}

void Work::Yield(std::coroutine_handle<> frame) {
  resume_point_ = frame;
  Wake();
}

Wait Work::waiting() const {
  return {.kind = waiting_kind(),
          .channel = waiting_channel_.load(std::memory_order_relaxed),
          .bounded = waiting_bounded_.load(std::memory_order_relaxed),
          .ports = waiting_ports_.load(std::memory_order_relaxed),
          .place = waiting_place_.load(std::memory_order_relaxed)};
}

void Work::BeforeWait(const Channel* received_from) {
  // Before anything is linked: what throws here is thrown by the co_await.
  if (faulty_) [[unlikely]]
    run_.engine().BeforeWait(*this);
  for (LeaseBase* lease = leases_; lease != nullptr; lease = lease->next_open_)
    lease->SettleTaken();
  for (InBase* in : stage_.ins()) {
    if (&in->channel() != received_from) in->channel().AdmitOwed();
  }
}

bool Work::SuspendDecided() {
  if (MustTakeTurn() || !SpendBudget()) {
    Wake();
    return true;
  }
  Note(WaitKind::kNothing);
  return false;
}

void Work::OpenLease(LeaseBase& lease) {
  lease.open_ = true;
  lease.next_open_ = leases_;
  leases_ = &lease;
}

void Work::CloseLease(LeaseBase& lease) {
  if (!lease.open_) return;
  lease.open_ = false;
  for (LeaseBase** at = &leases_; *at != nullptr; at = &(*at)->next_open_) {
    if (*at == &lease) {
      *at = lease.next_open_;
      return;
    }
  }
}

void WaitTimer::Fire(WakeList& wakes) {
  if (sends_to != nullptr) sends_to->AdmitAtDeadline(wakes);
  waiter->Claim(Outcome::kTimedOut, wakes);
}

void Bounds::Arm(Work& work, Channel* sends_to) {
  ::new (&wait_) Armed;
  armed_ = true;
  if (within_ != absl::InfiniteDuration()) {
    wait_.timer.waiter = &work;
    wait_.timer.sends_to = sends_to;
    Clock& clock = work.clock();
    clock.Arm(wait_.timer, clock.Now() + within_);
  }
  if (bound_ != nullptr) {
    wait_.link.waiter = &work;
    if (!bound_->Link(wait_.link)) {
      WakeList none;
      work.Claim(Outcome::kCancelled, none);
    }
  }
}

Waiter::Result Bounds::Disarm(Work& work) {
  if (armed_) {
    // Its timer alone claims a wait as timed out, and is not touched after that: it need not be joined.
    if (within_ != absl::InfiniteDuration() && work.outcome() != Outcome::kTimedOut)
      work.clock().Cancel(wait_.timer);
    if (bound_ != nullptr) bound_->Unlink(wait_.link);
    wait_.~Armed();
    armed_ = false;
  }
  return work.Resumed();
}

}  // namespace weir::internal
