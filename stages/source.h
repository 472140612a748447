// Sources: FromRange, FromVector, Generate. A source gives items until it has no more, until nobody downstream wants more,
// or until the run drains.
#pragma once

#include <algorithm>
#include <atomic>
#include <functional>
#include <iterator>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "weir/core/stage.h"
#include "weir/stages/fuse.h"
#include "weir/stages/kernel.h"
#include "weir/stages/pace.h"

namespace weir {
namespace internal {

// What a source draws from, one State for each run:
//   Begin(error)              the State
//   Pull(state, emit, error)  emits the next item; kDone if there is none
template <class O, class Generator>
class Source final : public Stage {
 public:
  Out<O> out{this, "out"};

  explicit Source(Generator generator) : generator_(std::move(generator)) {}

  std::string kind() const override { return Generator::kKind; }

  Task<> Work(Context& context) override {
    absl::Status error;
    auto state = generator_.Begin(error);
    if (!error.ok()) co_return error;
    ThisWork this_work;
    internal::Work& work = co_await this_work;
    Onward<O> onward(out, work);
    Pace pace(kMostAtOnce);
    Verdict verdict = Verdict::kNext;
    while (verdict == Verdict::kNext && !context.draining()) {
      if (onward.room() == 0) {
        auto wait = onward.WaitForRoom();
        absl::Status waited = co_await wait;
        if (!waited.ok()) co_return onward.Refused(waited);
      }
      pace.Begin(context);
      verdict = PullSome(state, std::min(pace.limit(), onward.room()), onward.items(), error);
      const size_t pulled = onward.items().size();
      onward.Run();
      if (pace.End(context, pulled, onward.bodies())) work.EndTurn();
      auto send = onward.Send();
      absl::Status sent = co_await send;
      if (!sent.ok()) co_return onward.Refused(sent);
      if (onward.failed()) co_return onward.Fail();
      onward.Consider(pace);
    }
    co_return error;
  }

 private:
  static constexpr size_t kMostAtOnce = 64;

  // A function of its own, because what a coroutine's loop touches is in memory, and not in registers.
  Verdict PullSome(typename Generator::State& state, size_t most, Items<O>& items,
                   absl::Status& error) {
    items.Reserve(most);
    typename Items<O>::Filler filler(items);
    const auto emit = [&filler](O item) { filler.Push(std::move(item)); };
    Verdict verdict = Verdict::kNext;
    for (size_t i = most; i > 0 && verdict == Verdict::kNext; --i) {
      verdict = generator_.Pull(state, emit, error);
    }
    return verdict;
  }

  bool can_run_next() const override { return true; }

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
  Verdict Pull(State& state, Emit&& emit, absl::Status&) {
    if (state.at == state.end) return Verdict::kDone;
    emit(std::ranges::range_value_t<R>(*state.at));
    ++state.at;
    return Verdict::kNext;
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
  Verdict Pull(State& next, Emit&& emit, absl::Status&) {
    if (next == items.size()) return Verdict::kDone;
    if constexpr (std::is_copy_constructible_v<T>) {
      emit(T(items[next++]));
    } else {
      emit(std::move(items[next++]));
    }
    return Verdict::kNext;
  }
};

template <class T>
struct UnwrapOptional;
template <class T>
struct UnwrapOptional<std::optional<T>> {
  using Type = T;
};

template <class F>
struct FunctionGenerator {
  static constexpr const char* kKind = "Generate";
  F f;
  explicit FunctionGenerator(F f) : f(std::move(f)) {}
  using State = NoState;
  State Begin(absl::Status&) { return {}; }
  template <class Emit>
  Verdict Pull(State&, Emit&& emit, absl::Status& error) {
    bool more = true;
    const Verdict verdict = Unwrap(
        std::invoke(f),
        [&](auto&& item) {
          more = item.has_value();
          if (more) emit(*std::forward<decltype(item)>(item));
        },
        error);
    return verdict == Verdict::kNext && !more ? Verdict::kDone : verdict;
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
  using Item = typename internal::UnwrapOptional<internal::ResultOf<F>>::Type;
  using Generator = internal::FunctionGenerator<F>;
  return std::make_unique<internal::Source<Item, Generator>>(Generator(std::move(f)));
}

}  // namespace weir
