// Sinks: ForEach, Collect, Ignore. (WriteLines is in files.h.)
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "weir/core/stage.h"
#include "weir/stages/function_check.h"
#include "weir/stages/function_stage.h"
#include "weir/stages/kernel.h"

namespace weir {
namespace internal {

// Of a kernel that emits nothing; `Commit` is called once the input is known to be complete.
template <class I, class Kernel>
class Sink final : public FunctionStage {
 public:
  In<I> in{this, "in"};

  explicit Sink(Kernel kernel, FunctionOptions options = {})
      : FunctionStage(options, Kernel::kFusable), kernel_(std::move(kernel)) {}

  std::string kind() const override { return Kernel::kKind; }
  StageTraits traits() const override {
    return {.one_worker = Kernel::kOneWorker, .blocks = blocking()};
  }

  std::unique_ptr<internal::Body> MakeBody(Context&) override {
    return std::unique_ptr<internal::Body>(new Body(kernel_));
  }

 private:
  class Body final : public internal::Body {
   public:
    explicit Body(Kernel& kernel) : kernel_(kernel), state_(kernel.Begin()) {}

    Verdict Process(void* items, size_t count, size_t& taken, absl::Status& error) override {
      Verdict verdict = Verdict::kNext;
      TakeEach<I>(items, count, taken, [&](I&& item) {
        verdict = kernel_.Push(state_, std::move(item), error);
        return verdict == Verdict::kNext;
      });
      return verdict;
    }
    Verdict Finish(absl::Status&) override {
      kernel_.Commit(state_);
      return Verdict::kNext;
    }
    ItemBuffer* outputs() override { return nullptr; }

   private:
    Kernel& kernel_;
    typename Kernel::State state_;
  };

  Kernel kernel_;
};

template <class F>
struct ForEachKernel {
  static constexpr const char* kKind = "ForEach";
  static constexpr bool kOneWorker = false;
  static constexpr bool kFusable = true;
  using State = NoState;
  F f;
  explicit ForEachKernel(F f) : f(std::move(f)) {}
  State Begin() const { return {}; }
  template <class T>
  Verdict Push(State&, T&& item, absl::Status& error) {
    if constexpr (std::is_void_v<std::invoke_result_t<F&, T&&>>) {
      std::invoke(f, std::move(item));
      return Verdict::kNext;
    } else {
      return Unwrap(
          std::invoke(f, std::move(item)), [](auto&&...) {}, error);
    }
  }
  void Commit(State&) {}
};

template <class T>
struct CollectKernel {
  static constexpr const char* kKind = "Collect";
  static constexpr bool kOneWorker = true;
  static constexpr bool kFusable = false;  // it commits what it remembers
  using State = std::vector<T>;
  std::vector<T>* into;
  explicit CollectKernel(std::vector<T>* into) : into(into) {}
  State Begin() const { return {}; }
  Verdict Push(State& items, T&& item, absl::Status&) {
    items.push_back(std::move(item));
    return Verdict::kNext;
  }
  void Commit(State& items) { *into = std::move(items); }
};

struct IgnoreKernel {
  static constexpr const char* kKind = "Ignore";
  static constexpr bool kOneWorker = false;
  static constexpr bool kFusable = true;
  using State = NoState;
  State Begin() const { return {}; }
  template <class T>
  Verdict Push(State&, T&&, absl::Status&) {
    return Verdict::kNext;
  }
  void Commit(State&) {}
};

}  // namespace internal

// Calls `f(I&&)`, which gives nothing or a Status; an error fails the run. What `f` has done by then stays done: a sink that
// must not show a part of its input keeps it until its input is complete, as Collect and WriteLines do.
template <class I, class F>
auto ForEach(F f, FunctionOptions options = {}) {
  using internal::Mistake;
  constexpr Mistake mistake = internal::MistakeOfForEach<F, I>();
  static_assert(IsNot(mistake, Mistake::kArguments),
                "weir: ForEach calls its function with an item that the stage before it sends, and "
                "this function cannot take one; let it take that type, and nothing else, by value, "
                "const& or &&");
  static_assert(IsNot(mistake, Mistake::kCoroutine),
                "weir: ForEach calls a plain function, and this one is a coroutine, which nothing "
                "would run; write a Stage whose Work is the coroutine");
  if constexpr (mistake == Mistake::kNone) {
    using Kernel = internal::ForEachKernel<F>;
    return std::make_unique<internal::Sink<I, Kernel>>(Kernel(std::move(f)), options);
  } else {
    return std::make_unique<internal::Refused<I>>();
  }
}

// Replaces `into` by the items of the input, in order, once the input is complete; a run whose failure or cancellation cuts the
// input off leaves it as it was. What fails later in another branch does not undo it: the run's report tells. `into` must outlive
// the run, and is not to be read before the run is over.
template <class I>
auto Collect(std::vector<I>& into) {
  using Kernel = internal::CollectKernel<I>;
  return std::make_unique<internal::Sink<I, Kernel>>(Kernel(&into));
}

// Receives and forgets.
template <class I>
auto Ignore() {
  return std::make_unique<internal::Sink<I, internal::IgnoreKernel>>(internal::IgnoreKernel());
}

}  // namespace weir
