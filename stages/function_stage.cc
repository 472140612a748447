#include "weir/stages/function_stage.h"

#include <algorithm>
#include <memory>
#include <utility>

#include "absl/strings/str_cat.h"
#include "weir/core/lease.h"
#include "weir/stages/fuse.h"
#include "weir/stages/reorder_window.h"

namespace weir::internal {
namespace {

// What a Work does between two waits. Not locals of its coroutine, where each would be stored for each wait.
struct FunctionRound {
  FunctionRound(std::unique_ptr<Body> with, LeaseBase& lease, OutBase* out, internal::Work& work,
                bool in_turn)
      : body(std::move(with)),
        lease(lease),
        work(work),
        onward(out, body->outputs(), work, kMostAtOnce, in_turn) {}

  // Calls the body with as much as fits into one send; the rest of the lease waits in the channel.
  // An item that gives more than that ends the Work's turn: others take what it has given before it
  // gives more.
  void Process() {
    onward.Begin();
    onward.Run(CallBody());
    if (more()) work.EndTurn();
  }
  bool failed() const { return verdict == Verdict::kFailed; }
  bool more() const { return verdict == Verdict::kMore; }

  const std::unique_ptr<Body> body;
  LeaseBase& lease;
  internal::Work& work;
  Onward onward;
  uint64_t first = 0;               // the position of its first item
  std::unique_ptr<HeldRound> held;  // on its way into the reorder window, or out of it
  Verdict verdict = Verdict::kNext;
  bool stopped = false;  // BatchLimit: before all of the lease was taken
  absl::Status error;

 private:
  size_t CallBody() {
    struct Taken {
      ~Taken() { lease.Take(count); }
      LeaseBase& lease;
      size_t count = 0;
    } taken{lease};
    const size_t count = lease.size();
    verdict = body->Process(lease.items(), count, taken.count, error);
    stopped = taken.count < count && verdict == Verdict::kNext &&
              BatchLimit::OfThisThread().last_was_stopped();
    if (failed()) error = AtItem(lease.position() + taken.count - 1, error);
    return taken.count;
  }
};

// Passes on what one of several workers that keep their inputs' order has emitted in a round: leaves it in the window, or emits it,
// and what follows there. OK also for a round that ends in an error: then nothing later is emitted. An item that gives more than a
// round may emit keeps the turn.
Task<> EmitInTurn(Context& context, ReorderWindow& window, FunctionRound& round) {
  Onward& onward = round.onward;
  const uint64_t first = round.first;
  uint64_t next = round.lease.position();
  const bool may_leave = round.verdict == Verdict::kNext && !onward.failed();
  const uint64_t from = may_leave ? window.HoldsFrom(first, next) : first;
  if (!window.Reached(from)) {
    TurnOperation turn(window.turnstile(), from, context);
    absl::Status come = co_await turn;
    if (!come.ok()) {
      onward.Count();
      co_return come;
    }
  }
  bool left = false;
  if (may_leave && !window.Reached(first)) {
    onward.LeaveIn(round.held);
    round.held->first = first;
    round.held->next = next;
    left = window.Hold(round.held);
    if (!left) onward.TakeFrom(*round.held);
  }
  while (!left) {
    onward.Count();
    if (onward.has_output() || round.more()) {
      SendOnward send = onward.Send();
      absl::Status sent = co_await send;
      if (!sent.ok()) {
        if (absl::IsOutOfRange(sent)) window.OpenToAll();
        co_return onward.Refused(sent);
      }
    }
    if (onward.failed()) co_return onward.Fail(round.error);
    if (round.failed() || round.more()) co_return absl::OkStatus();
    if (!window.Advance(next, round.held)) break;
    onward.TakeFrom(*round.held);
    next = round.held->next;
  }
  if (onward.TakeEndOfTurn()) {
    YieldOperation yield;
    co_await yield;
  }
  co_return absl::OkStatus();
}

}  // namespace

absl::Status AtItem(uint64_t position, const absl::Status& error) {
  return absl::Status(error.code(), absl::StrCat("item ", position, ": ", error.message()));
}

// A Work whose stage's body is run by another's sleeps in here to the end. There may be ten thousands of them: what it takes to work
// is in a frame of its own, which is made for the first item.
Task<> FunctionStage::Work(Context& context) {
  if (wants_nothing()) co_return absl::OkStatus();
  Channel& input = ins()[0]->channel();
  LeaseBase lease(input.type());
  ReceiveBatchOperation receive(input, lease, 1, Unbounded());
  const bool any = co_await receive;
  if (!any && fusable_)
    co_return input.run_cancelled() ? absl::CancelledError("") : absl::OkStatus();
  Task<> rest = WorkFrom(context, lease);
  absl::Status ended = co_await rest;
  co_return ended;
}

void FunctionStage::BeginRun(RunState&) {
  if (!ordered_ || workers() == 1 || outs().empty()) return;
  if (ordered_window_ > 0) {
    reorder_.Begin(ordered_window_, 0);
    return;
  }
  const size_t workers = static_cast<size_t>(this->workers());
  reorder_.Begin(std::max(ins()[0]->channel().capacity(), 16 * workers), 4 * workers);
}

Task<> FunctionStage::WorkFrom(Context& context, LeaseBase& lease) {
  Channel& input = ins()[0]->channel();
  ThisWork this_work;
  internal::Work& work = co_await this_work;
  const bool in_turn = ordered_ && workers() > 1 && !outs().empty();
  FunctionRound round(MakeBody(context), lease, outs().empty() ? nullptr : outs()[0], work,
                      in_turn);
  Onward& onward = round.onward;

  while (!lease.empty()) {
    while (round.more() || (!lease.empty() && round.verdict == Verdict::kNext)) {
      if (in_turn && !round.more()) round.first = lease.position();
      if (blocking_) {
        auto call = context.Blocking([&round] { round.Process(); });
        absl::Status called = co_await call;
        if (!called.ok()) co_return called;
      } else {
        round.Process();
      }
      if (in_turn) {
        Task<> emit = EmitInTurn(context, reorder_, round);
        absl::Status emitted = co_await emit;
        if (!emitted.ok()) co_return emitted;
      }
      if (!in_turn && (onward.has_output() || round.more())) {
        SendOnward send = onward.Send();
        absl::Status sent = co_await send;
        if (!sent.ok()) co_return onward.Refused(sent);
      }
      if (onward.failed()) co_return onward.Fail(round.error);
      onward.Consider();
      if (round.stopped && !lease.empty()) {
        // An item was slow: the others may have theirs from an idle worker, and the run may be over.
        onward.StartSlowly();
        if (workers() > 1) lease.GiveBack();
        YieldOperation yield;
        co_await yield;
        if (input.run_cancelled()) co_return absl::CancelledError("");
      }
    }
    if (round.verdict != Verdict::kNext) break;
    ReceiveBatchOperation receive(input, lease, onward.limit(), Unbounded());
    co_await receive;
  }
  if (round.failed()) co_return round.error;
  if (input.run_cancelled()) co_return absl::CancelledError("");
  round.verdict = round.body->Finish(round.error);
  if (round.failed()) co_return round.error;
  onward.Run(0);
  onward.Count();
  if (onward.has_output()) {
    SendOnward send = onward.Send();
    absl::Status sent = co_await send;
    if (!sent.ok()) co_return onward.Refused(sent);
  }
  if (onward.failed()) co_return onward.Fail(round.error);
  co_return absl::OkStatus();
}

}  // namespace weir::internal
