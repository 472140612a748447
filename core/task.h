// Task: the coroutine type of weir. A stage's `Work` is one, and so is every helper coroutine that a Work awaits.
//
//   weir::Task<> Work(weir::Context& context) override;      // Task<> is Task<absl::Status>
//   weir::Task<int> Parse(weir::In<std::string>& in);         // a helper: `int n = co_await Parse(in);`
//
// A Task starts when it is awaited and runs on the pool thread of whoever awaits it. It owns its frame: destroying a Task
// that was never awaited frees the frame, and nothing of its body has run. An exception that leaves a helper is thrown
// again at its `co_await`; one that leaves a Work ends it with INTERNAL and the exception's text.
//
// A frame is aligned to 64 bytes. Compilers misplace locals and parameters of a coroutine that are
// aligned to more (`alignas(4096)`), and nothing reports it: keep those in a std::unique_ptr.
//
// How a Work moves between frames. Awaiting a helper does not resume it from within the awaiting frame: it names the helper
// in the Trampoline of the thread that resumed the Work and returns there. So depth on the thread's stack is one, whatever
// the compiler makes of symmetric transfer (TSan and -O0 builds make recursion of it).
#pragma once

#include <coroutine>
#include <cstddef>
#include <exception>
#include <new>
#include <optional>
#include <source_location>
#include <type_traits>
#include <utility>

#include "absl/status/status.h"
#include "weir/core/block_pool.h"

namespace weir {

template <class T = absl::Status>
class Task;

namespace internal {

class Work;
class Operation;

// Lives on the stack of the thread that resumes a Work, and tells it what to resume next. Nothing of the Work may be
// touched after a resume has returned with neither member set: the Work is parked, and another thread may be running it.
struct Trampoline {
  std::coroutine_handle<> next;  // the frame to resume next, if any
  bool ended = false;            // the Work's own frame has reached its end
};

template <class T>
inline constexpr bool kIsTask = false;
template <class T>
inline constexpr bool kIsTask<Task<T>> = true;

// What a coroutine gives to be awaited, weir's or another library's: whoever does not await it does
// not run it.
template <class R>
inline constexpr bool kMustBeAwaited =
    kIsTask<std::remove_cvref_t<R>> || requires(std::remove_reference_t<R>& result) {
  result.await_ready();
} || requires(std::remove_reference_t<R>& result) { std::move(result).operator co_await(); } ||
    requires(std::remove_reference_t<R>& result) { operator co_await(std::move(result)); };

Trampoline& TrampolineOf(Work& work);
void BindOperation(Operation& operation, Work& work, const std::source_location& place);
[[noreturn]] void ThrowAwaitedBefore(const std::source_location& place);

// What an awaitable looks like to the compiler: a pointer that may be copied. g++ 12 copies the awaiter where
// `await_transform` gives a reference, and weir's own cannot be copied.
template <class Awaitable>
class Awaited {
 public:
  explicit Awaited(Awaitable& awaitable) : awaitable_(&awaitable) {}
  bool await_ready() { return awaitable_->await_ready(); }
  decltype(auto) await_suspend(std::coroutine_handle<> frame) {
    return awaitable_->await_suspend(frame);
  }
  decltype(auto) await_resume() { return awaitable_->await_resume(); }

 private:
  Awaitable* awaitable_;
};

class PromiseBase {
 public:
  PromiseBase() = default;

  // Blocks are aligned enough for every frame, also that of a promise whose result is aligned to a
  // cache line: not Pooled, whose other form of `operator delete` clang would choose for it, and
  // not know how to call.
  static void* operator new(std::size_t size) { return AllocateBlock(size); }
  static void operator delete(void* block, std::size_t size) { FreeBlock(block, size); }

  std::suspend_always initial_suspend() noexcept { return {}; }

  struct FinalAwaiter {
    FinalAwaiter() = default;
    bool await_ready() noexcept { return false; }
    template <class Promise>
    void await_suspend(std::coroutine_handle<Promise> self) noexcept {
      PromiseBase& promise = self.promise();
      Trampoline& trampoline = TrampolineOf(*promise.work_);
      if (promise.awaiting_) {
        trampoline.next = promise.awaiting_;
      } else {
        trampoline.ended = true;
      }
    }
    void await_resume() noexcept {}
  };
  FinalAwaiter final_suspend() noexcept { return FinalAwaiter(); }

  void unhandled_exception() noexcept { exception_ = std::current_exception(); }

  // What may be awaited: weir's own operations and Tasks, because the engine must know of every wait. The awaitable lives
  // until the end of the full expression at least, and is awaited once: a second time throws std::logic_error.
  template <class Awaitable>
  Awaited<std::remove_cvref_t<Awaitable>> await_transform(
      Awaitable&& awaitable, const std::source_location& place = std::source_location::current()) {
    using Bare = std::remove_cvref_t<Awaitable>;
    static_assert(
        std::is_base_of_v<Operation, Bare> || kIsTask<Bare>,
        "weir: a Work awaits weir's operations and Tasks only; "
        "write `co_await context.External(awaitable)` for an awaitable of another library");
    static_assert(alignof(Bare) <= kCacheLine,
                  "weir: what is awaited stands in the frame of a coroutine, which is aligned to "
                  "64 bytes at most; keep what is aligned to more in a std::unique_ptr");
    if constexpr (std::is_base_of_v<Operation, Bare>) {
      BindOperation(awaitable, *work_, place);
    } else if constexpr (kIsTask<Bare>) {
      awaitable.BindTo(*work_, place);
    }
    return Awaited<Bare>(awaitable);
  }

  void Bind(Work& work) { work_ = &work; }
  void AwaitedBy(std::coroutine_handle<> awaiting) { awaiting_ = awaiting; }
  const std::exception_ptr& exception() const { return exception_; }

 protected:
  Work* work_ = nullptr;
  std::coroutine_handle<> awaiting_;  // the frame that awaits this one; none for a Work's own
  std::exception_ptr exception_;
};

template <class T>
class Promise : public PromiseBase {
  static_assert(alignof(T) <= kCacheLine,
                "weir: the result of a Task stands in the frame of a coroutine, which is aligned "
                "to 64 bytes at most; return a std::unique_ptr");

 public:
  Promise() = default;
  Task<T> get_return_object();
  template <class U = T>
  void return_value(U&& value) {
    value_.emplace(std::forward<U>(value));
  }
  T Take() {
    if (exception_) std::rethrow_exception(exception_);
    return std::move(*value_);
  }

 private:
  std::optional<T> value_;
};

template <>
class Promise<void> : public PromiseBase {
 public:
  Promise() = default;
  Task<void> get_return_object();
  void return_void() {}
  void Take() {
    if (exception_) std::rethrow_exception(exception_);
  }
};

}  // namespace internal

template <class T>
class [[nodiscard]] Task {
 public:
  using promise_type = internal::Promise<T>;

  Task() = default;
  Task(Task&& other) noexcept : frame_(std::exchange(other.frame_, nullptr)) {}
  Task& operator=(Task&& other) noexcept {
    if (this != &other) {
      Destroy();
      frame_ = std::exchange(other.frame_, nullptr);
    }
    return *this;
  }
  ~Task() { Destroy(); }

  // The awaiter's half, used by `co_await task`.
  bool await_ready() const noexcept { return false; }
  void await_suspend(std::coroutine_handle<> awaiting) noexcept {
    frame_.promise().AwaitedBy(awaiting);
    internal::TrampolineOf(*work_).next = frame_;
  }
  T await_resume() { return frame_.promise().Take(); }

  // For the engine: `BindTo` says whose Work the frame is part of; `frame` is the frame to resume first.
  void BindTo(internal::Work& work,
              const std::source_location& place = std::source_location::current()) {
    if (work_ != nullptr) internal::ThrowAwaitedBefore(place);
    work_ = &work;
    frame_.promise().Bind(work);
  }
  std::coroutine_handle<promise_type> frame() const { return frame_; }

 private:
  friend promise_type;
  explicit Task(std::coroutine_handle<promise_type> frame) : frame_(frame) {}
  void Destroy() {
    if (frame_) std::exchange(frame_, nullptr).destroy();
  }

  std::coroutine_handle<promise_type> frame_;
  internal::Work* work_ = nullptr;
};

namespace internal {

template <class T>
Task<T> Promise<T>::get_return_object() {
  return Task<T>(std::coroutine_handle<Promise<T>>::from_promise(*this));
}
inline Task<void> Promise<void>::get_return_object() {
  return Task<void>(std::coroutine_handle<Promise<void>>::from_promise(*this));
}

}  // namespace internal
}  // namespace weir
