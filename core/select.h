// Select: waits on several ports at once, for the first that can go on.
//
//   std::optional<Order> order;
//   auto from_orders = orders.OnReceive(order);
//   auto to_bills = bills.OnSend(bill);
//   auto select = weir::Select(from_orders, to_bills).Within(absl::Seconds(1));
//   weir::Selected selected = co_await select;
//   if (selected.which == 0) ...   // `order` is here, or, with OUT_OF_RANGE, the input has ended
//
// One case goes on, and the others are as if they had not been asked: a send that was not chosen keeps its item, a receive takes
// none. Of several that can go on one is drawn at random, so that none starves; `Biased` takes the first of them. A port that has
// ended, or whose receivers want no more, is chosen only where none of the others can go on at once: leave it out from then on
// (`from_orders.When(false)`). A send waits for room, whatever its policy. The cases live until the select has been awaited, and may
// be used in another then.
//
// The shape is that of Go's `select` and tokio's `select!`; that a wait is one claim word and a link in each channel, Pike's and
// Cox's (Plan 9's, then Go's).
#pragma once

#include <array>
#include <coroutine>
#include <cstddef>
#include <new>
#include <optional>
#include <type_traits>
#include <utility>

#include "absl/base/attributes.h"
#include "absl/status/status.h"
#include "absl/types/span.h"
#include "weir/core/channel.h"
#include "weir/core/port.h"
#include "weir/core/work.h"

namespace weir {

struct Selected {
  // Which case it was, counted from 0; the number of cases if it was none of them.
  size_t which = 0;
  //   OK                   it has received, or sent
  //   OUT_OF_RANGE         its input has ended; nobody wants what it sends
  //   DEADLINE_EXCEEDED    no case could go on in time
  //   CANCELLED            the run, or the Context that bounds the select, has been cancelled
  //   FAILED_PRECONDITION  every case is left out: nothing could end the wait
  absl::Status status;
};

namespace internal {

class SelectCase {
 public:
  // Leaves the case out, or puts it in again.
  void When(bool enabled) { enabled_ = enabled; }

 protected:
  SelectCase() = default;
  ~SelectCase() = default;

 private:
  friend class SelectOperation;
  virtual uint64_t bit() const = 0;
  // The first of an await. Goes on at once, if it can: else kNone.
  virtual Outcome Try() = 0;
  // Links itself, or decides the wait; false: it is decided. `bounded`: the request's.
  virtual bool Park(Waiter& waiter, bool bounded) = 0;
  virtual void Unlink() = 0;
  // After Unlink: whether it was through this case that the wait was decided.
  virtual bool won() const = 0;
  // It has been chosen, with kDone.
  virtual void Complete(Work& work) { (void)work; }
  // How the wait of the Work of index `worker` ended for it.
  virtual void Note(int worker, Outcome outcome) { (void)worker, (void)outcome; }

  bool enabled_ = true;
};

class ReceiveCaseBase : public SelectCase {
 protected:
  // `room` is raw, for an item.
  ReceiveCaseBase(InBase& in, void* room) : in_(in) { request_.into = room; }
  ReceiveCaseBase(const ReceiveCaseBase&) = delete;
  ReceiveCaseBase& operator=(const ReceiveCaseBase&) = delete;
  ~ReceiveCaseBase() = default;

 private:
  uint64_t bit() const override;
  Outcome Try() override;
  bool Park(Waiter& waiter, bool bounded) override;
  void Unlink() override;
  bool won() const override { return request_.won; }
  void Note(int worker, Outcome outcome) override;

  InBase& in_;
  ReceiveRequest request_;
};

template <class T>
class ReceiveCase final : public ReceiveCaseBase {
 public:
  ReceiveCase(InBase& in, std::optional<T>& into) : ReceiveCaseBase(in, room_), into_(into) {}

 private:
  void Complete(Work&) override {
    T& item = *std::launder(reinterpret_cast<T*>(room_));
    into_.emplace(std::move(item));
    item.~T();
  }

  std::optional<T>& into_;
  alignas(T) unsigned char room_[sizeof(T)];
};

class LeaseCase final : public SelectCase {
 public:
  LeaseCase(InBase& in, LeaseBase& lease) : in_(in), lease_(lease) {}
  LeaseCase(const LeaseCase&) = delete;
  LeaseCase& operator=(const LeaseCase&) = delete;

 private:
  uint64_t bit() const override;
  Outcome Try() override;
  bool Park(Waiter& waiter, bool bounded) override;
  void Unlink() override;
  bool won() const override { return request_.won; }
  void Complete(Work& work) override;
  void Note(int worker, Outcome outcome) override;

  InBase& in_;
  LeaseBase& lease_;
  ReceiveRequest request_;
};

class SendCase final : public SelectCase {
 public:
  SendCase(OutBase& out, void* item);
  SendCase(const SendCase&) = delete;
  SendCase& operator=(const SendCase&) = delete;

 private:
  uint64_t bit() const override;
  Outcome Try() override;
  bool Park(Waiter& waiter, bool bounded) override;
  void Unlink() override;
  bool won() const override { return request_.won; }

  OutBase& out_;
  SendRequest request_;
};

// `co_await` gives a Selected.
class SelectOperation : public Operation {
 public:
  // `bound` may be null.
  SelectOperation(absl::Span<SelectCase* const> cases, absl::Duration within, Context* bound,
                  bool biased);
  bool await_ready();
  bool await_suspend(std::coroutine_handle<> frame);
  Selected await_resume();

 private:
  void Decide(size_t which, Outcome outcome) {
    which_ = which;
    outcome_ = outcome;
  }

  const absl::Span<SelectCase* const> cases_;
  const bool biased_;
  Bounds bounds_;
  size_t which_;
  Outcome outcome_ = Outcome::kNone;
  bool parked_ = false;
};

// Its cases, in the order in which they were given, and the operation over them.
template <size_t kCases>
struct SelectCases {
  std::array<SelectCase*, kCases> cases;
};

template <size_t kCases>
class [[nodiscard]] SelectOf final : private SelectCases<kCases>, public SelectOperation {
 public:
  struct Options {
    absl::Duration within = absl::InfiniteDuration();
    Context* bound = nullptr;
    bool biased = false;
  };
  SelectOf(const std::array<SelectCase*, kCases>& cases, Options options)
      : SelectCases<kCases>{cases},
        SelectOperation(this->cases, options.within, options.bound, options.biased),
        options_(options) {}

  // Waits at most `within`; zero tries once.
  SelectOf Within(absl::Duration within) && {
    options_.within = within;
    return SelectOf(this->cases, options_);
  }
  // Ends with CANCELLED when `context` is cancelled.
  SelectOf Under(Context& context) && {
    options_.bound = &context;
    return SelectOf(this->cases, options_);
  }
  // Of several cases that can go on the first is taken, in the order in which they were given: a later one may starve.
  SelectOf Biased() && {
    options_.biased = true;
    return SelectOf(this->cases, options_);
  }

 private:
  Options options_;
};

}  // namespace internal

template <class T>
internal::LeaseCase In<T>::OnReceiveBatch(Lease<T>& lease) {
  return internal::LeaseCase(*this, static_cast<internal::LeaseBase&>(lease));
}

template <class T>
internal::SendCase Out<T>::OnSend(T& item) {
  return internal::SendCase(*this, &item);
}

// Cases are what In::OnReceive, In::OnReceiveBatch and Out::OnSend give.
template <class... Cases>
[[nodiscard]] auto Select(Cases&&... cases) {
  static_assert(sizeof...(Cases) > 0, "weir: Select takes at least one case");
  static_assert((std::is_lvalue_reference_v<Cases> && ...),
                "weir: a Select refers to its cases until it has been awaited; give each a name");
  return internal::SelectOf<sizeof...(Cases)>({&cases...}, {});
}

}  // namespace weir
