// Work: one instance of a stage's coroutine, as the engine sees it. It is the Job that resumes the coroutine and the Waiter
// that the coroutine parks as; a run owns one for each worker of each stage, from its beginning to its end.
//
// How an operation parks (see transfer.h):
//   1. `await_ready` tries. If that decides the outcome, and the Work's budget is not spent, there is no wait.
//   2. `await_suspend` calls `Prepare`, links itself where it waits, arms its timer, and ends with `Suspend`: once that has
//      published the wait, another thread may be running the coroutine, so nothing may follow it. A wait that its channel alone
//      can end is published by the channel, and needs no `Suspend`.
//   3. Whoever claims the wait posts the Work; `Run` resumes the coroutine; `await_resume` asks `Resumed` what happened and
//      unlinks what is still linked.
//
// When a run is cancelled its Works unwind one at a time. `Wake`, `Run` and `Suspend` are the doors: a Work that comes to one
// of them out of turn is held at the run's gate until its turn comes (run_state.h).
#pragma once

#include <algorithm>
#include <atomic>
#include <coroutine>
#include <cstdint>
#include <source_location>
#include <string>

#include "weir/core/block_pool.h"
#include "weir/core/context.h"
#include "weir/core/executor.h"
#include "weir/core/task.h"
#include "weir/core/timer.h"
#include "weir/core/wait.h"

namespace weir {

class Stage;

namespace internal {

class LeaseBase;
class RunState;

class Work final : public Job, public Waiter, public Pooled {
 public:
  Work(RunState& run, Stage& stage, int index, int order);
  ~Work();

  // Job.
  void Run() override;
  std::string Name() const override;
  // Wakeable: posts the Work; where the run is being cancelled it goes to the gate at once.
  void Wake() override;

  // --- For operations, on the thread that runs the Work ---

  // False once the Work has had its share: it is to go to the back of the queue.
  bool SpendBudget() { return --budget_ > 0; }
  // The Work has had its share: its next operation is its last for now.
  void EndTurn() { budget_ = 1; }
  // True if the run is being cancelled and it is not this Work's turn to unwind.
  bool MustTakeTurn() const;
  // Whether a Work goes on at once with an operation that is decided as `outcome`. Whatever it is, it takes of the budget: one
  // that tries again and again would never let those run who could change the outcome.
  bool MayGoOn(Outcome outcome) {
    return SpendBudget() && (outcome == Outcome::kDone || !MustTakeTurn());
  }
  // Suspends a Work whose operation is decided already: to the back of the queue, or to the gate.
  void Yield(std::coroutine_handle<> frame);
  void Prepare(std::coroutine_handle<> frame, const Wait& wait) {
    BeforeWait(wait.kind == WaitKind::kReceive ? wait.channel : nullptr);
    resume_point_ = frame;
    Note(wait);
    Waiter::Prepare();
  }
  // Publishes the wait. True: suspended, and nothing of the frame may be touched. False: decided meanwhile, go on.
  bool Suspend() { return Publish() || SuspendDecided(); }
  // For an operation that must publish under a lock of its own; if that fails, `SuspendDecided` does the rest.
  bool SuspendDecided();
  // One that is not open.
  void OpenLease(LeaseBase& lease);
  void CloseLease(LeaseBase& lease);

  RunState& run() { return run_; }
  Stage& stage() { return stage_; }
  int index() const { return index_; }
  int order() const { return order_; }
  Context& context() { return context_; }
  Clock& clock();
  // The Work whose stage's body this one runs in its stead (OutBase::fused); null for its own. Read by the sampler.
  void RunFor(Work* other) { runs_for_.store(other, std::memory_order_relaxed); }

  // --- For the sampler, from any thread ---
  WaitKind waiting_kind() const { return waiting_kind_.load(std::memory_order_relaxed); }
  // Read part by part while the Work goes on: they belong to one wait if `waits` is the same before and after.
  Wait waiting() const;
  // How many operations that try once have found nothing (a zero duration): what polls does little else.
  uint32_t polls() const { return polls_.load(std::memory_order_relaxed); }
  void NotePoll() { polls_.store(polls() + 1, std::memory_order_relaxed); }
  // How many waits it has prepared.
  uint32_t waits() const { return waits_.load(std::memory_order_acquire); }
  Work* runs_for() const { return runs_for_.load(std::memory_order_relaxed); }

 private:
  // By the sampler alone, with the run's lock: the wait that it saw last, and when it saw it first.
  uint32_t waits_seen_ = 0;
  Instant seen_since_;
  uint32_t polls_seen_ = 0;

  friend class RunState;
  friend Trampoline& TrampolineOf(Work& work);

  // How many operations a Work may do without waiting before others get their turn.
  static constexpr int kBudget = 256;

  // What the Work has taken makes room; a channel that is received from does that itself.
  void BeforeWait(const Channel* received_from);

  // Tells the sampler what the Work waits for.
  void Note([[maybe_unused]] WaitKind kind) {
#ifndef WEIR_NO_COUNTERS  // --config=nocounters: what the counters cost
    waiting_kind_.store(kind, std::memory_order_relaxed);
#endif
  }
  void Note([[maybe_unused]] const Wait& wait) {
#ifndef WEIR_NO_COUNTERS
    waits_.store(waits_.load(std::memory_order_relaxed) + 1, std::memory_order_relaxed);
    waiting_channel_.store(wait.channel, std::memory_order_relaxed);
    waiting_place_.store(wait.place, std::memory_order_relaxed);
    waiting_bounded_.store(wait.bounded, std::memory_order_relaxed);
    if (wait.kind == WaitKind::kSelect) waiting_ports_.store(wait.ports, std::memory_order_relaxed);
    Note(wait.kind);
#endif
  }

  // Constant after construction.
  RunState& run_;
  Stage& stage_;
  const int index_;
  const int order_;  // its place in the order of unwinding
  const bool faulty_;  // the engine injects faults

  // Guarded by the run's lock (run_state.h).
  bool at_gate_ = false;
  bool ended_ = false;
  bool overdue_ = false;

  // Owned by the thread that runs the Work.
  Context context_;
  Task<> task_;
  std::coroutine_handle<> resume_point_;
  Trampoline* trampoline_ = nullptr;
  LeaseBase* leases_ = nullptr;
  int budget_ = kBudget;
  bool started_ = false;

  // Set under the run's lock before the Work is posted: it may unwind now.
  std::atomic<bool> granted_{false};

  // Written by the Work, read by the sampler; order nothing.
  std::atomic<WaitKind> waiting_kind_{WaitKind::kNothing};
  std::atomic<bool> waiting_bounded_{false};
  std::atomic<uint32_t> waits_{0};
  std::atomic<uint32_t> polls_{0};
  std::atomic<const Channel*> waiting_channel_{nullptr};
  std::atomic<std::source_location> waiting_place_{};
  std::atomic<uint64_t> waiting_ports_{0};
  std::atomic<Work*> runs_for_{nullptr};
};

// Claims its waiter as timed out.
class WaitTimer final : public Timer {
 public:
  WaitTimer() = default;
  Waiter* waiter = nullptr;
  Channel* sends_to = nullptr;  // of a send
  void Fire(WakeList& wakes) override;
};

// What may end a wait beside what is waited for and the run: a duration, a Context. An operation has one or the other of
// these two, so that one without bounds, the common one, carries none.
class Unbounded {
 public:
  static constexpr bool kBounded = false;
  bool cancelled() const { return false; }
  bool tries_once() const { return false; }
  absl::Duration within() const { return absl::InfiniteDuration(); }
  Context* bound() const { return nullptr; }
  bool MayEnd(Work&) const { return false; }
  void Arm(Work&, Channel* = nullptr) {}
  Waiter::Result Disarm(Work& work) { return work.Resumed(); }
};

class Bounds {
 public:
  static constexpr bool kBounded = true;
  // `bound` may be null, `within` infinite.
  Bounds(absl::Duration within, Context* bound)
      : within_(std::max(within, absl::ZeroDuration())), bound_(bound) {}
  Bounds(Bounds&& other) : within_(other.within_), bound_(other.bound_) {}  // before it is armed
  ~Bounds() {}
  bool cancelled() const { return bound_ != nullptr && bound_->cancelled(); }
  bool tries_once() const { return within_ <= absl::ZeroDuration(); }
  absl::Duration within() const { return within_; }
  Context* bound() const { return bound_; }
  // Whether they may end a wait of `work` before its run ends. Its own Context does not.
  bool MayEnd(Work& work) const {
    return within_ != absl::InfiniteDuration() || (bound_ != nullptr && bound_ != &work.context());
  }
  // Between Prepare and Suspend, for a wait that is not decided yet; `sends_to` if it is a send.
  void Arm(Work& work, Channel* sends_to = nullptr);
  // After the resumption of a Work that had prepared to wait.
  Waiter::Result Disarm(Work& work);

 private:
  struct Armed {
    WaitTimer timer;
    WaitLink link;
  };
  const absl::Duration within_;
  Context* const bound_;
  bool armed_ = false;
  union {
    Armed wait_;  // once armed_
  };
};

}  // namespace internal
}  // namespace weir
