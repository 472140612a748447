// Fusing: a Work runs the bodies of the stages behind its own, one after the other over each batch, instead of sending what it
// emits from one to the next. Neighbours are fused where nothing observable changes by it (RunState::Fuse): they are drawn, named
// in errors and counted as declared.
//
//   - The stages behind must remember nothing from one item to the next (Map, Filter, Tap, ForEach, Ignore), must not block, and
//     emit at most one item for each: so nothing is left between two bodies when the Work comes to wait, and what is in its hands
//     is one batch.
//   - The Works of those stages exist, and sleep on their empty channels. They end one after the other as ever: at the end of the
//     input, at a cancellation, or because the last of them was told that nobody wants more.
//   - The channels between count what has passed (ChannelBase::Pass). An item on which no body was called stays with its sender.
//   - Bodies that turn out to take long are better off on threads of their own: the Work splits then, and sends from the next
//     batch on (Pace::slow). Where several workers share the stages, all threads have work already, and it does not.
#pragma once

#include <algorithm>
#include <coroutine>
#include <cstddef>
#include <cstdint>
#include <exception>
#include <memory>
#include <new>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "weir/core/block_pool.h"
#include "weir/core/operations.h"
#include "weir/core/port.h"
#include "weir/core/stage.h"
#include "weir/core/work.h"
#include "weir/stages/items.h"
#include "weir/stages/kernel.h"
#include "weir/stages/pace.h"

namespace weir::internal {

// An error in a user's function, with the item it was about.
inline absl::Status AtItem(uint64_t position, const absl::Status& error) {
  return absl::Status(error.code(), absl::StrCat("item ", position, ": ", error.message()));
}

// Where the outputs of a Work leave it: an Out, and what is to be sent there.
class Tail {
 public:
  virtual bool empty() const = 0;
  virtual OutBase& out() = 0;
  // The parts of an awaitable that sends everything, or waits for room if there is nothing. What was not sent, because it
  // failed, is destroyed.
  virtual bool SendReady(Work& work) = 0;
  virtual bool SendSuspend(std::coroutine_handle<> frame) = 0;
  virtual absl::Status SendResume() = 0;

 protected:
  ~Tail() = default;
};

// Where a tail's send stands while it lasts, which is larger than all else of it: in place ...
template <class Send>
class RoomInPlace {
 public:
  RoomInPlace() {}
  ~RoomInPlace() {}
  Send* get() { return &send_; }

 private:
  union {
    Send send_;
  };
};

// ... or made for the first one.
template <class Send>
class RoomOnDemand {
 public:
  Send* get() {
    if (room_ == nullptr) room_ = std::make_unique<Room>();
    return room_->get();
  }

 private:
  struct Room : RoomInPlace<Send>, Pooled {};
  std::unique_ptr<Room> room_;
};

template <class O, template <class> class Room = RoomInPlace>
class PortTail final : public Tail {
 public:
  explicit PortTail(Out<O>& out) : out_(out) {}
  ~PortTail() { EndSend(); }

  Items<O>& items() { return items_; }
  bool empty() const override { return items_.empty(); }
  OutBase& out() override { return out_; }
  bool SendReady(Work& work) override {
    auto& channel = static_cast<Channel<O>&>(*out_.channel_base());
    EndSend();
    Send* const send = ::new (room_.get()) Send(
        channel, out_.sender(), items_.data(), items_.size(), Unbounded(), nullptr, items_.empty());
    sending_ = true;
    BindOperation(*send, work, std::source_location::current());
    return send->await_ready();
  }
  bool SendSuspend(std::coroutine_handle<> frame) override {
    return room_.get()->await_suspend(frame);
  }
  absl::Status SendResume() override {
    absl::Status sent = room_.get()->await_resume();
    EndSend();
    items_.Clear();
    return sent;
  }

 private:
  using Send = SendOperation<O, Unbounded>;

  // Also of a send that ended with an exception, which is never resumed.
  void EndSend() {
    if (std::exchange(sending_, false)) room_.get()->~Send();
  }

  Out<O>& out_;
  Items<O> items_;
  bool sending_ = false;
  Room<Send> room_;  // holds a Send while sending_
};

// The body of a fused stage, in the Work that runs it.
class FusedBody : public Pooled {
 public:
  virtual ~FusedBody() = default;

  // Takes all of its input, and emits; false if there was none. It stops at the first error, which is kept.
  virtual bool Run() = 0;
  // Where it emits to; null for a sink.
  virtual Tail* tail() = 0;
  // The body of the stage behind, if that is fused too, else null.
  virtual std::unique_ptr<FusedBody> MakeNext(Work& head) = 0;

  // Its stage's Work, which sleeps: by it the stage is named, and its function sees the Context that it would have.
  Work& own_work() { return own_work_; }
  Context& context() { return own_work_.context(); }
  const absl::Status& error() const { return error_; }
  void FailRun();

 protected:
  FusedBody(const InBase& in, Work& head);

  // Calls `take(item)` for each, until it gives a Verdict that is not kNext, or throws.
  template <class I, class Take>
  bool RunOver(Items<I>& input, Take&& take) {
    if (input.empty()) return false;
    size_t taken = 0;
    Verdict verdict = Verdict::kNext;
    try {
      for (I *item = input.data(), *end = item + input.size();
           item != end && verdict == Verdict::kNext; ++item) {
        ++taken;
        verdict = take(std::move(*item));
      }
    } catch (...) {
      error_ = ToStatus(std::current_exception());
    }
    const uint64_t first = channel_.Pass(taken);
    if (taken < input.size()) channel_.Refuse(input.size() - taken);
    if (verdict == Verdict::kFailed) error_ = AtItem(first + taken - 1, error_);
    input.Clear();
    return true;
  }

  absl::Status error_;

 private:
  Work& own_work_;
  ChannelBase& channel_;
};

// What a stage offers that can be run by the Works of the stage before it.
template <class I>
class Fusable {
 public:
  // Its body for the Work `head`, over what will be in `input`.
  virtual std::unique_ptr<FusedBody> MakeBody(Items<I>& input, Work& head) = 0;

 protected:
  ~Fusable() = default;
};

// The body of the stage that `out` is fused with, or null.
template <class O>
std::unique_ptr<FusedBody> MakeBodyBehind(const Out<O>& out, Items<O>& items, Work& head) {
  InBase* next = out.fused();
  if (next == nullptr) return nullptr;
  return dynamic_cast<Fusable<O>&>(next->stage()).MakeBody(items, head);
}

// `co_await` sends what a Work has emitted, if there is anything, and lets others run in between. A Status, as of a send.
class SendOnward final : public Operation {
 public:
  // `tail` is null where there is nothing to send; `channel` is any of the run's.
  SendOnward(Tail* tail, const ChannelBase& channel) : tail_(tail), channel_(channel) {}
  bool await_ready();
  bool await_suspend(std::coroutine_handle<> frame);
  absl::Status await_resume();

 private:
  Tail* const tail_;
  const ChannelBase& channel_;
  bool cancelled_ = false;
};

// The way of a Work's outputs: through the bodies that are fused with its stage, and out. A local of the Work. In each round:
//
//   emit into onward.items(); onward.Run();                       // measured by a Pace
//   auto send = onward.Send(); absl::Status sent = co_await send;
//   if (!sent.ok()) co_return onward.Refused(sent);               // then errors behind it are not wanted either
//   if (onward.failed()) co_return onward.Fail();
//   onward.Consider(pace);
template <class O>
class Onward {
 public:
  Onward(Out<O>& out, Work& work) : work_(work), tail_(out) {}

  Items<O>& items() { return tail_.items(); }

  void Run() {
    if (items().empty()) return;
    if (!looked_) Look();
    for (const auto& body : bodies_) {
      work_.RunFor(&body->own_work());
      if (!body->Run()) break;
      failed_ = failed_ || !body->error().ok();
    }
    work_.RunFor(nullptr);
  }
  // How many bodies that runs.
  size_t bodies() const { return bodies_.size(); }
  // Whether there is anything to send, or to give others their turn for.
  bool has_output() { return last() == nullptr || !last()->empty(); }
  SendOnward Send() {
    Tail* const tail = last();
    const bool nothing = tail == nullptr || tail->empty();
    return SendOnward(nothing ? nullptr : tail, *tail_.out().channel_base());
  }

  // How many items are worth making: no more than can be sent at once, or a source that is faster than what is behind it would
  // have them in its hands, beside those in the channel. If it is none, wait for room.
  size_t room() { return last() == nullptr ? SIZE_MAX : last()->out().channel_base()->RoomSeen(); }
  SendOnward WaitForRoom() { return SendOnward(last(), *tail_.out().channel_base()); }

  // Between two batches: whether the bodies go on in this Work.
  void Consider(const Pace& pace) {
    if (bodies_.empty() || work_.stage().workers() > 1) return;
    if (++batches_ > tail_.out().fused_batches() || pace.slow()) Split();
  }

  // A send failed: the status to end with. Where nobody wants more, the sleeping Works learn it from the first to the last, and
  // end as they would have one by one.
  absl::Status Refused(absl::Status sent) {
    if (!bodies_.empty() && absl::IsOutOfRange(sent)) {
      WakeList wakes;
      tail_.out().Close(wakes);
    }
    return sent;
  }

  bool failed() const { return failed_; }
  // The run fails with the errors of the bodies, each under its own stage's name; the status to end with.
  absl::Status Fail() {
    for (const auto& body : bodies_) {
      if (!body->error().ok()) body->FailRun();
    }
    return absl::CancelledError("");
  }

 private:
  Tail* last() { return bodies_.empty() ? &tail_ : bodies_.back()->tail(); }

  // Not at the Work's beginning: one that sleeps all the time, because another runs its body, needs none of this.
  void Look() {
    looked_ = true;
    auto body = MakeBodyBehind(static_cast<Out<O>&>(tail_.out()), items(), work_);
    while (body != nullptr) {
      bodies_.push_back(std::move(body));
      body = bodies_.back()->MakeNext(work_);
    }
  }
  void Split() {
    for (const auto& body : bodies_) {
      if (body->tail() != nullptr) body->tail()->out().Split();
    }
    tail_.out().Split();
    bodies_.clear();
  }

  Work& work_;
  PortTail<O> tail_;
  std::vector<std::unique_ptr<FusedBody>> bodies_;
  bool looked_ = false;
  bool failed_ = false;
  uint32_t batches_ = 0;
};

}  // namespace weir::internal
