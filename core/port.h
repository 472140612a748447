// Ports: how a stage meets its channels. A stage declares them as members,
//
//   weir::In<Order> in{this, "in"};
//   weir::Out<Order> out{this, "out"};
//
// and its Work awaits their operations. All of them end in exactly one way, with a message-free status:
//
//   OK                 the item was sent, or here is one
//   DEADLINE_EXCEEDED  the duration has passed (the `Within` forms)
//   OUT_OF_RANGE       a send: downstream has finished and wants no more, or a draining run refuses its source;
//                      a receive: the input has ended
//   CANCELLED          the run, or the Context that was passed, has been cancelled; its cause() says why
//
// On ties: for a send cancelled, closed, sent, timed out; for a receive cancelled, item, end, timed out. An item is moved
// from only if the result is OK. An operation refers to the caller's item: the item lives until the operation has been
// awaited (`co_await out.Send(Make())` is fine; `auto op = out.Send(Make());` is not). A port may be used only by the
// Works of its stage.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <new>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <type_traits>
#include <typeinfo>
#include <utility>
#include <vector>

#include "absl/base/attributes.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "weir/core/channel.h"
#include "weir/core/work.h"

namespace weir {

class Stage;
class Graph;

namespace internal {

absl::Status ToStatus(Outcome outcome);

class PortBase {
 public:
  PortBase(const PortBase&) = delete;
  PortBase& operator=(const PortBase&) = delete;
  const std::string& name() const { return name_; }
  Stage& stage() const { return *stage_; }
  ChannelBase* channel_base() const { return channel_; }

 protected:
  PortBase(Stage* stage, std::string_view name) : stage_(stage), name_(name) {}
  ~PortBase() = default;

  Stage* const stage_;
  const std::string name_;
  ChannelBase* channel_ = nullptr;  // set while a run lasts
};

class InBase : public PortBase {
 public:
  virtual std::unique_ptr<ChannelBase> MakeChannel(std::string name, size_t capacity,
                                                   const RunSignals& signals) const = 0;
  virtual std::string TypeName() const = 0;
  void Attach(ChannelBase* channel) { channel_ = channel; }

 protected:
  InBase(Stage* stage, std::string_view name);
  ~InBase() = default;
};

class OutBase : public PortBase {
 public:
  virtual std::string TypeName() const = 0;
  void Attach(ChannelBase* channel, bool from_source) {
    channel_ = channel;
    from_source_ = from_source;
    closed_ = false;
  }
  // True if a send would be refused now because nobody wants more: what makes OUT_OF_RANGE no failure of the sender.
  bool refused() const { return channel_ != nullptr && channel_->closed_to_sender(from_source_, &closed_); }
  // Idempotent. Who has to learn of it is added to `wakes`.
  void Close(WakeList& wakes) { channel_->CloseSender(wakes, &closed_); }
  // With the channel locked.
  bool closed() const { return closed_; }
  // Whose sends `request` is one of.
  void Sign(SendRequestBase& request) const {
    request.from_source = from_source_;
    request.sender_closed = &closed_;
  }

 protected:
  OutBase(Stage* stage, std::string_view name);
  ~OutBase() = default;

 private:
  bool from_source_ = false;  // constant during a run
  bool closed_ = false;       // guarded by the channel's lock
};

// "unsigned long" rather than a mangled name.
std::string Demangle(const char* type);

template <class T>
class ReceiveOperation : public BoundedOperation, private ReceiveRequest<T> {
 public:
  bool await_ready() {
    outcome_ = bound_cancelled() ? Outcome::kCancelled : channel_->Take(*this, settled_);
    if (outcome_ == Outcome::kNone) {
      if (!tries_once()) return false;
      outcome_ = Outcome::kTimedOut;
    }
    return outcome_ == Outcome::kDone ? work_->SpendBudget() : !work_->MustTakeTurn();
  }

  bool await_suspend(std::coroutine_handle<> frame) {
    if (outcome_ != Outcome::kNone) {
      work_->Yield(frame);
      return true;
    }
    parked_ = true;
    ReceiveRequest<T>::waiter = work_;
    ReceiveRequest<T>::bounded = is_bounded();
    work_->Prepare(frame, WaitKind::kReceive, &channel_->name());
    const Outcome outcome = channel_->ParkReceive(*this);
    if (outcome == Outcome::kNone) {
      ArmBounds();
    } else {
      WakeList none;
      work_->Claim(outcome, none);
    }
    return work_->Suspend();
  }

 protected:
  ReceiveOperation(Channel<T>& channel, absl::Duration within, Context* bound)
      : BoundedOperation(within, bound), channel_(&channel) {}
  ~ReceiveOperation() = default;

  ReceiveRequest<T>& request() { return *this; }
  void settle_first(size_t settled) { settled_ = settled; }
  Work& work() { return *work_; }

  Outcome Finish() {
    if (parked_) {
      const Waiter::Result result = DisarmBounds();
      outcome_ = result.outcome;
      if (result.early || outcome_ != Outcome::kDone) channel_->UnlinkReceive(*this);
    }
    return outcome_;
  }

 private:
  Channel<T>* const channel_;
  size_t settled_ = 0;
  Outcome outcome_ = Outcome::kNone;
  bool parked_ = false;
};

// Receives one item, into room of its own.
template <class T>
class ReceiveOne : public ReceiveOperation<T> {
 protected:
  ReceiveOne(Channel<T>& channel, absl::Duration within, Context* bound)
      : ReceiveOperation<T>(channel, within, bound) {
    this->request().into = reinterpret_cast<T*>(room_);
  }
  ~ReceiveOne() {
    if (this->request().got > 0) item().~T();
  }
  T& item() { return *std::launder(reinterpret_cast<T*>(room_)); }

 private:
  alignas(T) unsigned char room_[sizeof(T)];
};

template <class T>
class ReceiveOptional final : public ReceiveOne<T> {
 public:
  using ReceiveOne<T>::ReceiveOne;
  ReceiveOptional(Channel<T>& channel, Context* bound)
      : ReceiveOne<T>(channel, absl::InfiniteDuration(), bound) {}
  std::optional<T> await_resume() {
    if (this->Finish() != Outcome::kDone) return std::nullopt;
    return std::optional<T>(std::move(this->item()));
  }
};

template <class T>
class ReceiveStatusOr final : public ReceiveOne<T> {
 public:
  ReceiveStatusOr(Channel<T>& channel, absl::Duration within, Context* bound)
      : ReceiveOne<T>(channel, within, bound) {}
  absl::StatusOr<T> await_resume() {
    const Outcome outcome = this->Finish();
    if (outcome != Outcome::kDone) return ToStatus(outcome);
    return absl::StatusOr<T>(std::move(this->item()));
  }
};

template <class T>
class SendOperation final : public BoundedOperation, private SendRequest<T> {
 public:
  SendOperation(Channel<T>& channel, const OutBase& out, T* items, size_t count,
                absl::Duration within, Context* bound, std::vector<T>* batch = nullptr)
      : BoundedOperation(within, bound), channel_(&channel), batch_(batch) {
    this->items = items;
    this->count = count;
    out.Sign(*this);
  }

  bool await_ready() {
    outcome_ = bound_cancelled() ? Outcome::kCancelled : channel_->Put(*this);
    if (outcome_ == Outcome::kNone) {
      if (!tries_once()) return false;
      outcome_ = Outcome::kTimedOut;
    }
    return outcome_ == Outcome::kDone ? work_->SpendBudget() : !work_->MustTakeTurn();
  }

  bool await_suspend(std::coroutine_handle<> frame) {
    if (outcome_ != Outcome::kNone) {
      work_->Yield(frame);
      return true;
    }
    parked_ = true;
    SendRequest<T>::waiter = work_;
    work_->Prepare(frame, WaitKind::kSend, &channel_->name());
    const Outcome outcome = channel_->ParkSend(*this);
    if (outcome == Outcome::kNone) {
      ArmBounds();
    } else {
      WakeList none;
      work_->Claim(outcome, none);
    }
    return work_->Suspend();
  }

  absl::Status await_resume() {
    bool early = false;
    if (parked_) {
      const Waiter::Result result = DisarmBounds();
      outcome_ = result.outcome;
      early = result.early;
    }
    if (early || outcome_ != Outcome::kDone) channel_->UnlinkSend(*this);
    if (batch_ != nullptr) batch_->erase(batch_->begin(), batch_->begin() + this->sent);
    return ToStatus(outcome_);
  }

 private:
  Channel<T>* const channel_;
  std::vector<T>* const batch_;
  Outcome outcome_ = Outcome::kNone;
  bool parked_ = false;
};

template <class T>
class ReceiveBatchOperation;

}  // namespace internal

// Items leased from a channel. What has not been taken yet still counts as in the channel, and goes back to its front when
// the lease is destroyed or filled again. Reuse one Lease for all of a Work's receives: it keeps its memory.
template <class T>
class Lease final : private internal::LeaseBase {
 public:
  Lease() = default;
  Lease(const Lease&) = delete;
  Lease& operator=(const Lease&) = delete;
  ~Lease() {
    Release();
    if (items_ != nullptr) std::allocator<T>().deallocate(items_, room_);
  }

  bool empty() const { return next_ == count_; }
  size_t size() const { return count_ - next_; }
  // The place of the next item in the channel's history, counted from 0.
  uint64_t position() const { return position_ + next_; }

  // The next item; the lease must not be empty.
  T Take() { return std::move(items_[next_++]); }
  // All that is left, now the caller's; the items live until the lease is filled again or destroyed.
  std::span<T> TakeAll() {
    std::span<T> rest(items_ + next_, count_ - next_);
    next_ = count_;
    return rest;
  }

 private:
  friend class internal::ReceiveBatchOperation<T>;

  void SettleTaken() override {
    if (next_ == settled_) return;
    channel_->Settle(next_ - settled_, nullptr, 0);
    settled_ = next_;
  }

  // Gives back what was not taken, destroys what was. Returns how many of those the channel has not been told of.
  size_t Empty() {
    if (channel_ == nullptr) return 0;
    size_t untold = next_ - settled_;
    const size_t rest = count_ - next_;
    if (rest > 0) {
      channel_->Settle(untold, items_ + next_, rest);  // destroys the moved-from rest
      untold = 0;
    }
    for (size_t i = 0; i < next_; ++i) items_[i].~T();
    next_ = settled_ = count_ = 0;
    return untold;
  }
  void Release() {
    const size_t untold = Empty();
    if (untold > 0) channel_->Settle(untold, nullptr, 0);
    if (work_ != nullptr) work_->CloseLease(*this);
    work_ = nullptr;
    channel_ = nullptr;
  }
  void Reserve(size_t room) {
    if (room <= room_) return;
    if (items_ != nullptr) std::allocator<T>().deallocate(items_, room_);
    items_ = nullptr;
    room_ = 0;
    items_ = std::allocator<T>().allocate(room);
    room_ = room;
  }

  T* items_ = nullptr;  // room_ of them, of which the first count_ are constructed
  size_t room_ = 0;
  size_t count_ = 0;
  size_t next_ = 0;     // the first that has not been taken
  size_t settled_ = 0;  // how many taken ones the channel has been told of
  uint64_t position_ = 0;  // of the first item
  internal::Channel<T>* channel_ = nullptr;
  internal::Work* work_ = nullptr;
};

namespace internal {

template <class T>
class ReceiveBatchOperation final : public ReceiveOperation<T> {
 public:
  ReceiveBatchOperation(Channel<T>& channel, Lease<T>& lease, size_t max, Context* bound)
      : ReceiveOperation<T>(channel, absl::InfiniteDuration(), bound),
        channel_(channel),
        lease_(lease),
        // One item at least: a batch of none would say that the input has ended.
        room_(std::max<size_t>(1, std::min(max, channel.capacity()))) {}

  bool await_ready() {
    if (lease_.channel_ != nullptr && lease_.channel_ != &channel_) lease_.Release();
    this->settle_first(lease_.Empty());
    lease_.Reserve(room_);
    this->request().into = lease_.items_;
    this->request().max = room_;
    this->request().lease = true;
    return ReceiveOperation<T>::await_ready();
  }

  bool await_resume() {
    this->Finish();
    lease_.count_ = this->request().got;
    lease_.position_ = this->request().position;
    lease_.channel_ = &channel_;
    lease_.work_ = &this->work();
    if (lease_.count_ > 0) this->work().OpenLease(lease_);
    return lease_.count_ > 0;
  }

 private:
  Channel<T>& channel_;
  Lease<T>& lease_;
  const size_t room_;
};

}  // namespace internal

// A stage's input.
template <class T>
class In final : public internal::InBase {
 public:
  using Item = T;

  In(Stage* stage, std::string_view name) : InBase(stage, name) {}

  // The next item; nothing at the end of the input, or when the run (or `bound`) has been cancelled: `status()` tells.
  [[nodiscard]] auto Receive() { return internal::ReceiveOptional<T>(channel(), nullptr); }
  [[nodiscard]] auto Receive(Context& bound) { return internal::ReceiveOptional<T>(channel(), &bound); }

  // Waits at most `within`; zero tries once. StatusOr<T>: DEADLINE_EXCEEDED, OUT_OF_RANGE at the end, CANCELLED.
  [[nodiscard]] auto ReceiveWithin(absl::Duration within) {
    return internal::ReceiveStatusOr<T>(channel(), within, nullptr);
  }
  [[nodiscard]] auto ReceiveWithin(absl::Duration within, Context& bound) {
    return internal::ReceiveStatusOr<T>(channel(), within, &bound);
  }

  // Leases what is there, at least one item and at most `max` (and a fair share, where workers share the channel), into
  // `lease`; it never waits for a batch to fill. False where Receive gives nothing.
  [[nodiscard]] auto ReceiveBatch(Lease<T>& lease, size_t max = SIZE_MAX) {
    return internal::ReceiveBatchOperation<T>(channel(), lease, max, nullptr);
  }
  [[nodiscard]] auto ReceiveBatch(Lease<T>& lease, size_t max, Context& bound) {
    return internal::ReceiveBatchOperation<T>(channel(), lease, max, &bound);
  }

  // After a Receive that gave nothing: OK if the input is complete, CANCELLED if it was cut off.
  absl::Status status() const {
    return channel().run_cancelled() ? absl::CancelledError("") : absl::OkStatus();
  }

  std::unique_ptr<internal::ChannelBase> MakeChannel(
      std::string name, size_t capacity, const internal::RunSignals& signals) const override {
    return std::make_unique<internal::Channel<T>>(std::move(name), capacity, signals);
  }
  std::string TypeName() const override { return internal::Demangle(typeid(T).name()); }

 private:
  internal::Channel<T>& channel() const { return static_cast<internal::Channel<T>&>(*channel_); }
};

// A stage's output.
template <class T>
class Out final : public internal::OutBase {
 public:
  using Item = T;

  Out(Stage* stage, std::string_view name) : OutBase(stage, name) {}

  // Waits for room. A Status.
  [[nodiscard]] auto Send(T&& item ABSL_ATTRIBUTE_LIFETIME_BOUND) { return One(item, absl::InfiniteDuration(), nullptr); }
  [[nodiscard]] auto Send(T& item ABSL_ATTRIBUTE_LIFETIME_BOUND) { return One(item, absl::InfiniteDuration(), nullptr); }
  [[nodiscard]] auto Send(T&& item ABSL_ATTRIBUTE_LIFETIME_BOUND, Context& bound) { return One(item, absl::InfiniteDuration(), &bound); }
  [[nodiscard]] auto Send(T& item ABSL_ATTRIBUTE_LIFETIME_BOUND, Context& bound) { return One(item, absl::InfiniteDuration(), &bound); }
  auto Send(const T& item) = delete;  // a send moves the item: pass a copy, `out.Send(T(item))`

  // Waits for room at most `within`; zero tries once.
  [[nodiscard]] auto SendWithin(absl::Duration within, T&& item ABSL_ATTRIBUTE_LIFETIME_BOUND) { return One(item, within, nullptr); }
  [[nodiscard]] auto SendWithin(absl::Duration within, T& item ABSL_ATTRIBUTE_LIFETIME_BOUND) { return One(item, within, nullptr); }
  [[nodiscard]] auto SendWithin(absl::Duration within, T&& item ABSL_ATTRIBUTE_LIFETIME_BOUND, Context& bound) { return One(item, within, &bound); }
  [[nodiscard]] auto SendWithin(absl::Duration within, T& item ABSL_ATTRIBUTE_LIFETIME_BOUND, Context& bound) { return One(item, within, &bound); }
  auto SendWithin(absl::Duration within, const T& item) = delete;  // as above

  // Sends as room appears. When it ends, `items` holds what was not sent, in order: nothing if the status is OK.
  [[nodiscard]] auto SendBatch(std::vector<T>& items) { return Many(items, nullptr); }
  [[nodiscard]] auto SendBatch(std::vector<T>& items, Context& bound) { return Many(items, &bound); }

  std::string TypeName() const override { return internal::Demangle(typeid(T).name()); }

 private:
  internal::Channel<T>& channel() const { return static_cast<internal::Channel<T>&>(*channel_); }
  auto One(T& item, absl::Duration within, Context* bound) {
    return internal::SendOperation<T>(channel(), *this, &item, 1, within, bound);
  }
  auto Many(std::vector<T>& items, Context* bound) {
    return internal::SendOperation<T>(channel(), *this, items.data(), items.size(),
                                      absl::InfiniteDuration(), bound, &items);
  }
};

}  // namespace weir
