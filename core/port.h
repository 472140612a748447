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
//   RESOURCE_EXHAUSTED a send on a full channel, where its policy is to fail (policy.h)
//
// On ties: for a send cancelled, closed, sent, timed out; for a receive cancelled, item, end, timed out. An item is moved
// from only if the result is OK. An operation refers to the caller's item: the item lives until the operation has been
// awaited (`co_await out.Send(Make())` is fine; `auto op = out.Send(Make());` is not). A port may be used only by the
// Works of its stage.
#pragma once

#include <atomic>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <functional>
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
#include "weir/core/lease.h"
#include "weir/core/policy.h"
#include "weir/core/transfer.h"

namespace weir {

class Stage;
class Graph;

namespace internal {

class PortBase {
 public:
  PortBase(const PortBase&) = delete;
  PortBase& operator=(const PortBase&) = delete;
  const std::string& name() const { return name_; }
  // "split.in"
  std::string FullName() const;
  Stage& stage() const { return *stage_; }
  // Which of its stage's inputs, or outputs, it is.
  size_t place() const { return place_; }
  const ItemType& type() const { return type_; }
  // "unsigned long" rather than a mangled name.
  std::string TypeName() const;
  // While a run lasts.
  Channel& channel() const { return *channel_; }

 protected:
  PortBase(Stage* stage, std::string_view name, const ItemType& type, size_t place)
      : stage_(stage), type_(type), name_(name), place_(place) {}
  ~PortBase() = default;

  Stage* const stage_;
  const ItemType& type_;
  const std::string name_;
  const size_t place_;
  Channel* channel_ = nullptr;  // set while a run lasts
};

class InBase : public PortBase {
 public:
  // `bytes`: 0 if they are not bounded.
  std::unique_ptr<Channel> MakeChannel(size_t capacity, size_t bytes,
                                       const RunSignals& signals) const;
  void Attach(Channel* channel) { channel_ = channel; }
  // In::status.
  absl::Status InputStatus() const;

 protected:
  InBase(Stage* stage, std::string_view name, const ItemType& type);
  ~InBase() = default;

  Channel::BytesOfItem bytes_of_;  // empty: the type's
};

class OutBase : public PortBase {
 public:
  void Attach(Channel* channel, bool from_source) {
    channel_ = channel;
    sender_ = {.from_source = from_source, .policy = policy()};
    fused_.store(nullptr, std::memory_order_relaxed);
  }
  // While it is set, the Works of this stage run the body of the stage behind it, on what would have been sent, and that
  // stage's own Works sleep on their empty channel. Set before the run begins; a Work that is alone in its stage may end it,
  // and sends from then on.
  InBase* fused() const { return fused_.load(std::memory_order_relaxed); }
  void Fuse(InBase* in, uint32_t batches) {
    fused_.store(in, std::memory_order_relaxed);
    fused_batches_ = batches;
  }
  void Split() { fused_.store(nullptr, std::memory_order_relaxed); }
  // After so many batches it ends in any case: a choice of the simulator.
  uint32_t fused_batches() const { return fused_batches_; }
  // True if a send would be refused now because nobody wants more: what makes OUT_OF_RANGE no failure of the sender.
  bool refused() const { return channel_ != nullptr && channel_->closed_to_sender(sender_); }
  // Idempotent. Who has to learn of it is added to `wakes`.
  void Close(WakeList& wakes) { channel_->CloseSender(sender_, wakes); }
  const SendingEnd& sender() const { return sender_; }

  // Null: a send waits for room for as long as it takes.
  const SendPolicy* policy() const {
    return policy_ != nullptr && policy_->when_full != WhenFull::kBlock ? policy_.get() : nullptr;
  }
  SendPolicy& edit_policy() {
    if (policy_ == nullptr) policy_ = std::make_unique<SendPolicy>();
    return *policy_;
  }

 protected:
  OutBase(Stage* stage, std::string_view name, const ItemType& type);
  ~OutBase() = default;

 private:
  SendingEnd sender_;
  std::unique_ptr<SendPolicy> policy_;
  std::atomic<InBase*> fused_{nullptr};  // read by reports; orders nothing
  uint32_t fused_batches_ = 0;
};

// select.h
template <class T>
class ReceiveCase;
class LeaseCase;
class SendCase;

template <class T>
inline constexpr bool kNever = false;

}  // namespace internal

// A stage's input.
template <class T>
class In final : public internal::InBase {
  static_assert(internal::IsItem<T>());

 public:
  using Item = T;

  In(Stage* stage, std::string_view name) : InBase(stage, name, internal::kItemType<T>) {}

  // The next item; nothing at the end of the input, or when the run (or `bound`) has been cancelled: `status()` tells.
  [[nodiscard]] auto Receive() {
    return internal::ReceiveOptional<T, internal::Unbounded>(channel(), {});
  }
  [[nodiscard]] auto Receive(Context& bound) {
    return internal::ReceiveOptional<T, internal::Bounds>(channel(),
                                                          {absl::InfiniteDuration(), &bound});
  }

  // Waits at most `within`; zero tries once. StatusOr<T>: DEADLINE_EXCEEDED, OUT_OF_RANGE at the end, CANCELLED.
  [[nodiscard]] auto ReceiveWithin(absl::Duration within) {
    return internal::ReceiveStatusOr<T>(channel(), {within, nullptr});
  }
  [[nodiscard]] auto ReceiveWithin(absl::Duration within, Context& bound) {
    return internal::ReceiveStatusOr<T>(channel(), {within, &bound});
  }

  // Leases what is there, at least one item and at most `max` (and a fair share, where workers share the channel), into
  // `lease`; it never waits for a batch to fill. False where Receive gives nothing.
  [[nodiscard]] auto ReceiveBatch(Lease<T>& lease, size_t max = SIZE_MAX) {
    return internal::ReceiveBatchOperation<internal::Unbounded>(
        channel(), static_cast<internal::LeaseBase&>(lease), max, {});
  }
  [[nodiscard]] auto ReceiveBatch(Lease<T>& lease, size_t max, Context& bound) {
    return internal::ReceiveBatchOperation<internal::Bounds>(
        channel(), static_cast<internal::LeaseBase&>(lease), max,
        {absl::InfiniteDuration(), &bound});
  }

  // A case of a Select (select.h): the next item, into `item`.
  [[nodiscard]] internal::ReceiveCase<T> OnReceive(
      std::optional<T>& item ABSL_ATTRIBUTE_LIFETIME_BOUND) {
    return internal::ReceiveCase<T>(*this, item);
  }

  // A case of a Select: leases what is there into `lease`, as ReceiveBatch does; what `lease` still
  // holds goes back first.
  [[nodiscard]] internal::LeaseCase OnReceiveBatch(Lease<T>& lease ABSL_ATTRIBUTE_LIFETIME_BOUND);

  // After a Receive that gave nothing: OK if the input is complete, CANCELLED if it was cut off: by the end of the run, or because
  // the Receive's own bound ended it, its duration or its Context, while there was or might have come more.
  absl::Status status() const { return InputStatus(); }

  // How many bytes an item takes, where the channel's `bytes` are bounded; else its own size and that of its elements, if it is a
  // container such as a string or a vector. Called by the sender, once an item. Before the run.
  In& MeasureBy(std::function<size_t(const T& item)> bytes_of) {
    bytes_of_ = nullptr;
    if (bytes_of) {
      bytes_of_ = [bytes_of = std::move(bytes_of)](const void* item) {
        return bytes_of(*static_cast<const T*>(item));
      };
    }
    return *this;
  }
};

// A stage's output.
template <class T>
class Out final : public internal::OutBase {
  static_assert(internal::IsItem<T>());

 public:
  using Item = T;

  Out(Stage* stage, std::string_view name) : OutBase(stage, name, internal::kItemType<T>) {}

  // Waits for room. A Status.
  [[nodiscard]] auto Send(T&& item ABSL_ATTRIBUTE_LIFETIME_BOUND) {
    return One(item, internal::Unbounded());
  }
  [[nodiscard]] auto Send(T& item ABSL_ATTRIBUTE_LIFETIME_BOUND) {
    return One(item, internal::Unbounded());
  }
  [[nodiscard]] auto Send(T&& item ABSL_ATTRIBUTE_LIFETIME_BOUND, Context& bound) {
    return One(item, internal::Bounds(absl::InfiniteDuration(), &bound));
  }
  [[nodiscard]] auto Send(T& item ABSL_ATTRIBUTE_LIFETIME_BOUND, Context& bound) {
    return One(item, internal::Bounds(absl::InfiniteDuration(), &bound));
  }
  template <std::same_as<T> U>
  auto Send(const U& item) {
    static_assert(
        internal::kNever<U>,
        "weir: Send moves its item, and this one is const; send a copy: out.Send(T(item))");
    return Send(const_cast<T&>(item));
  }

  // Waits for room at most `within`; zero tries once.
  [[nodiscard]] auto SendWithin(absl::Duration within, T&& item ABSL_ATTRIBUTE_LIFETIME_BOUND) {
    return One(item, internal::Bounds(within, nullptr));
  }
  [[nodiscard]] auto SendWithin(absl::Duration within, T& item ABSL_ATTRIBUTE_LIFETIME_BOUND) {
    return One(item, internal::Bounds(within, nullptr));
  }
  [[nodiscard]] auto SendWithin(absl::Duration within, T&& item ABSL_ATTRIBUTE_LIFETIME_BOUND,
                                Context& bound) {
    return One(item, internal::Bounds(within, &bound));
  }
  [[nodiscard]] auto SendWithin(absl::Duration within, T& item ABSL_ATTRIBUTE_LIFETIME_BOUND,
                                Context& bound) {
    return One(item, internal::Bounds(within, &bound));
  }
  template <std::same_as<T> U>
  auto SendWithin(absl::Duration within, const U& item) {
    static_assert(internal::kNever<U>,
                  "weir: SendWithin moves its item, and this one is const; send a copy");
    return SendWithin(within, const_cast<T&>(item));
  }

  // Sends as room appears. When it ends, `items` holds what was not sent, in order: nothing if the status is OK.
  [[nodiscard]] auto SendBatch(std::vector<T>& items) { return Many(items, internal::Unbounded()); }
  [[nodiscard]] auto SendBatch(std::vector<T>& items, Context& bound) {
    return Many(items, internal::Bounds(absl::InfiniteDuration(), &bound));
  }

  // A case of a Select (select.h).
  [[nodiscard]] internal::SendCase OnSend(T& item ABSL_ATTRIBUTE_LIFETIME_BOUND);

  // What is dropped by the policy that Connect gave is handed to `on_dropped` rather than destroyed: by the Work that sends, after
  // the fact, outside of all locks. What it throws fails the Work. Before the run.
  Out& OnDropped(std::function<void(T&& item)> on_dropped) {
    internal::SendPolicy& policy = edit_policy();
    policy.on_dropped = nullptr;
    if (on_dropped) {
      policy.on_dropped = [on_dropped = std::move(on_dropped)](void* item) {
        on_dropped(std::move(*static_cast<T*>(item)));
      };
    }
    return *this;
  }
  // Where WhenFull::kDivert leads: another output of the same stage. Before the run.
  Out& DivertTo(Out& other) {
    edit_policy().divert_to = &other;
    return *this;
  }

 private:
  template <class Bounding>
  auto One(T& item, Bounding bounds) {
    return internal::SendOne<T, Bounding>(channel(), sender(), item, std::move(bounds));
  }
  template <class Bounding>
  auto Many(std::vector<T>& items, Bounding bounds) {
    return internal::SendBatchOperation<T, Bounding>(channel(), sender(), items, std::move(bounds));
  }
};

}  // namespace weir
