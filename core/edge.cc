#include "weir/core/edge.h"

#include <algorithm>
#include <condition_variable>

#include "absl/strings/str_cat.h"
#include "weir/core/edge_wait.h"
#include "weir/core/engine_state.h"
#include "weir/core/if_room.h"
#include "weir/core/run_state.h"

namespace weir::internal {
namespace {

// A program's thread that waits at the edge of a run.
class ThreadWaiter final : public Waiter {
 public:
  // Only a wait that has been published is woken.
  void Wake() override {
    MutexLock lock(sleep_->mutex);
    sleep_->woken = true;
    // Under the lock, as the last touch: the waiter may be gone after it.
    sleep_->wake.notify_one();
  }

  // Waits until claimed; a timer claims it when `within` has passed on the engine's clock.
  Result Wait(EngineState& engine, absl::Duration within) {
    Sleep sleep;
    sleep_ = &sleep;
    WaitTimer timer;
    timer.waiter = this;
    if (within != absl::InfiniteDuration())
      engine.clock().Arm(timer, engine.clock().Now() + within);
    if (Publish()) {
      const absl::Status waited = engine.Await(sleep.mutex, sleep.wake, Instant::InfiniteFuture(),
                                               [&sleep] { return sleep.woken; });
      if (!waited.ok()) {
        // Only a simulation with nothing left to do gives up on a claim: nobody else is there to make it.
        WakeList wakes;
        Claim(Outcome::kTimedOut, wakes);
      }
    }
    engine.clock().Cancel(timer);
    return Resumed();
  }

 private:
  struct Sleep {
    Mutex mutex;
    std::condition_variable wake;
    bool woken = false;  // guarded by mutex
  };
  Sleep* sleep_ = nullptr;  // while it waits
};

}  // namespace

// Holds the run open while a thread is inside; refused where there is none, and to a thread that must not wait.
class EdgeStage::Visit {
 public:
  Visit(EdgeStage& edge, bool may_wait);
  Visit(const Visit&) = delete;
  Visit& operator=(const Visit&) = delete;
  ~Visit();
  EngineState& engine() const { return run_->engine(); }
  absl::Status cause() const { return run_->root().cause(); }
  const absl::Status& status() const { return status_; }

 private:
  RunState* run_ = nullptr;
  absl::Status status_;
};

EdgeStage::Visit::Visit(EdgeStage& edge, bool may_wait) {
  MutexLock lock(edge.mutex_);
  if (edge.run_ == nullptr) {
    status_ = edge.SayOver();
  } else if (edge.closed_) {
    status_ = edge.Say(absl::StatusCode::kOutOfRange, edge.why_closed_);
  } else if (edge.run_->TryHold()) {
    run_ = edge.run_;
    if (may_wait) status_ = engine().MayWait();
  } else {
    status_ = edge.run_->tearing_down()
                  ? edge.SayCancelled(edge.run_->root().cause())
                  : edge.Say(absl::StatusCode::kOutOfRange, "the run is over");
  }
}

EdgeStage::Visit::~Visit() {
  if (run_ != nullptr) run_->Release();
}

absl::Status EdgeStage::Say(absl::StatusCode code, const std::string& text) const {
  return Spelled(code, [&] {
    return absl::StrCat("graph '", *graph_name_, "', stage '", name(), "': ", text);
  });
}

absl::Status EdgeStage::SayCancelled(const absl::Status& cause) const {
  return Spelled(absl::StatusCode::kCancelled, [&] {
    return absl::StrCat("graph '", *graph_name_, "', stage '", name(),
                        "': the run was cancelled", cause.message().empty() ? "" : ": ",
                        cause.message());
  });
}

absl::Status EdgeStage::SayOver() const {
  if (graph_name_ == nullptr)
    return absl::FailedPreconditionError("weir: no run of this graph has begun");
  if (!last_cause_.ok()) return SayCancelled(last_cause_);
  return Say(absl::StatusCode::kOutOfRange, "the run is over");
}

absl::Status EdgeStage::SendItem(OutBase& out, void* item, absl::Duration within) {
  within = std::max(within, absl::ZeroDuration());
  const bool may_wait = within > absl::ZeroDuration();
  Visit visit(*this, may_wait);
  if (!visit.status().ok()) return visit.status();
  Channel& channel = out.channel();
  const SendPolicy* const policy = out.policy();
  const absl::Duration patience = policy == nullptr ? absl::InfiniteDuration() : policy->patience;
  SendRequest request;
  request.items = item;
  request.count = 1;
  request.sender = &out.sender();
  request.refusable = policy == nullptr;
  const bool waits = may_wait && patience > absl::ZeroDuration();
  Outcome outcome =
      SendFromThread<ThreadWaiter>(channel, request, waits, [&](ThreadWaiter& waiter) {
        return waiter.Wait(visit.engine(), std::min(within, patience)).outcome;
      });
  if (policy != nullptr) {
    if (outcome == Outcome::kTimedOut && patience <= within) outcome = channel.Overflow(request);
    if (request.sent == 0) channel.Refuse(1);
  }
  constexpr const char* kNotWanted = "no more items are wanted, or the run drains";
  if (outcome == Outcome::kClosed) CloseBecause(kNotWanted);  // the stage has done its part
  const absl::Status bare = ToStatus(outcome);
  switch (outcome) {
    case Outcome::kDone: return bare;
    case Outcome::kClosed: return Say(bare.code(), kNotWanted);
    case Outcome::kTimedOut:
      return Say(bare.code(), may_wait ? absl::StrCat("there was no room for an item within ",
                                                      absl::FormatDuration(within))
                                       : "there is no room for an item");
    case Outcome::kExhausted: return Say(bare.code(), "its channel is full");
    case Outcome::kCancelled: return SayCancelled(visit.cause());
    default: return Say(bare.code(), "the item was not sent");
  }
}

absl::Status EdgeStage::ReceiveItem(InBase& in, void* into, absl::Duration within) {
  const bool may_wait = within > absl::ZeroDuration();
  Visit visit(*this, may_wait);
  if (!visit.status().ok()) return visit.status();
  Channel& channel = in.channel();
  ReceiveRequest request;
  request.into = into;
  const Outcome outcome =
      ReceiveFromThread<ThreadWaiter>(channel, request, may_wait, [&](ThreadWaiter& waiter) {
        return waiter.Wait(visit.engine(), within).outcome;
      });
  constexpr const char* kEnded = "its input has ended";
  if (outcome == Outcome::kEnd) CloseBecause(kEnded);  // the stage has done its part
  const absl::Status bare = ToStatus(outcome);
  switch (outcome) {
    case Outcome::kDone: return bare;
    case Outcome::kEnd: return Say(bare.code(), kEnded);
    case Outcome::kTimedOut:
      return Say(bare.code(), may_wait ? absl::StrCat("no item came within ",
                                                      absl::FormatDuration(within))
                                       : "there is no item");
    case Outcome::kCancelled: return SayCancelled(visit.cause());
    default: return Say(bare.code(), "no item was received");
  }
}

void EdgeStage::Close() { CloseBecause("it has been closed"); }

void EdgeStage::CloseBecause(const char* why) {
  RunState* run = nullptr;
  {
    MutexLock lock(mutex_);
    if (run_ == nullptr || closed_) return;
    closed_ = true;
    why_closed_ = why;
    // It holds the run until the Work has been told: or that of the next run might be.
    if (!run_->TryHold()) return;
    run = run_;
  }
  closing_.Advance(1);
  run->Release();
}

Task<> EdgeStage::Work(Context& context) {
  TurnOperation closed(closing_, 1, context);
  absl::Status status = co_await closed;
  co_return status;
}

void EdgeStage::BeginRun(RunState& run) {
  closing_.Reset();
  MutexLock lock(mutex_);
  run_ = &run;
  graph_name_ = &run.graph_name();
  closed_ = false;
}

void EdgeStage::EndRun() {
  MutexLock lock(mutex_);
  last_cause_ = run_->root().cause();
  run_ = nullptr;
}

}  // namespace weir::internal
