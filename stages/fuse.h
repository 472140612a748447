// Fusing: a Work runs the bodies of the stages behind its own, one after the other over each batch, instead of sending what it
// emits from one to the next. Neighbours are fused where nothing observable changes by it (RunState::Fuse): they are drawn, named
// in errors and counted as declared.
//
//   - The stages behind must remember nothing from one item to the next (Map, Filter, Tap, ForEach, Ignore), must not block, and
//     emit at most one item for each: so nothing is left between two bodies when the Work comes to wait, and what is in its hands
//     is one batch.
//   - The Works of those stages exist, and sleep on their empty channels. They end one after the other as ever: at the end of the
//     input, at a cancellation, or because the last of them was told that nobody wants more.
//   - The channels between count what has passed (Channel::Pass). An item on which no body was called stays with its sender.
//   - Bodies that turn out to take long are better off on threads of their own: the Work splits then, and sends from the next
//     batch on (Pace::slow). Where several workers share the stages, all threads have work already, and it does not.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <utility>
#include <vector>

#include "absl/base/attributes.h"
#include "absl/status/status.h"
#include "weir/core/port.h"
#include "weir/core/transfer.h"
#include "weir/core/work.h"
#include "weir/stages/function_stage.h"
#include "weir/stages/items.h"
#include "weir/stages/pace.h"
#include "weir/stages/reorder_window.h"

namespace weir::internal {

// A stage whose body is run by the Work `head` of a stage before it, over what will be in `input`.
class FusedStage : public Pooled {
 public:
  FusedStage(const InBase& in, ItemBuffer& input, Work& head);

  // Takes all of its input, and emits; false if there was none. It stops at the first error, which is kept. What it has taken is
  // counted, now or by a call of Count: it has passed its channel, and an error names the item that it is about by its place there.
  bool Run(bool count_now);
  void Count();
  // Its stage's Work, which sleeps: by it the stage is named, and its function sees the Context that it would have.
  Work& own_work() { return own_work_; }
  // Where it emits to, and what: null for a sink.
  OutBase* out() { return out_; }
  ItemBuffer* outputs() { return body_->outputs(); }
  const absl::Status& error() const { return error_; }
  void FailRun(const absl::Status& error);
  // What a call of Count would count, for a round that is left in a ReorderWindow, or comes from there.
  FusedTake& uncounted() { return uncounted_; }

 private:
  void Count(const FusedTake& take);

  Work& own_work_;
  Channel& channel_;
  OutBase* const out_;
  ItemBuffer& input_;
  const std::unique_ptr<Body> body_;
  FusedTake uncounted_;
  absl::Status error_;
};

// `co_await` sends what a Work has emitted, if there is anything, and lets others run in between. A Status, as of a send. What was not
// sent, because it failed, is destroyed.
class SendOnward final : public SendOperation<Unbounded> {
 public:
  enum class What {
    kItems,
    kItemsThenRoom,  // items; and if they went at once, then room for more: for who is to wait for that next
    kRoom,
  };
  // `items` may be null, for nothing.
  SendOnward(OutBase& out, ItemBuffer* items, What what)
      : SendOperation(out.channel(), out.sender(), items == nullptr ? nullptr : items->data(),
                      items == nullptr ? 0 : items->size(), Unbounded(), what == What::kRoom),
        items_(items),
        waits_(what == What::kRoom || count > 0),
        then_room_(what == What::kItemsThenRoom && sender->policy == nullptr) {
    buffer = items;
  }
  bool await_ready() {
    if (!waits_) return ReadyWithNothing();
    return SendOperation::await_ready() && !(then_room_ && WaitsForRoom());
  }
  bool await_suspend(std::coroutine_handle<> frame);
  absl::Status await_resume() {
    if (!waits_ || !sent_at_once()) return Finish();
    if (items_ != nullptr) items_->Clear();
    return absl::OkStatus();
  }

 private:
  bool ReadyWithNothing();
  bool WaitsForRoom() {
    if (!sent_at_once() || channel().RoomSeen() > 0) return false;
    items_->Clear();
    AskForRoom();
    return true;
  }
  absl::Status Finish();

  ItemBuffer* const items_;
  const bool waits_;
  const bool then_room_;
  bool cancelled_ = false;
};

// The way of a Work's outputs: through the bodies that are fused with its stage, and out. A local of the Work. In each round:
//
//   onward.Begin(); emit into the items; onward.Run(taken);
//   onward.Count();                                               // if it is `in_turn`, when that has come
//   SendOnward send = onward.Send(); absl::Status sent = co_await send;
//   if (!sent.ok()) co_return onward.Refused(sent);               // then errors behind it are not wanted either
//   if (onward.failed()) co_return onward.Fail(own_error);
//   onward.Consider();
class Onward {
 public:
  // `out` and `items` are null for a sink. A round is of `most` items at the most. `in_turn`: it is one of several workers that keep
  // an order among them.
  Onward(OutBase* out, ItemBuffer* items, Work& work, size_t most, bool in_turn = false)
      : work_(work),
        out_(out),
        items_(items),
        in_turn_(in_turn),
        last_out_(out),
        last_items_(items),
        pace_(most) {}

  // How many items to take in the next round.
  size_t limit() const { return pace_.limit(); }
  void Begin() { pace_.Begin(work_.context()); }
  // Runs the fused bodies over what has been emitted for `taken` items, and ends the Work's turn if the round was as long as one.
  ABSL_ATTRIBUTE_ALWAYS_INLINE void Run(size_t taken) {
    if (!looked_ || !fused_.empty()) RunFused();
    if (pace_.End(work_.context(), taken, fused_.size())) EndTurn();
  }
  // Counts what the fused bodies have taken, in the order in which it is emitted.
  void Count() {
    if (in_turn_) CountFused();
  }
  // Whether there is anything to send, or to give others their turn for.
  bool has_output() const {
    return last_out_ != nullptr && (last_items_ == nullptr || !last_items_->empty());
  }
  SendOnward Send(SendOnward::What what = SendOnward::What::kItems) {
    return SendOnward(*last_out_, last_items_, what);
  }

  // How many items are worth making: no more than can be sent at once, or a source that is faster than what is behind it would
  // have them in its hands, beside those in the channel. If it is none, wait for room.
  size_t room() const {
    return last_items_ == nullptr ? SIZE_MAX : last_out_->channel().RoomSeen();
  }
  SendOnward WaitForRoom() { return SendOnward(*last_out_, nullptr, SendOnward::What::kRoom); }

  // An item was slow: the next rounds are short.
  void StartSlowly() { pace_.Restart(); }

  // Between two batches: whether the bodies go on in this Work.
  void Consider() {
    if (fused_.empty() || work_.stage().workers() > 1) return;
    if (++batches_ > out_->fused_batches() || pace_.slow()) Split();
  }

  // A send failed: the status to end with. Where nobody wants more, the sleeping Works learn it from the first to the last, and
  // end as they would have one by one. An error is that of the stage whose output it is.
  absl::Status Refused(absl::Status sent);

  // For a Work that keeps an order with others, and has to yield once it has passed its round on: a round was as long as a turn.
  bool TakeEndOfTurn() { return std::exchange(turn_ended_, false); }
  // Moves the outputs of a round, and what is to be counted with them, into `round` and back.
  void LeaveIn(std::unique_ptr<HeldRound>& round);
  void TakeFrom(HeldRound& round);

  bool failed() const { return failed_; }
  // The run fails with the errors of the bodies, each under its own stage's name; the status to end with. `own` is that of the Work's
  // own stage, if it failed on a later item.
  absl::Status Fail(const absl::Status& own);

 private:
  void EndTurn() {
    if (in_turn_) {
      turn_ended_ =
          true;  // not while it has the turn: the others would leave their rounds behind it for as long
    } else {
      work_.EndTurn();
    }
  }
  void RunFused();
  void CountFused();
  void Look();
  void Split();

  Work& work_;
  OutBase* const out_;
  ItemBuffer* const items_;
  const bool in_turn_;
  std::vector<std::unique_ptr<FusedStage>> fused_;
  // The end of the row. That of a sink has no items, and any Out: of which nothing is sent.
  OutBase* last_out_;
  ItemBuffer* last_items_;
  Pace pace_;
  bool looked_ = false;
  bool failed_ = false;
  bool turn_ended_ = false;
  uint32_t batches_ = 0;
};

}  // namespace weir::internal
