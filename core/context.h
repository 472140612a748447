// Context: what a stage is handed to know of cancellation, deadlines and time, as in Go. A tree: each Work has one, whose
// parent is the run's; a Work makes children for a part of what it does:
//
//   weir::Context attempt = context.WithTimeout(absl::Seconds(2));
//   auto reply = co_await replies.Receive(attempt);          // nothing if `attempt` ended first
//
// A child lives in the frame that made it and ends before its parent. Cancelling a Context reaches all below it at once,
// and none above. The first cause wins and stays.
//
// Locks: one per tree. It guards the shape of the tree, the causes and the lists of waits. Lock order: a clock's heap, then
// the tree; so nobody arms or cancels a timer with the tree's lock held.
#pragma once

#include <atomic>
#include <coroutine>
#include <exception>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "weir/core/clock.h"
#include "weir/core/mutex.h"
#include "weir/core/timer.h"
#include "weir/core/wait.h"

namespace weir {

class Engine;
class Run;

namespace internal {

class EngineState;

// What the Contexts of one run share.
struct ContextTree {
  EngineState& engine;
  const std::string& graph_name;
  Mutex mutex;
  bool over = false;  // all Contexts go, on one thread: none need be taken out of the tree
  // Whether the drain has left input unread, and whether the drain declared a partial result
  // worthless. Both are set, for good, before the port closes by which those downstream learn of
  // the end of the input; that orders them.
  std::atomic<bool> input_cut{false};
  std::atomic<bool> discards_partial{false};
};

class Work;
class RunState;
class Bounds;
class SleepOperation;
class YieldOperation;
class TurnOperation;
class FinishedOperation;
class BlockingOperationBase;
template <class F>
class BlockingOperation;
template <class Awaitable>
class ExternalOperation;

}  // namespace internal

class Context final {
 public:
  Context(const Context&) = delete;
  Context& operator=(const Context&) = delete;
  ~Context();

  // Any thread.
  bool cancelled() const { return cancelled_.load(std::memory_order_acquire); }
  // OK until cancelled; then why: the run's cause, DEADLINE_EXCEEDED, or what was given to Cancel.
  absl::Status cause() const;
  // The earliest of this Context's deadline and those above it.
  Instant deadline() const { return deadline_; }
  Instant Now() const;
  // True once the run drains, in every Work. A Work that reads from outside (files, pipes, sockets)
  // finishes or leaves out what it has begun, reads nothing more, and ends, whether it was told
  // what to read by an In or not. A Work that only processes what it receives need not ask: its
  // input ends when those upstream have ended. Only the sends of stages without an In are refused
  // by a drain, and only the sleeps of these end. Any thread.
  bool draining() const { return draining_->load(std::memory_order_acquire); }
  // Notes that this Work leaves out input because the run drains; the report says so (`input_cut`).
  // For stages that read from outside and have an In: of a stage without one that has not ended
  // when the drain begins, the run assumes it. Called before the Work ends. Any thread.
  void NoteInputCut() { tree_.input_cut.store(true, std::memory_order_release); }
  // True if the run was drained by `Run::Drain(deadline, Partial::kDiscard)` before all of its
  // input was read. A stage that is about to make its result final asks once its own input has
  // ended: what it has is a part, and must not replace a complete result.
  bool discards_partial() const {
    return tree_.input_cut.load(std::memory_order_acquire) &&
           tree_.discards_partial.load(std::memory_order_acquire);
  }

  // Children. Keep them as locals: they must be gone before their parent is.
  [[nodiscard]] Context WithCancel() { return Context(*this, Instant::InfiniteFuture()); }
  [[nodiscard]] Context WithTimeout(absl::Duration timeout) {
    return Context(*this, Now() + timeout);
  }
  [[nodiscard]] Context WithDeadline(Instant deadline) { return Context(*this, deadline); }

  // Cancels this Context and all below it. Idempotent; any thread, while the Context lives. `cause` must not be OK.
  void Cancel(absl::Status cause);

  // One line to the engine's log, with the names of graph and stage before it.
  void Log(std::string_view message) const;

  // --- To be awaited, by the Work whose Context this is (or is below of) ---

  // A Status: OK after `duration`, or sooner where the run drains and this is a source; CANCELLED.
  [[nodiscard]] internal::SleepOperation Sleep(absl::Duration duration);
  // Lets others run first. Returns nothing.
  [[nodiscard]] internal::YieldOperation Yield();
  // Runs `fn()` or `fn(Context&)` on the engine's threads for blocking calls and gives what it returns: Status for void and
  // Status, StatusOr<R> otherwise. An exception becomes INTERNAL. RESOURCE_EXHAUSTED if the system has no thread for it. At
  // cancellation a call that has not begun is dropped, with CANCELLED; one that runs is waited for: let it look at `cancelled()`.
  template <class F>
  [[nodiscard]] internal::BlockingOperation<F> Blocking(F fn);
  // Awaits an awaitable of another library, which may resume on any thread; the Work goes on on the engine's. Gives what
  // the awaitable gives and throws what it throws. A cancelled run waits for it, so bound it by its own means.
  template <class Awaitable>
  [[nodiscard]] internal::ExternalOperation<Awaitable> External(Awaitable awaitable);

 private:
  friend class internal::Work;
  friend class internal::RunState;
  friend class internal::Bounds;
  friend class internal::SleepOperation;
  friend class internal::TurnOperation;
  friend class internal::BlockingOperationBase;
  friend class internal::FinishedOperation;

  // Cancels the Context when its time has come.
  class Deadline final : public internal::Timer {
   public:
    explicit Deadline(Context& context) : context_(context) {}
    void Fire(internal::WakeList& wakes) override;

   private:
    Context& context_;
  };

  // A run's root.
  Context(internal::ContextTree& tree, const std::atomic<bool>& draining);
  // A Work's. `is_source`: its stage has no In, so that its sleeps end when the run drains.
  // `stage_name` is kept by reference.
  Context(Context& parent, bool is_source, const std::string& stage_name);
  // A child of a Work's.
  Context(Context& parent, Instant deadline);

  void Attach();

  // Under the tree's lock.
  void CancelLocked(const absl::Status& cause, internal::WakeList& wakes);
  void WakeSleepersLocked(internal::WakeList& wakes);
  void Detach();
  // Whether a drain has ended the sleeps of this Work.
  bool sleeps_ended() const { return is_source_ && draining(); }

  // Links a wait that this Context's cancellation is to claim. False: cancelled already, and not linked.
  bool Link(internal::WaitLink& link);
  // The same, for a wait that also ends when the run begins to drain and this is a source's.
  bool LinkSleep(internal::WaitLink& link);
  void Unlink(internal::WaitLink& link);
  void UnlinkSleep(internal::WaitLink& link);

  internal::ContextTree& tree_;
  Context* const parent_;
  const std::atomic<bool>* const draining_;
  const std::string* const stage_name_;  // null for a run's root
  const bool is_source_;
  Instant deadline_ = Instant::InfiniteFuture();
  std::atomic<bool> cancelled_{
      false};  // release after the cause is set; acquire by who reads the cause
  Deadline timer_{*this};
  bool armed_ = false;

  // Guarded by the tree's lock.
  absl::Status cause_;
  Context* first_child_ = nullptr;
  Context* next_sibling_ = nullptr;
  Context* previous_sibling_ = nullptr;
  internal::WaitList waits_;
  internal::WaitList sleeps_;
};

}  // namespace weir
