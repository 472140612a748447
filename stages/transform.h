// Function stages with an input and an output: Map, Filter, FlatMap, Scan, Reduce, Take, Skip, Tap, Batch, Merge.
//
// Functions are called on the pool's threads and must not block (or say so: `blocking`). With `workers` above 1 they are
// called from several threads at once. A function may return an absl::StatusOr: an error fails the stage, and with it the
// run. Items are handed to them as rvalues, so move-only items are welcome. A function of Map, Filter, FlatMap or Tap may take
// a `Context&` behind the item: one that blocks for long looks at `cancelled()`.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "weir/core/stage.h"
#include "weir/stages/function_check.h"
#include "weir/stages/function_stage.h"
#include "weir/stages/items.h"
#include "weir/stages/kernel.h"
#include "weir/stages/pace.h"

namespace weir {
namespace internal {

template <class I, class O, class Kernel>
class Transform final : public FunctionStage {
 public:
  In<I> in{this, "in"};
  Out<O> out{this, "out"};

  explicit Transform(Kernel kernel, FunctionOptions options = {})
      : FunctionStage(options, Kernel::kFusable), kernel_(std::move(kernel)) {}

  std::string kind() const override { return kernel_.kKind; }
  StageTraits traits() const override {
    StageTraits traits{.one_worker = Kernel::kOneWorker,
                       .changes_count = Kernel::kChangesCount,
                       .blocks = blocking()};
    if constexpr (requires { kernel_.size; }) traits.gathers = kernel_.size;
    return traits;
  }

  std::unique_ptr<internal::Body> MakeBody(Context& context) override {
    return std::unique_ptr<internal::Body>(new Body(kernel_, context));
  }

 private:
  bool wants_nothing() const override {
    if constexpr (requires { kernel_.wants_nothing(); }) {
      return kernel_.wants_nothing();
    } else {
      return false;
    }
  }

  class Body final : public internal::Body {
   public:
    Body(Kernel& kernel, Context& context)
        : kernel_(kernel), state_(Begin(kernel, context)), expanding_(context) {}

    Verdict Process(void* items, size_t count, size_t& taken, absl::Status& error) override {
      Verdict verdict = Verdict::kNext;
      if constexpr (Kernel::kExpands) {
        expanding_.pace.Begin(expanding_.context);
        size_t room = std::min(expanding_.pace.limit(), kMostOfItsSize);
        outputs_.Reserve(room);
        typename Items<O>::Filler filler(outputs_);
        const LimitedEmit emit{filler, room};
        verdict = kernel_.Continue(state_, emit, error);
        if (verdict == Verdict::kNext && emit.room() > 0) {
          TakeEach<I>(items, count, taken, [&](I&& item) {
            verdict = kernel_.Push(state_, std::move(item), emit, error);
            return verdict == Verdict::kNext && emit.room() > 0;
          });
        }
        expanding_.pace.End(expanding_.context, filler.size());
      } else {
        outputs_.Reserve(count);
        typename Items<O>::Filler filler(outputs_);
        const auto emit = [&filler](O output) { filler.Push(std::move(output)); };
        TakeEach<I>(items, count, taken, [&](I&& item) {
          verdict = kernel_.Push(state_, std::move(item), emit, error);
          return verdict == Verdict::kNext;
        });
      }
      return verdict;
    }
    Verdict Finish(absl::Status& error) override {
      const auto emit = [this](O output) { outputs_.Push(std::move(output)); };
      return kernel_.Finish(state_, emit, error);
    }
    ItemBuffer* outputs() override { return &outputs_; }

   private:
    // For a kernel that emits several items for one: into room that is there.
    struct LimitedEmit {
      void operator()(O output) const {
        filler.Push(std::move(output));
        --left;
      }
      size_t room() const { return left; }
      typename Items<O>::Filler& filler;
      size_t& left;
    };
    // So many that they take little memory.
    static constexpr size_t kMostOfItsSize = std::max<size_t>(1, 256 * 1024 / sizeof(O));
    // How many it emits at a time, whatever one item gives.
    struct Expanding {
      explicit Expanding(Context& context) : context(context) {}
      Context& context;
      Pace pace{kMostAtOnce};
    };
    struct NotExpanding {
      explicit NotExpanding(Context&) {}
    };

    static auto Begin(Kernel& kernel, Context& context) {
      if constexpr (requires { kernel.Begin(context); }) {
        return kernel.Begin(context);
      } else {
        return kernel.Begin();
      }
    }

    Kernel& kernel_;
    typename Kernel::State state_;
    Items<O> outputs_;
    [[no_unique_address]] std::conditional_t<Kernel::kExpands, Expanding, NotExpanding> expanding_;
  };

  Kernel kernel_;
};

}  // namespace internal
}  // namespace weir

// --- The stages. Each gives a unique_ptr for Graph::Add; `I` is the item type of the input. ---

namespace weir {
namespace internal {

template <class I, class O, class Kernel>
auto MakeTransform(Kernel kernel, FunctionOptions options = {}) {
  return std::make_unique<Transform<I, O, Kernel>>(std::move(kernel), options);
}

}  // namespace internal

// One output for each input: `f(I&&)` gives O or StatusOr<O>.
template <class I, class F>
auto Map(F f, FunctionOptions options = {}) {
  using internal::Mistake;
  constexpr Mistake mistake = internal::MistakeOfMap<F, I>();
  static_assert(IsNot(mistake, Mistake::kArguments),
                "weir: Map calls its function with an item that the stage before it sends, and "
                "this function cannot take one; let it take that type by value, const& or &&, and "
                "a Context& after it if it wants one");
  static_assert(IsNot(mistake, Mistake::kCoroutine),
                "weir: Map calls a plain function, and this one is a coroutine, which nothing "
                "would run; write a Stage whose Work is the coroutine");
  static_assert(IsNot(mistake, Mistake::kNothing),
                "weir: the function of Map returns the item to send, and this one returns nothing; "
                "use Tap to pass the item on, or ForEach to end with it");
  static_assert(IsNot(mistake, Mistake::kStatus),
                "weir: the function of Map returns the item to send, and this one returns a "
                "Status; return an absl::StatusOr of an item, or use Tap or ForEach");
  if constexpr (mistake == Mistake::kNone) {
    return internal::MakeTransform<I, internal::CallResultOf<F, I>>(
        internal::MapKernel<F>(std::move(f)), options);
  } else {
    return std::make_unique<internal::Refused<I>>();
  }
}

// The inputs of which `f(const I&)` is true; it gives bool or StatusOr<bool>.
template <class I, class F>
auto Filter(F f, FunctionOptions options = {}) {
  using internal::Mistake;
  constexpr Mistake mistake = internal::MistakeOfFilter<F, I>();
  static_assert(IsNot(mistake, Mistake::kArguments),
                "weir: Filter calls its function with an item that the stage before it sends, and "
                "this function cannot take one; let it take that type by value or const&, and a "
                "Context& after it if it wants one");
  static_assert(IsNot(mistake, Mistake::kCoroutine),
                "weir: Filter calls a plain function, and this one is a coroutine, which nothing "
                "would run; write a Stage whose Work is the coroutine");
  static_assert(IsNot(mistake, Mistake::kResult),
                "weir: the function of Filter returns whether to keep the item, as bool or "
                "absl::StatusOr<bool>, and this one returns something else");
  if constexpr (mistake == Mistake::kNone) {
    return internal::MakeTransform<I, I>(internal::FilterKernel<F>(std::move(f)), options);
  } else {
    return std::make_unique<internal::Refused<I, I>>();
  }
}

// The items of the range that `f(I&&)` gives for each input: a container, a view, a lazy range, an
// endless one; or StatusOr of one. A range is emitted as the stage's output has room, a few hundred
// items at a time at the most, and is kept meanwhile; the input stays where it is, so that the
// range may refer to it. A cancelled run, and one in which nobody wants more, stop between two
// items of the range. A draining one goes through it to its end.
template <class I, class F>
auto FlatMap(F f, FunctionOptions options = {}) {
  using internal::Mistake;
  constexpr Mistake mistake = internal::MistakeOfFlatMap<F, I>();
  static_assert(IsNot(mistake, Mistake::kArguments),
                "weir: FlatMap calls its function with an item that the stage before it sends, and "
                "this function cannot take one; let it take that type by value, const& or &&, and "
                "a Context& after it if it wants one");
  static_assert(IsNot(mistake, Mistake::kCoroutine),
                "weir: FlatMap calls a plain function, and this one is a coroutine, which nothing "
                "would run; write a Stage whose Work is the coroutine");
  static_assert(IsNot(mistake, Mistake::kResult),
                "weir: the function of FlatMap returns a range of items, such as a std::vector, or "
                "an absl::StatusOr of one, and this one returns something else; use Map to send "
                "one item for each");
  if constexpr (mistake == Mistake::kNone) {
    using Range = internal::CallResultOf<F, I>;
    return internal::MakeTransform<I, std::ranges::range_value_t<Range>>(
        internal::FlatMapKernel<F, I>(std::move(f)), options);
  } else {
    return std::make_unique<internal::Refused<I>>();
  }
}

// Calls `f(const I&)`, which gives nothing or a Status, and passes the item on.
template <class I, class F>
auto Tap(F f, FunctionOptions options = {}) {
  using internal::Mistake;
  constexpr Mistake mistake = internal::MistakeOfTap<F, I>();
  static_assert(IsNot(mistake, Mistake::kArguments),
                "weir: Tap calls its function with an item that the stage before it sends, and "
                "this function cannot take one; let it take that type by value or const&, and a "
                "Context& after it if it wants one");
  static_assert(IsNot(mistake, Mistake::kCoroutine),
                "weir: Tap calls a plain function, and this one is a coroutine, which nothing "
                "would run; write a Stage whose Work is the coroutine");
  if constexpr (mistake == Mistake::kNone) {
    return internal::MakeTransform<I, I>(internal::TapKernel<F>(std::move(f)), options);
  } else {
    return std::make_unique<internal::Refused<I, I>>();
  }
}

// The running result: `accumulated = f(A&& accumulated, I&&)`, sent after each input. A is copyable.
template <class I, class A, class F>
auto Scan(A initial, F f) {
  using internal::Mistake;
  constexpr Mistake mistake = internal::MistakeOfReduce<F, A, I>();
  static_assert(IsNot(mistake, Mistake::kInitial),
                "weir: Scan begins every run with a copy of its initial value, and this one cannot "
                "be copied");
  static_assert(IsNot(mistake, Mistake::kArguments),
                "weir: Scan calls its function with the accumulated value, of the type of the "
                "initial one, and an item that the stage before it sends, and this function "
                "cannot take those; let it take both by value, const& or &&");
  static_assert(IsNot(mistake, Mistake::kCoroutine),
                "weir: Scan calls a plain function, and this one is a coroutine, which nothing "
                "would run; write a Stage whose Work is the coroutine");
  static_assert(IsNot(mistake, Mistake::kNothing),
                "weir: the function of Scan returns the accumulated value, or an absl::StatusOr of "
                "it, and this one returns none");
  static_assert(IsNot(mistake, Mistake::kResult),
                "weir: the function of Scan returns the accumulated value, and what this one "
                "returns does not fit into the type of the initial one");
  if constexpr (mistake == Mistake::kNone) {
    return internal::MakeTransform<I, A>(
        internal::ScanKernel<A, F>(std::move(initial), std::move(f)));
  } else {
    return std::make_unique<internal::Refused<I>>();
  }
}

// The result over the whole input, sent when it is complete; `initial` for an empty one. A is copyable.
template <class I, class A, class F>
auto Reduce(A initial, F f) {
  using internal::Mistake;
  constexpr Mistake mistake = internal::MistakeOfReduce<F, A, I>();
  static_assert(IsNot(mistake, Mistake::kInitial),
                "weir: Reduce begins every run with a copy of its initial value, and this one "
                "cannot be copied");
  static_assert(IsNot(mistake, Mistake::kArguments),
                "weir: Reduce calls its function with the accumulated value, of the type of the "
                "initial one, and an item that the stage before it sends, and this function "
                "cannot take those; let it take both by value, const& or &&");
  static_assert(IsNot(mistake, Mistake::kCoroutine),
                "weir: Reduce calls a plain function, and this one is a coroutine, which nothing "
                "would run; write a Stage whose Work is the coroutine");
  static_assert(IsNot(mistake, Mistake::kNothing),
                "weir: the function of Reduce returns the accumulated value, or an absl::StatusOr "
                "of it, and this one returns none");
  static_assert(IsNot(mistake, Mistake::kResult),
                "weir: the function of Reduce returns the accumulated value, and what this one "
                "returns does not fit into the type of the initial one");
  if constexpr (mistake == Mistake::kNone) {
    return internal::MakeTransform<I, A>(
        internal::ReduceKernel<A, F>(std::move(initial), std::move(f)));
  } else {
    return std::make_unique<internal::Refused<I>>();
  }
}

// The first `count` items; then it ends, and those upstream are told that no more is wanted.
template <class I>
auto Take(uint64_t count) {
  return internal::MakeTransform<I, I>(internal::TakeKernel(count));
}

// All but the first `count` items.
template <class I>
auto Skip(uint64_t count) {
  return internal::MakeTransform<I, I>(internal::SkipKernel(count));
}

// Vectors of `size` items, the last of what is left. 0 is taken as 1.
template <class I>
auto Batch(size_t size) {
  return internal::MakeTransform<I, std::vector<I>>(internal::BatchKernel<I>(size));
}

// Passes on what several Outs send to its one In, as it comes.
template <class I>
auto Merge() {
  return internal::MakeTransform<I, I>(internal::PassKernel("Merge"));
}

}  // namespace weir
