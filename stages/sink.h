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
#include "weir/stages/fuse.h"
#include "weir/stages/kernel.h"
#include "weir/stages/pace.h"
#include "weir/stages/transform.h"

namespace weir {
namespace internal {

// Drives a kernel that emits nothing; `Commit` is called once the input is known to be complete.
template <class I, class Kernel>
class Sink final : public Stage, public Fusable<I> {
 public:
  In<I> in{this, "in"};

  explicit Sink(Kernel kernel, FunctionOptions options = {})
      : kernel_(std::move(kernel)),
        blocking_(options.blocking),
        fuse_(options.fuse && !options.blocking) {
    set_workers(options.workers);
  }

  std::string kind() const override { return Kernel::kKind; }
  StageTraits traits() const override { return {.blocks = blocking_}; }

  Task<> Work(Context& context) override {
    typename Kernel::State state = kernel_.Begin();
    Lease<I> lease;
    ThisWork this_work;
    internal::Work& work = co_await this_work;
    Pace pace(kMostAtOnce);
    absl::Status error;
    auto process = [&] {
      while (!lease.empty() && error.ok()) {
        const uint64_t position = lease.position();
        if (kernel_.Push(state, lease.Take(), error) == Verdict::kFailed)
          error = AtItem(position, error);
      }
    };
    while (true) {
      const bool more = co_await in.ReceiveBatch(lease, pace.limit());
      if (!more) break;
      const size_t count = lease.size();
      pace.Begin(context);
      if (blocking_) {
        auto call = context.Blocking(process);
        absl::Status called = co_await call;
        if (!called.ok()) co_return called;
      } else {
        process();
      }
      if (pace.End(context, count)) work.EndTurn();
      if (!error.ok()) co_return error;
    }
    absl::Status complete = in.status();
    if (complete.ok()) kernel_.Commit(state);
    co_return complete;
  }

 private:
  static constexpr size_t kMostAtOnce = 256;

  // Its body in the Work of the stage before it, where that runs it (fuse.h).
  class Body final : public FusedBody {
   public:
    Body(Sink& stage, Items<I>& input, internal::Work& head)
        : FusedBody(stage.in, head), stage_(stage), input_(input), state_(stage.kernel_.Begin()) {}
    bool Run() override {
      return RunOver(
          input_, [&](I&& item) { return stage_.kernel_.Push(state_, std::move(item), error_); });
    }
    Tail* tail() override { return nullptr; }
    std::unique_ptr<FusedBody> MakeNext(internal::Work&) override { return nullptr; }

   private:
    Sink& stage_;
    Items<I>& input_;
    typename Kernel::State state_;
  };

  bool can_run_in_previous() const override { return Kernel::kFusable && fuse_; }
  std::unique_ptr<FusedBody> MakeBody(Items<I>& input, internal::Work& head) override {
    if constexpr (Kernel::kFusable) {
      return std::make_unique<Body>(*this, input, head);
    } else {
      return nullptr;
    }
  }

  Kernel kernel_;
  const bool blocking_;
  const bool fuse_;
};

template <class F>
struct ForEachKernel {
  static constexpr const char* kKind = "ForEach";
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
// must not show a part of its input keeps it until the run's report is OK, as Collect and WriteLines do.
template <class I, class F>
auto ForEach(F f, FunctionOptions options = {}) {
  using Kernel = internal::ForEachKernel<F>;
  return std::make_unique<internal::Sink<I, Kernel>>(Kernel(std::move(f)), options);
}

// Replaces `into` by the items of the input, in order, once the input is complete; a run that fails or is cancelled leaves
// it as it was. `into` must outlive the run, and is not to be read before the run is over.
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
