// Run: one execution of a graph on an engine. It begins when it is constructed, owns everything that it starts, and has
// joined all of it when it is over.
//
//   weir::Report report = weir::Run(engine, graph).Wait();
#pragma once

#include <functional>
#include <memory>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "weir/core/engine.h"
#include "weir/core/graph.h"
#include "weir/core/operations.h"
#include "weir/core/report.h"

namespace weir {

struct RunOptions {
  // From the beginning of the run; when it has passed, the run is cancelled with DEADLINE_EXCEEDED.
  absl::Duration deadline = absl::InfiniteDuration();
  // A Context whose cancellation cancels the run, with the same cause: that of a Work that runs a graph of its own. It
  // must outlive the run.
  Context* parent = nullptr;
};

// What becomes of a result that covers only a part of the input, because the run was drained before
// it had read all of it.
enum class Partial {
  // It is a result: the drain is how an endless input ends.
  kKeep,
  // It is none: the drain is an interruption. A stage that makes its result final at the end of its
  // input, as WriteLines does, fails instead (`Context::discards_partial`), and what was there
  // before stays.
  kDiscard,
};

namespace internal {
class RunState;
class FinishedOperation;
}  // namespace internal

// All members may be called from any thread while the Run lives. Engine and graph must outlive it.
class Run {
 public:
  // A graph that Check refuses, an engine that could not be made, or a graph that runs already, gives a Run that is over,
  // with the reason in its report. std::bad_alloc if there is no memory to begin with it: then nothing has happened.
  Run(Engine& engine, Graph& graph, RunOptions options = {});
  Run(const Run&) = delete;
  Run& operator=(const Run&) = delete;
  // Cancels the run if it is not over, and joins it. Not on a thread of its engine: the process is ended with a message.
  ~Run();

  // Waits until the run is over. On a thread of its own engine, its clock's too, it is refused: the report's status is FAILED_PRECONDITION.
  Report Wait();
  // The same, for at most `timeout`; the report says with `over` whether it is. A Work that ignores a cancellation keeps its run from
  // being over, and is named in `teardown.overdue` after the grace period: to wait on, or to end the process (std::_Exit), is
  // the program's choice.
  Report WaitFor(absl::Duration timeout);
  // To be awaited in a Work, of this engine or another: a StatusOr with the final report, once the run is over. CANCELLED if the
  // awaiting Work's own run is cancelled before; but a run whose `parent` is the Work's Context, or one below it, is cancelled with
  // it, and waited for all the same: so the Work that owns such a Run may destroy it afterwards.
  [[nodiscard]] internal::FinishedOperation Finished();
  // Calls back once, when the report is final: on a thread of the engine, or here if the run is over. The callback must
  // not wait and must not destroy the Run. What it throws on a thread of the engine is logged.
  void OnDone(std::function<void(const Report&)> callback);

  // Ends the run as soon as its Works have unwound; `cause` becomes its status if it is the first. Idempotent; legal at any
  // time, also before the first Work has begun. `cause` must not be OK.
  void Cancel(absl::Status cause = absl::CancelledError("cancelled by the program"));
  // Ends the input: every stage sees `draining()`, so that those that read from outside stop; the
  // sleeps of stages without inputs end, and their next send is refused with OUT_OF_RANGE; what is
  // in flight flows out. After `deadline` it becomes a cancellation, with DEADLINE_EXCEEDED.
  // `partial` says what a result is worth whose input was cut short by it; the report says whether
  // one was (`input_cut`). Of several calls the first counts, with its arguments.
  void Drain(absl::Duration deadline = absl::InfiniteDuration(), Partial partial = Partial::kKeep);

  bool over() const;
  // How things stand: the same report, with the figures of now. Cheap enough for a progress line.
  Report Snapshot() const;

 private:
  std::unique_ptr<internal::RunState> state_;
};

namespace internal {

struct FinishedWait;

class FinishedOperation final : public Operation {
 public:
  explicit FinishedOperation(RunState& run);
  ~FinishedOperation();
  bool await_ready() { return false; }
  bool await_suspend(std::coroutine_handle<> frame);
  absl::StatusOr<Report> await_resume();

 private:
  RunState& run_;
  WaitLink context_link_;
  std::shared_ptr<FinishedWait> wait_;  // with the run, which may be over later
};

}  // namespace internal
}  // namespace weir
