// Kernels: what a function stage does with one item, apart from how items come and go. A kernel is the stage's
// configuration (the user's function); what it remembers between items is its State, one for each Work of each run.
//
//   Push(state, item, emit, error)  takes an item, and calls `emit(output)` as often as it likes
//   Finish(state, emit, error)      the input is complete
//
// One coroutine drives them all (function_stage.h), over batches, so that a kernel costs a function call an item. Kernels with
// `kFusable` can be driven by the Work of the stage before as well (fuse.h). `kExpands` says that
// more than one item may be emitted for one that is pushed. Such a kernel stops when `emit.room()`
// is 0, and returns Verdict::kMore. It is asked for the rest before the next item is pushed, and as
// often as it says so again; the item that it was pushed stays where it is meanwhile:
//
//   Continue(state, emit, error)    emits more of what it has begun with, if there is anything
#pragma once

#include <functional>
#include <optional>
#include <span>  // and with it what std::ranges needs of a range; <ranges> adds a tenth to a program's compile time
#include <type_traits>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "weir/core/context.h"

namespace weir::internal {

enum class Verdict {
  kNext,    // go on
  kMore,    // the last item gives more than there was room for
  kDone,    // no more input is wanted
  kFailed,  // `error` says why
};

struct NoState {};

// What a user's function gives, without the StatusOr around it.
template <class R>
struct UnwrapStatusOr {
  using Type = R;
};
template <class R>
struct UnwrapStatusOr<absl::StatusOr<R>> {
  using Type = R;
};
template <class F, class... Args>
using ResultOf =
    typename UnwrapStatusOr<std::remove_cvref_t<std::invoke_result_t<F&, Args...>>>::Type;

// Calls `use` with what `result` holds, or notes its error.
template <class R, class Use>
Verdict Unwrap(R&& result, Use&& use, absl::Status& error) {
  if constexpr (std::is_same_v<std::remove_cvref_t<R>, absl::Status>) {
    if (!result.ok()) {
      error = std::forward<R>(result);
      return Verdict::kFailed;
    }
    use();
  } else if constexpr (requires {
                         typename UnwrapStatusOr<std::remove_cvref_t<R>>::Type;
                         result.status();
                         *result;
                       }) {
    if (!result.ok()) {
      error = result.status();
      return Verdict::kFailed;
    }
    use(*std::forward<R>(result));
  } else {
    use(std::forward<R>(result));
  }
  return Verdict::kNext;
}

// A user's function takes an item, and the Context of the Work too if it wants to.
template <class F, class T>
decltype(auto) Call(F& f, T&& item, Context& context) {
  if constexpr (std::is_invocable_v<F&, T&&, Context&>) {
    return std::invoke(f, std::forward<T>(item), context);
  } else {
    return std::invoke(f, std::forward<T>(item));
  }
}
template <class F, class T>
using CallResult = decltype(Call(std::declval<F&>(), std::declval<T>(), std::declval<Context&>()));
template <class F, class T>
using CallResultOf = typename UnwrapStatusOr<std::remove_cvref_t<CallResult<F, T>>>::Type;

// Kernels that remember nothing and have nothing to add at the end.
struct StatelessKernel {
  static constexpr bool kOneWorker = false;
  static constexpr bool kFusable = false;
  static constexpr bool kExpands = false;
  static constexpr bool kChangesCount = false;
  using State = Context*;
  State Begin(Context& context) const { return &context; }
  template <class Emit>
  Verdict Finish(State&, Emit&&, absl::Status&) {
    return Verdict::kNext;
  }
};

struct StatefulKernel {
  static constexpr bool kOneWorker = true;
  static constexpr bool kFusable = false;
  static constexpr bool kExpands = false;
  static constexpr bool kChangesCount = false;
};

template <class F>
struct MapKernel : StatelessKernel {
  static constexpr const char* kKind = "Map";
  static constexpr bool kFusable = true;
  F f;
  explicit MapKernel(F f) : f(std::move(f)) {}
  template <class T, class Emit>
  Verdict Push(State context, T&& item, Emit&& emit, absl::Status& error) {
    return Unwrap(Call(f, std::move(item), *context), emit, error);
  }
};

template <class F>
struct FilterKernel : StatelessKernel {
  static constexpr const char* kKind = "Filter";
  static constexpr bool kFusable = true;
  static constexpr bool kChangesCount = true;
  F f;
  explicit FilterKernel(F f) : f(std::move(f)) {}
  template <class T, class Emit>
  Verdict Push(State context, T&& item, Emit&& emit, absl::Status& error) {
    return Unwrap(
        Call(f, std::as_const(item), *context),
        [&](bool keep) {
          if (keep) emit(std::move(item));
        },
        error);
  }
};

// A view, or what is like one without saying so, as absl::Span: a constant one gives items that are not constant.
template <class Range>
inline constexpr bool kRefersToItems = std::ranges::view<Range> || requires(const Range& range) {
  requires std::is_lvalue_reference_v<decltype(*std::ranges::begin(range))>;
  requires !std::is_const_v<std::remove_reference_t<decltype(*std::ranges::begin(range))>>;
};

// What Unwrap gives for what a function returns: a value, or a reference to what is not the
// function's to give away.
template <class R>
struct Unwrapped {
  using Type = R;
};
template <class R>
requires requires(std::remove_reference_t<R>& result) {
  result.status();
  *result;
}
struct Unwrapped<R> {
  using Type = decltype(*std::declval<R>());
};

// A range of which a part has been emitted. One that was given away is kept in here.
template <class Given>
class RangeRest {
  using Range =
      std::conditional_t<std::is_lvalue_reference_v<Given>, std::remove_reference_t<Given>,
                         std::remove_cvref_t<Given>>;

 public:
  // Items are moved out of a container that the function has given away, not of one that it refers
  // to.
  static constexpr bool kMovesItems =
      !std::is_lvalue_reference_v<Given> && !kRefersToItems<std::remove_cvref_t<Given>>;

  // Its items may be made as they are asked for, and take long.
  static constexpr bool kLazy =
      !std::ranges::sized_range<Range&> ||
      (std::ranges::view<std::remove_cv_t<Range>> && !std::ranges::contiguous_range<Range&>);

  explicit RangeRest(Given&& range)
      : range_(std::forward<Given>(range)),
        at_(std::ranges::begin(range_)),
        end_(std::ranges::end(range_)) {}
  RangeRest(const RangeRest&) = delete;
  RangeRest& operator=(const RangeRest&) = delete;

  // Emits one item at least, if there is one. False when there are no more; true when there is no
  // room, or the run has been cancelled, and there may be more: what follows an item is not asked
  // for before that item has been passed on, because a lazy range may take long to make it.
  template <class Emit>
  bool EmitSome(const Emit& emit, const Context& context) {
    // In a register, as in RangeGenerator.
    auto at = std::move(at_);
    if (begun_) ++at;
    bool more = false;
    for (; at != end_; ++at) {
      if constexpr (kMovesItems) {
        emit(std::move(*at));
      } else {
        emit(*at);
      }
      if (emit.room() == 0 || (kLazy && context.cancelled())) {
        more = true;
        break;
      }
    }
    at_ = std::move(at);
    begun_ = true;
    return more;
  }

 private:
  std::conditional_t<std::is_lvalue_reference_v<Given>, Range&, Range> range_;
  std::ranges::iterator_t<Range> at_;
  std::ranges::sentinel_t<Range> end_;
  bool begun_ = false;
};

template <class F, class I>
struct FlatMapKernel {
  static constexpr const char* kKind = "FlatMap";
  static constexpr bool kOneWorker = false;
  static constexpr bool kFusable = false;
  static constexpr bool kExpands = true;
  static constexpr bool kChangesCount = true;
  using Rest = RangeRest<typename Unwrapped<CallResult<F, I>>::Type>;
  struct State {
    explicit State(Context& context) : context(context) {}
    Context& context;
    std::optional<Rest> rest;  // of the last item's range
  };
  F f;
  explicit FlatMapKernel(F f) : f(std::move(f)) {}
  State Begin(Context& context) const { return State(context); }

  template <class Emit>
  Verdict Push(State& state, I&& item, const Emit& emit, absl::Status& error) {
    bool more = false;
    const Verdict verdict = Unwrap(
        Call(f, std::move(item), state.context),
        [&](auto&& range) {
          // Those that are there already, and few, need not be kept. A lazy range may take long to
          // go through, be it short.
          if constexpr (!Rest::kLazy) {
            if (std::ranges::size(range) <= emit.room()) {
              for (auto&& output : range) {
                if constexpr (Rest::kMovesItems) {
                  emit(std::move(output));
                } else {
                  emit(std::forward<decltype(output)>(output));
                }
              }
              return;
            }
          }
          state.rest.emplace(std::forward<decltype(range)>(range));
          more = ContinueRest(state, emit);
        },
        error);
    return more ? Verdict::kMore : verdict;
  }
  template <class Emit>
  Verdict Continue(State& state, const Emit& emit, absl::Status&) {
    return state.rest.has_value() && ContinueRest(state, emit) ? Verdict::kMore : Verdict::kNext;
  }
  template <class Emit>
  Verdict Finish(State&, Emit&&, absl::Status&) {
    return Verdict::kNext;
  }

 private:
  template <class Emit>
  static bool ContinueRest(State& state, const Emit& emit) {
    const bool more = state.rest->EmitSome(emit, state.context);
    if (!more) state.rest.reset();
    return more;
  }
};

template <class F>
struct TapKernel : StatelessKernel {
  static constexpr const char* kKind = "Tap";
  static constexpr bool kFusable = true;
  F f;
  explicit TapKernel(F f) : f(std::move(f)) {}
  template <class T, class Emit>
  Verdict Push(State context, T&& item, Emit&& emit, absl::Status& error) {
    if constexpr (std::is_void_v<CallResult<F, const T&>>) {
      Call(f, std::as_const(item), *context);
    } else {
      const Verdict verdict = Unwrap(
          Call(f, std::as_const(item), *context), [](auto&&...) {}, error);
      if (verdict != Verdict::kNext) return verdict;
    }
    emit(std::move(item));
    return Verdict::kNext;
  }
};

// Passes items on, as a meeting point of several Outs.
struct PassKernel : StatelessKernel {
  const char* kKind;
  explicit PassKernel(const char* kind) : kKind(kind) {}
  template <class T, class Emit>
  Verdict Push(State&, T&& item, Emit&& emit, absl::Status&) {
    emit(std::move(item));
    return Verdict::kNext;
  }
};

struct TakeKernel : StatelessKernel {
  static constexpr const char* kKind = "Take";
  static constexpr bool kOneWorker = true;
  static constexpr bool kChangesCount = true;
  using State = uint64_t;  // how many have passed
  uint64_t count;
  explicit TakeKernel(uint64_t count) : count(count) {}
  bool wants_nothing() const { return count == 0; }
  State Begin() const { return 0; }
  template <class T, class Emit>
  Verdict Push(State& passed, T&& item, Emit&& emit, absl::Status&) {
    emit(std::move(item));
    return ++passed == count ? Verdict::kDone : Verdict::kNext;
  }
  template <class Emit>
  Verdict Finish(State&, Emit&&, absl::Status&) {
    return Verdict::kNext;
  }
};

struct SkipKernel : StatelessKernel {
  static constexpr const char* kKind = "Skip";
  static constexpr bool kOneWorker = true;
  static constexpr bool kChangesCount = true;
  using State = uint64_t;  // how many have been skipped
  uint64_t count;
  explicit SkipKernel(uint64_t count) : count(count) {}
  State Begin() const { return 0; }
  template <class T, class Emit>
  Verdict Push(State& skipped, T&& item, Emit&& emit, absl::Status&) {
    if (skipped < count) {
      ++skipped;
    } else {
      emit(std::move(item));
    }
    return Verdict::kNext;
  }
  template <class Emit>
  Verdict Finish(State&, Emit&&, absl::Status&) {
    return Verdict::kNext;
  }
};

template <class A, class F>
struct ScanKernel : StatefulKernel {
  static constexpr const char* kKind = "Scan";
  using State = A;
  A initial;
  F f;
  ScanKernel(A initial, F f) : initial(std::move(initial)), f(std::move(f)) {}
  State Begin() const { return initial; }
  template <class T, class Emit>
  Verdict Push(State& state, T&& item, Emit&& emit, absl::Status& error) {
    return Unwrap(
        std::invoke(f, std::move(state), std::move(item)),
        [&](auto&& next) {
          state = std::forward<decltype(next)>(next);
          emit(A(state));
        },
        error);
  }
  template <class Emit>
  Verdict Finish(State&, Emit&&, absl::Status&) {
    return Verdict::kNext;
  }
};

template <class A, class F>
struct ReduceKernel : StatefulKernel {
  static constexpr const char* kKind = "Reduce";
  static constexpr bool kChangesCount = true;
  using State = A;
  A initial;
  F f;
  ReduceKernel(A initial, F f) : initial(std::move(initial)), f(std::move(f)) {}
  State Begin() const { return initial; }
  template <class T, class Emit>
  Verdict Push(State& state, T&& item, Emit&&, absl::Status& error) {
    return Unwrap(
        std::invoke(f, std::move(state), std::move(item)),
        [&](auto&& next) { state = std::forward<decltype(next)>(next); }, error);
  }
  template <class Emit>
  Verdict Finish(State& state, Emit&& emit, absl::Status&) {
    emit(std::move(state));
    return Verdict::kNext;
  }
};

template <class T>
struct BatchKernel : StatefulKernel {
  static constexpr const char* kKind = "Batch";
  static constexpr bool kChangesCount = true;
  using State = std::vector<T>;
  size_t size;
  explicit BatchKernel(size_t size) : size(size) {}
  State Begin() const { return {}; }
  template <class Emit>
  Verdict Push(State& group, T&& item, Emit&& emit, absl::Status&) {
    group.push_back(std::move(item));
    if (group.size() >= size) emit(std::exchange(group, {}));
    return Verdict::kNext;
  }
  template <class Emit>
  Verdict Finish(State& group, Emit&& emit, absl::Status&) {
    if (!group.empty()) emit(std::move(group));
    return Verdict::kNext;
  }
};

}  // namespace weir::internal
