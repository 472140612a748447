// What the function of a stage has to be. A stage asks here before it makes anything of its
// function, says in one sentence what is wrong with it, and is Refused then: nothing that follows
// from the mistake is compiled, so that the sentence is all that the compiler prints.
#pragma once

#include <string_view>
#include <type_traits>

#include "absl/status/status.h"
#include "weir/core/context.h"
#include "weir/core/port.h"
#include "weir/core/stage.h"
#include "weir/core/task.h"
#include "weir/stages/kernel.h"

namespace weir::internal {

// Stands for the stage of a function that has been refused. It does not run: the program does not
// compile.
template <class I, class O = NoItem>
class Refused final : public Stage {
 public:
  In<I> in{this, "in"};
  Out<O> out{this, "out"};
  Task<> Work(Context&) override { co_return absl::OkStatus(); }
};
class RefusedSource final : public Stage {
 public:
  Out<NoItem> out{this, "out"};
  Task<> Work(Context&) override { co_return absl::OkStatus(); }
};

enum class Mistake {
  kNone,
  kArguments,  // it cannot be called with what it is given
  kCoroutine,  // what it returns has to be awaited, and nobody would
  kNothing,    // it returns void where a value is wanted
  kStatus,     // it returns a Status where a value is wanted
  kResult,     // it returns another type than is wanted
  kInitial,    // not the function's mistake: the initial value cannot be copied
};

// A call, because clang would explain a comparison.
constexpr bool IsNot(Mistake mistake, Mistake what) { return mistake != what; }

template <class F, class T>
inline constexpr bool kTakesItem =
    std::is_invocable_v<F&, T&&> || std::is_invocable_v<F&, T&&, Context&>;

// Of a function that returns R. Its value is of type `Value`, the StatusOr around it taken off.
template <class R, class Value = typename UnwrapStatusOr<std::remove_cvref_t<R>>::Type>
constexpr Mistake MistakeOfResult() {
  if constexpr (kMustBeAwaited<Value>) {
    return Mistake::kCoroutine;
  } else if constexpr (std::is_void_v<Value>) {
    return Mistake::kNothing;
  } else if constexpr (std::is_same_v<Value, absl::Status>) {
    return Mistake::kStatus;
  } else {
    return Mistake::kNone;
  }
}

template <class F, class I>
constexpr Mistake MistakeOfMap() {
  if constexpr (!kTakesItem<F, I>) {
    return Mistake::kArguments;
  } else {
    return MistakeOfResult<CallResult<F, I>>();
  }
}

template <class F, class I>
constexpr Mistake MistakeOfFilter() {
  if constexpr (!kTakesItem<F, const I&>) {
    return Mistake::kArguments;
  } else if constexpr (MistakeOfResult<CallResult<F, const I&>>() == Mistake::kCoroutine) {
    return Mistake::kCoroutine;
  } else if constexpr (!std::is_convertible_v<CallResultOf<F, const I&>, bool>) {
    return Mistake::kResult;
  } else {
    return Mistake::kNone;
  }
}

template <class F, class I>
constexpr Mistake MistakeOfFlatMap() {
  if constexpr (!kTakesItem<F, I>) {
    return Mistake::kArguments;
  } else if constexpr (MistakeOfResult<CallResult<F, I>>() == Mistake::kCoroutine) {
    return Mistake::kCoroutine;
  } else if constexpr (!std::ranges::input_range<
                           std::remove_reference_t<typename Unwrapped<CallResult<F, I>>::Type>>) {
    return Mistake::kResult;
  } else {
    return Mistake::kNone;
  }
}

// A function whose value, if it returns one, is not used. ForEach does not hand it a Context.
template <class F, class T>
constexpr Mistake MistakeOfForEach() {
  if constexpr (!std::is_invocable_v<F&, T&&>) {
    return Mistake::kArguments;
  } else if constexpr (MistakeOfResult<std::invoke_result_t<F&, T&&>>() == Mistake::kCoroutine) {
    return Mistake::kCoroutine;
  } else {
    return Mistake::kNone;
  }
}
template <class F, class I>
constexpr Mistake MistakeOfTap() {
  if constexpr (!kTakesItem<F, const I&>) {
    return Mistake::kArguments;
  } else if constexpr (MistakeOfResult<CallResult<F, const I&>>() == Mistake::kCoroutine) {
    return Mistake::kCoroutine;
  } else {
    return Mistake::kNone;
  }
}

// Of Scan and Reduce.
template <class F, class A, class I>
constexpr Mistake MistakeOfReduce() {
  if constexpr (!std::is_copy_constructible_v<A>) {
    return Mistake::kInitial;
  } else if constexpr (!std::is_invocable_v<F&, A&&, I&&>) {
    return Mistake::kArguments;
  } else {
    using R = std::invoke_result_t<F&, A&&, I&&>;
    if constexpr (MistakeOfResult<R>() == Mistake::kCoroutine) {
      return Mistake::kCoroutine;
    } else if constexpr (MistakeOfResult<R>() != Mistake::kNone) {
      return Mistake::kNothing;
    } else if constexpr (!std::is_assignable_v<A&, typename Unwrapped<R>::Type>) {
      return Mistake::kResult;
    } else {
      return Mistake::kNone;
    }
  }
}

// Of Partition.
template <class F, class T>
constexpr Mistake MistakeOfPartition() {
  if constexpr (!std::is_invocable_v<F&, const T&>) {
    return Mistake::kArguments;
  } else {
    using R = std::invoke_result_t<F&, const T&>;
    using Value = typename UnwrapStatusOr<std::remove_cvref_t<R>>::Type;
    if constexpr (MistakeOfResult<R>() == Mistake::kCoroutine) {
      return Mistake::kCoroutine;
    } else if constexpr (!std::is_convertible_v<Value, size_t>) {
      return Mistake::kResult;
    } else {
      return Mistake::kNone;
    }
  }
}

}  // namespace weir::internal
