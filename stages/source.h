// Sources: FromRange, FromVector, Generate. A source gives items until it has no more, until nobody downstream wants more,
// or until the run drains.
#pragma once

#include <algorithm>
#include <atomic>
#include <functional>
#include <iterator>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "weir/core/block_pool.h"
#include "weir/core/stage.h"
#include "weir/stages/function_check.h"
#include "weir/stages/items.h"
#include "weir/stages/kernel.h"

namespace weir {
namespace internal {

// What draws the items, for the one Work of a source: what knows their type.
class SourceBody : public Pooled {
 public:
  virtual ~SourceBody() = default;
  // Emits up to `most` items; kDone if there are no more.
  virtual Verdict Pull(size_t most, absl::Status& error) = 0;
  virtual ItemBuffer& outputs() = 0;
};

// The one coroutine of all sources.
class SourceStage : public Stage {
 public:
  Task<> Work(Context& context) final;
  StageTraits traits() const final { return {.one_worker = true}; }

 private:
  // With an error, it is not asked for anything.
  virtual std::unique_ptr<SourceBody> MakeBody(absl::Status& error) = 0;
  bool can_run_next() const override { return true; }
};

// What a source draws from, one State for each run:
//   Begin(error)                    the State
//   Pull(state, most, emit, error)  emits the next items, up to `most`; kDone if there are no more
template <class O, class Generator>
class Source final : public SourceStage {
 public:
  Out<O> out{this, "out"};

  explicit Source(Generator generator) : generator_(std::move(generator)) {}

  std::string kind() const override { return Generator::kKind; }

 private:
  class Body final : public SourceBody {
   public:
    Body(Generator& generator, absl::Status& error)
        : generator_(generator), state_(generator.Begin(error)) {}

    Verdict Pull(size_t most, absl::Status& error) override {
      outputs_.Reserve(most);
      typename Items<O>::Filler filler(outputs_);
      const auto emit = [&filler](O item) { filler.Push(std::move(item)); };
      return generator_.Pull(state_, most, emit, error);
    }
    ItemBuffer& outputs() override { return outputs_; }

   private:
    Generator& generator_;
    typename Generator::State state_;
    Items<O> outputs_;
  };

  std::unique_ptr<SourceBody> MakeBody(absl::Status& error) override {
    return std::unique_ptr<SourceBody>(new Body(generator_, error));
  }

  Generator generator_;
};

template <class R>
struct RangeGenerator {
  static constexpr const char* kKind = "FromRange";
  R range;
  explicit RangeGenerator(R range) : range(std::move(range)) {}
  struct State {
    explicit State(R& range) : at(std::ranges::begin(range)), end(std::ranges::end(range)) {}
    std::ranges::iterator_t<R> at;
    std::ranges::sentinel_t<R> end;
  };
  State Begin(absl::Status&) { return State(range); }
  template <class Emit>
  Verdict Pull(State& state, size_t most, Emit&& emit, absl::Status&) {
    using Iterator = std::ranges::iterator_t<R>;
    constexpr bool sized = std::sized_sentinel_for<std::ranges::sentinel_t<R>, Iterator>;
    size_t count = most;
    if constexpr (sized) {
      const auto left = state.end - state.at;
      if (left < static_cast<decltype(left)>(most)) count = static_cast<size_t>(left);
    }
    // In a register: for all that the compiler knows, each store of an item might change the State.
    Iterator at = std::move(state.at);
    size_t i = 0;
    for (; i < count && (sized || at != state.end); ++i, ++at)
      emit(std::ranges::range_value_t<R>(*at));
    state.at = std::move(at);
    return i < most ? Verdict::kDone : Verdict::kNext;
  }
};

template <class T>
struct VectorGenerator {
  static constexpr const char* kKind = "FromVector";
  std::vector<T> items;
  bool given_away = false;
  explicit VectorGenerator(std::vector<T> items) : items(std::move(items)) {}
  using State = size_t;  // the next one
  State Begin(absl::Status& error) {
    if constexpr (!std::is_copy_constructible_v<T>) {
      if (given_away) {
        error = absl::FailedPreconditionError(
            "its items cannot be copied and were given to an earlier run; make a new graph, or "
            "Generate them");
      }
      given_away = true;
    }
    return 0;
  }
  template <class Emit>
  Verdict Pull(State& next, size_t most, Emit&& emit, absl::Status&) {
    const size_t count = std::min(most, items.size() - next);
    const auto first = items.begin() + static_cast<std::ptrdiff_t>(next);
    for (auto&& item : std::ranges::subrange(first, first + static_cast<std::ptrdiff_t>(count))) {
      if constexpr (std::is_copy_constructible_v<T>) {
        emit(T(item));
      } else {
        emit(std::move(item));
      }
    }
    next += count;
    return count < most ? Verdict::kDone : Verdict::kNext;
  }
};

template <class T>
struct UnwrapOptional;
template <class T>
struct UnwrapOptional<std::optional<T>> {
  using Type = T;
};

template <class F>
constexpr Mistake MistakeOfGenerate() {
  if constexpr (!std::is_invocable_v<F&>) {
    return Mistake::kArguments;
  } else if constexpr (MistakeOfResult<std::invoke_result_t<F&>>() == Mistake::kCoroutine) {
    return Mistake::kCoroutine;
  } else if constexpr (!requires { typename UnwrapOptional<ResultOf<F>>::Type; }) {
    return Mistake::kResult;
  } else {
    return Mistake::kNone;
  }
}

template <class F>
struct FunctionGenerator {
  static constexpr const char* kKind = "Generate";
  F f;
  explicit FunctionGenerator(F f) : f(std::move(f)) {}
  using State = NoState;
  State Begin(absl::Status&) { return {}; }
  template <class Emit>
  Verdict Pull(State&, size_t most, Emit&& emit, absl::Status& error) {
    Verdict verdict = Verdict::kNext;
    bool more = true;
    for (; most > 0 && more && verdict == Verdict::kNext; --most) {
      verdict = Unwrap(
          std::invoke(f),
          [&](auto&& item) {
            more = item.has_value();
            if (more) emit(*std::forward<decltype(item)>(item));
          },
          error);
    }
    return more ? verdict : Verdict::kDone;
  }
};

}  // namespace internal

// The items of a range, such as `std::views::iota(0, 10)`. The range is kept; every run goes through it from its beginning.
template <std::ranges::input_range R>
auto FromRange(R range) {
  using Generator = internal::RangeGenerator<R>;
  return std::make_unique<internal::Source<std::ranges::range_value_t<R>, Generator>>(
      Generator(std::move(range)));
}

// The items of a vector. Copies for every run; items that cannot be copied are given to the first run, and a second fails
// with FAILED_PRECONDITION.
template <class T>
auto FromVector(std::vector<T> items) {
  using Generator = internal::VectorGenerator<T>;
  return std::make_unique<internal::Source<T, Generator>>(Generator(std::move(items)));
}

// What `f()` gives, a std::optional<T> or absl::StatusOr<std::optional<T>>, until it gives nothing. `f` is called by one
// thread at a time, and not begun anew for a second run.
template <class F>
auto Generate(F f) {
  using internal::Mistake;
  constexpr Mistake mistake = internal::MistakeOfGenerate<F>();
  static_assert(IsNot(mistake, Mistake::kArguments),
                "weir: Generate calls its function without arguments, and this one takes some");
  static_assert(IsNot(mistake, Mistake::kCoroutine),
                "weir: Generate calls a plain function, and this one is a coroutine, which nothing "
                "would run; write a Stage whose Work is the coroutine");
  static_assert(IsNot(mistake, Mistake::kResult),
                "weir: the function of Generate returns the next item or, at the end, nothing, as "
                "std::optional<T> or absl::StatusOr<std::optional<T>>, and this one returns "
                "something else");
  if constexpr (mistake == Mistake::kNone) {
    using Item = typename internal::UnwrapOptional<internal::ResultOf<F>>::Type;
    using Generator = internal::FunctionGenerator<F>;
    return std::make_unique<internal::Source<Item, Generator>>(Generator(std::move(f)));
  } else {
    return std::make_unique<internal::RefusedSource>();
  }
}

}  // namespace weir
