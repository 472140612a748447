#include "weir/core/run.h"

#include <cstdio>
#include <cstdlib>
#include <new>
#include <utility>

#include "absl/strings/str_cat.h"
#include "weir/core/if_room.h"
#include "weir/core/run_state.h"

namespace weir {

namespace internal {

// What a run and a Work that waits for it share: whoever comes second finds that the first was there.
struct FinishedWait {
  Mutex mutex;
  Waiter* waiter = nullptr;  // guarded by mutex; null once nobody waits
  Report report;             // guarded by mutex
};

FinishedOperation::FinishedOperation(RunState& run)
    : run_(run), wait_(std::make_shared<FinishedWait>()) {}
FinishedOperation::~FinishedOperation() = default;

bool FinishedOperation::await_suspend(std::coroutine_handle<> frame) {
  // A run of the same engine is nothing from outside: a simulation that waits for it alone is stuck.
  const bool same = &run_.engine() == &work_->run().engine();
  work_->Prepare(frame, {.kind = same ? WaitKind::kRun : WaitKind::kExternal, .place = place_});
  context_link_.waiter = work_;
  wait_->waiter = work_;
  run_.OnDone([wait = wait_](const Report& report) {
    MutexLock lock(wait->mutex);
    try {
      wait->report = report;
    } catch (const std::bad_alloc&) {
      wait->report = {};
      wait->report.over = true;
      wait->report.status = absl::ResourceExhaustedError("");
    }
  });
  run_.OnOver([wait = wait_] {
    WakeList wakes;
    MutexLock lock(wait->mutex);
    if (wait->waiter != nullptr) wait->waiter->Claim(Outcome::kDone, wakes);
    wait->waiter = nullptr;
  });
  if (!run_.BelongsTo(*work_) && !work_->context().Link(context_link_)) {
    WakeList none;
    work_->Claim(Outcome::kCancelled, none);
  }
  return work_->Suspend();
}

absl::StatusOr<Report> FinishedOperation::await_resume() {
  work_->context().Unlink(context_link_);
  MutexLock lock(wait_->mutex);
  wait_->waiter = nullptr;
  if (work_->Resumed().outcome != Outcome::kDone) return absl::CancelledError("");
  return wait_->report;
}

}  // namespace internal

Run::Run(Engine& engine, Graph& graph, RunOptions options)
    : state_(std::make_unique<internal::RunState>(*engine.state_, graph, options)) {
  state_->Start(engine.status());
}

Run::~Run() {
  if (state_->engine().forked()) {
    // A copy in a child process: nobody is there to end it, and what its Works hold cannot be let go.
    state_->AbandonAfterFork();
    (void)state_.release();
    return;
  }
  if (state_->over()) return;
  if (absl::Status may = state_->MayWait(); !may.ok()) {
    std::fprintf(stderr, "%s (in the destructor of a Run)\n", std::string(may.message()).c_str());
    std::abort();
  }
  state_->Cancel(absl::CancelledError("the Run was destroyed before it was over"));
  state_->Await(Instant::InfiniteFuture()).IgnoreError();
}

Report Run::Wait() { return WaitFor(absl::InfiniteDuration()); }

Report Run::WaitFor(absl::Duration timeout) {
  const absl::Status waited = state_->Await(state_->engine().clock().Now() + timeout);
  Report report = state_->Snapshot();
  if (absl::IsDeadlineExceeded(waited) && !report.over) {
    report.status = internal::Spelled(waited.code(), [&] {
      return absl::StrCat("graph '", report.graph, "': the run is not over after ",
                          absl::FormatDuration(timeout));
    });
  } else if (!waited.ok() && !report.over) {
    report.status = waited;
  }
  return report;
}

internal::FinishedOperation Run::Finished() { return internal::FinishedOperation(*state_); }

void Run::OnDone(std::function<void(const Report&)> callback) {
  state_->OnDone(std::move(callback));
}
void Run::Cancel(absl::Status cause) { state_->Cancel(std::move(cause)); }
void Run::Drain(absl::Duration deadline, Partial partial) { state_->Drain(deadline, partial); }
bool Run::over() const { return state_->over(); }
Report Run::Snapshot() const { return state_->Snapshot(); }

}  // namespace weir
