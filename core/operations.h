// What a Context offers to be awaited: Sleep, Yield, Blocking, External; and Turn, for stages whose workers keep order.
#pragma once

#include <atomic>
#include <coroutine>
#include <exception>
#include <optional>
#include <string>
#include <type_traits>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "weir/core/blocking.h"
#include "weir/core/context.h"
#include "weir/core/mutex.h"
#include "weir/core/work.h"

namespace weir {
namespace internal {

absl::Status ToStatus(Outcome outcome);
absl::Status ToStatus(const std::exception_ptr& exception);

class SleepOperation final : public Operation {
 public:
  SleepOperation(Context& context, absl::Duration duration)
      : context_(context), duration_(duration) {}
  bool await_ready();
  bool await_suspend(std::coroutine_handle<> frame);
  absl::Status await_resume();

 private:
  Context& context_;
  const absl::Duration duration_;
  Outcome outcome_ = Outcome::kNone;
  bool parked_ = false;
  WaitLink link_;
  WaitTimer timer_;
};

class YieldOperation final : public Operation {
 public:
  YieldOperation() = default;
  bool await_ready() { return false; }
  void await_suspend(std::coroutine_handle<> frame) { work_->Yield(frame); }
  void await_resume() {}
};

// Not a wait: `co_await` gives the Work that runs.
class ThisWork final : public Operation {
 public:
  ThisWork() = default;
  bool await_ready() { return true; }
  void await_suspend(std::coroutine_handle<>) {}
  Work& await_resume() { return *work_; }
};

// A queue of Works that emit one after the other: each waits until its number comes. For stages that keep the order of
// their input over several workers. Thread-safe.
class Turnstile {
 public:
  // It is `number`'s turn now, if that of a later one has not come before; who waits for it, or for an earlier one, is woken.
  void Advance(uint64_t number);
  // Before a run.
  void Reset();

 private:
  friend class TurnOperation;
  SpinMutex mutex_;
  uint64_t now_ = 0;  // guarded by mutex_
  WaitList waiting_;  // guarded by mutex_; of TurnOperations
};

// `co_await TurnOperation(turnstile, number, context)`: OK when it is `number`'s turn, or when the run drains and the stage
// is a source; CANCELLED.
class TurnOperation final : public Operation, private WaitLink {
 public:
  TurnOperation(Turnstile& turnstile, uint64_t number, Context& context)
      : turnstile_(turnstile), number_(number), context_(context) {}
  bool await_ready();
  bool await_suspend(std::coroutine_handle<> frame);
  absl::Status await_resume();

 private:
  friend class Turnstile;
  Turnstile& turnstile_;
  const uint64_t number_;
  Context& context_;
  Outcome outcome_ = Outcome::kNone;
  bool parked_ = false;
  WaitLink context_link_;
};

// What a blocking call gives: a Status where it returns nothing or a Status, a StatusOr otherwise.
template <class R>
struct BlockingResult {
  using Type = absl::StatusOr<R>;
};
template <class R>
struct BlockingResult<absl::StatusOr<R>> {
  using Type = absl::StatusOr<R>;
};
template <>
struct BlockingResult<absl::Status> {
  using Type = absl::Status;
};
template <>
struct BlockingResult<void> {
  using Type = absl::Status;
};

template <class F>
decltype(auto) CallWith(F& fn, Context& context) {
  if constexpr (std::is_invocable_v<F&, Context&>) {
    return fn(context);
  } else {
    return fn();
  }
}

class BlockingOperationBase : public Operation, protected BlockingTask {
 public:
  bool await_ready() { return context_.cancelled() && work_->MayGoOn(Outcome::kCancelled); }
  bool await_suspend(std::coroutine_handle<> frame);

 protected:
  explicit BlockingOperationBase(Context& context) : context_(context) {}
  ~BlockingOperationBase() = default;
  // kDone if the call has been made.
  Outcome Finish();
  // That of a Context which has one of its own: it does not end a call that does not look at it.
  // The run's cancels the run.
  bool DeadlineHasPassed() const {
    return context_.deadline() < work_->context().deadline() &&
           context_.Now() >= context_.deadline();
  }
  Context& context_;

 private:
  bool parked_ = false;
  WaitLink link_;
};

template <class F>
class BlockingOperation final : public BlockingOperationBase {
 public:
  using Raw = decltype(CallWith(std::declval<F&>(), std::declval<Context&>()));
  using Result = typename BlockingResult<std::remove_cvref_t<Raw>>::Type;

  BlockingOperation(Context& context, F fn) : BlockingOperationBase(context), fn_(std::move(fn)) {
    static_assert(!kMustBeAwaited<Raw>,
                  "weir: Blocking calls a plain function, and this one is a coroutine, which "
                  "nothing would run; await it in the Work");
  }

  Result await_resume() {
    switch (Finish()) {
      case Outcome::kDone:
        if (late_ && result_->ok() && !work_->context().cancelled())
          return absl::DeadlineExceededError("the blocking call returned after its deadline");
        return std::move(*result_);
      case Outcome::kExhausted:
        return absl::ResourceExhaustedError("weir: no thread can be started for a blocking call");
      default: return absl::CancelledError("");
    }
  }

 private:
  void Execute() override {
    try {
      if constexpr (std::is_void_v<Raw>) {
        CallWith(fn_, context_);
        result_.emplace(absl::OkStatus());
      } else {
        result_.emplace(CallWith(fn_, context_));
      }
    } catch (...) {
      result_.emplace(ToStatus(std::current_exception()));
    }
    late_ = DeadlineHasPassed();
  }

  F fn_;
  std::optional<Result> result_;
  bool late_ = false;
};

// A coroutine that starts at once and frees itself: it awaits the foreign awaitable on behalf of a Work.
struct Bridge {
  struct promise_type {
    promise_type() = default;
    Bridge get_return_object() { return {}; }
    std::suspend_never initial_suspend() noexcept { return {}; }
    std::suspend_never final_suspend() noexcept { return {}; }
    void return_void() {}
    void unhandled_exception() noexcept { std::terminate(); }  // it catches everything itself
  };
};

template <class Awaitable>
class ExternalOperation final : public Operation {
  template <class A>
  static decltype(auto) AwaiterOf(A&& awaitable) {
    if constexpr (requires { static_cast<A&&>(awaitable).operator co_await(); }) {
      return static_cast<A&&>(awaitable).operator co_await();
    } else if constexpr (requires { operator co_await(static_cast<A&&>(awaitable)); }) {
      return operator co_await(static_cast<A&&>(awaitable));
    } else {
      return static_cast<A&&>(awaitable);
    }
  }
  using Value = decltype(AwaiterOf(std::declval<Awaitable>()).await_resume());
  using Stored = std::conditional_t<std::is_void_v<Value>, bool, std::remove_cvref_t<Value>>;

 public:
  explicit ExternalOperation(Awaitable awaitable) : awaitable_(std::move(awaitable)) {}
  bool await_ready() { return false; }
  bool await_suspend(std::coroutine_handle<> frame) {
    work_->Prepare(frame, {.kind = WaitKind::kExternal, .place = place_});
    Start(*this);
    return work_->Suspend();
  }
  std::conditional_t<std::is_void_v<Value>, void, Stored> await_resume() {
    work_->Resumed();
    if (exception_) std::rethrow_exception(exception_);
    if constexpr (!std::is_void_v<Value>) return std::move(*value_);
  }

 private:
  static Bridge Start(ExternalOperation& self) {
    try {
      if constexpr (std::is_void_v<Value>) {
        co_await std::move(self.awaitable_);
      } else {
        self.value_.emplace(co_await std::move(self.awaitable_));
      }
    } catch (...) {
      self.exception_ = std::current_exception();
    }
    WakeList wakes;
    self.work_->Claim(Outcome::kDone, wakes);
  }

  Awaitable awaitable_;
  std::optional<Stored> value_;
  std::exception_ptr exception_;
};

}  // namespace internal

inline internal::SleepOperation Context::Sleep(absl::Duration duration) {
  return internal::SleepOperation(*this, duration);
}
inline internal::YieldOperation Context::Yield() { return internal::YieldOperation(); }
template <class F>
internal::BlockingOperation<F> Context::Blocking(F fn) {
  return internal::BlockingOperation<F>(*this, std::move(fn));
}
template <class Awaitable>
internal::ExternalOperation<Awaitable> Context::External(Awaitable awaitable) {
  return internal::ExternalOperation<Awaitable>(std::move(awaitable));
}

}  // namespace weir
