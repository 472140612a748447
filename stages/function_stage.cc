#include "weir/stages/function_stage.h"

#include "absl/strings/str_cat.h"
#include "weir/core/lease.h"
#include "weir/stages/fuse.h"

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
  Verdict verdict = Verdict::kNext;
  absl::Status error;

 private:
  size_t CallBody() {
    struct Taken {
      ~Taken() { lease.Take(count); }
      LeaseBase& lease;
      size_t count = 0;
    } taken{lease};
    verdict = body->Process(lease.items(), lease.size(), taken.count, error);
    if (failed()) error = AtItem(lease.position() + taken.count - 1, error);
    return taken.count;
  }
};

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

Task<> FunctionStage::WorkFrom(Context& context, LeaseBase& lease) {
  Channel& input = ins()[0]->channel();
  ThisWork this_work;
  internal::Work& work = co_await this_work;
  const bool in_turn = ordered_ && workers() > 1 && !outs().empty();
  FunctionRound round(MakeBody(context), lease, outs().empty() ? nullptr : outs()[0], work,
                      in_turn);
  Onward& onward = round.onward;

  while (!lease.empty()) {
    const uint64_t first = lease.position();
    const uint64_t next = first + lease.size();
    bool my_turn = !in_turn;
    while (round.more() || (!lease.empty() && round.verdict == Verdict::kNext)) {
      if (blocking_) {
        auto call = context.Blocking([&round] { round.Process(); });
        absl::Status called = co_await call;
        if (!called.ok()) co_return called;
      } else {
        round.Process();
      }
      if (!my_turn) {
        TurnOperation turn(turns_, first, context);
        absl::Status come = co_await turn;
        if (!come.ok()) {
          onward.Count();
          co_return come;
        }
        my_turn = true;
      }
      onward.Count();
      if (onward.has_output() || round.more()) {
        SendOnward send = onward.Send();
        absl::Status sent = co_await send;
        if (!sent.ok()) {
          if (in_turn) turns_.Advance(next);  // the others have to learn of it too
          co_return onward.Refused(sent);
        }
      }
      if (onward.failed()) co_return onward.Fail(round.error);
      onward.Consider();
    }
    // After a failure in order, nothing later is emitted.
    if (in_turn && !round.failed()) turns_.Advance(next);
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
