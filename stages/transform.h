// Function stages with an input and an output: Map, Filter, FlatMap, Scan, Reduce, Take, Skip, Tap, Batch, Merge.
//
// Functions are called on the pool's threads and must not block (or say so: `blocking`). With `workers` above 1 they are
// called from several threads at once. A function may return an absl::StatusOr: an error fails the stage, and with it the
// run. Items are handed to them as rvalues, so move-only items are welcome. A function of Map, Filter, FlatMap or Tap may take
// a `Context&` behind the item: one that blocks for long looks at `cancelled()`.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "weir/core/stage.h"
#include "weir/stages/fuse.h"
#include "weir/stages/kernel.h"
#include "weir/stages/pace.h"

namespace weir {

struct FunctionOptions {
  // They share the input's channel, each a fair share of what is there: many workers want a capacity of some dozen items each.
  int workers = 1;
  // With several workers: outputs come in the order of their inputs. Each worker holds at most one batch that is out of
  // turn. `false` for speed.
  bool ordered = true;
  // The function blocks: it runs on the engine's threads for blocking calls.
  bool blocking = false;
  // The stage may be fused with its neighbours, where nothing observable changes by it (weir/stages/fuse.h).
  bool fuse = true;
};

namespace internal {

template <class I, class O, class Kernel>
class Transform final : public Stage, public Fusable<I> {
 public:
  In<I> in{this, "in"};
  Out<O> out{this, "out"};

  explicit Transform(Kernel kernel, FunctionOptions options = {})
      : kernel_(std::move(kernel)),
        ordered_(options.ordered),
        blocking_(options.blocking),
        fuse_(options.fuse && !options.blocking) {
    set_workers(options.workers);
  }

  std::string kind() const override { return kernel_.kKind; }
  StageTraits traits() const override {
    StageTraits traits{.changes_count = Kernel::kChangesCount, .blocks = blocking_};
    if constexpr (requires { kernel_.size; }) traits.gathers = kernel_.size;
    return traits;
  }

  Task<> Work(Context& context) override {
    const bool in_turn = ordered_ && workers() > 1;
    typename Kernel::State state = Begin(context);
    Lease<I> lease;
    ThisWork this_work;
    internal::Work& work = co_await this_work;
    Onward<O> onward(out, work);
    Pace pace(kMostAtOnce);
    Verdict verdict = Verdict::kNext;
    absl::Status error;
    auto process = [&] { verdict = Process(state, lease, onward.items(), error); };

    while (verdict == Verdict::kNext) {
      const bool more = co_await in.ReceiveBatch(lease, pace.limit());
      if (!more) break;
      const uint64_t first = lease.position();
      const uint64_t next = first + lease.size();
      bool my_turn = !in_turn;
      while (!lease.empty() && verdict == Verdict::kNext) {
        const size_t before = lease.size();
        pace.Begin(context);
        if (blocking_) {
          auto call = context.Blocking(process);
          absl::Status called = co_await call;
          if (!called.ok()) co_return called;
        } else {
          process();
        }
        onward.Run();
        if (pace.End(context, before - lease.size(), onward.bodies())) work.EndTurn();
        if (!my_turn) {
          TurnOperation turn(turns_, first, context);
          absl::Status come = co_await turn;
          if (!come.ok()) co_return come;
          my_turn = true;
        }
        if (onward.has_output()) {
          auto send = onward.Send();
          absl::Status sent = co_await send;
          if (!sent.ok()) {
            if (in_turn) turns_.Advance(next);  // the others have to learn of it too
            co_return onward.Refused(sent);
          }
        }
        if (onward.failed()) co_return onward.Fail();
        onward.Consider(pace);
      }
      // After a failure in order, nothing later is emitted.
      if (in_turn && verdict != Verdict::kFailed) turns_.Advance(next);
    }
    if (verdict == Verdict::kFailed) co_return error;
    absl::Status complete = in.status();
    if (!complete.ok()) co_return complete;
    auto emit = [&onward](O output) { onward.items().Push(std::move(output)); };
    verdict = kernel_.Finish(state, emit, error);
    if (verdict == Verdict::kFailed) co_return error;
    onward.Run();
    if (onward.has_output()) {
      auto send = onward.Send();
      absl::Status sent = co_await send;
      if (!sent.ok()) co_return onward.Refused(sent);
    }
    if (onward.failed()) co_return onward.Fail();
    co_return absl::OkStatus();
  }

 protected:
  void BeginRun(RunState&) override { turns_.Reset(); }

 private:
  static constexpr size_t kMostAtOnce = 256;

  // As much as fits into one send; the rest of the lease waits in the channel. A function of its own, because what a
  // coroutine's loop touches is in memory, and not in registers.
  Verdict Process(typename Kernel::State& state, Lease<I>& lease, Items<O>& ready,
                  absl::Status& error) {
    ready.Reserve(std::min(lease.size(), kMostAtOnce));
    Verdict verdict = Verdict::kNext;
    const auto push_all = [&](auto& emitted) {
      const auto emit = [&emitted](O output) { emitted.Push(std::move(output)); };
      lease.TakeEach([&](I&& item) {
        verdict = kernel_.Push(state, std::move(item), emit, error);
        return verdict == Verdict::kNext && emitted.size() < kMostAtOnce;
      });
    };
    if constexpr (Kernel::kExpands) {
      push_all(ready);
    } else {
      typename Items<O>::Filler filler(ready);
      push_all(filler);
    }
    if (verdict == Verdict::kFailed) error = AtItem(lease.position() - 1, error);
    return verdict;
  }

  auto Begin(Context& context) {
    if constexpr (requires { kernel_.Begin(context); }) {
      return kernel_.Begin(context);
    } else {
      return kernel_.Begin();
    }
  }

  // --- Fused with its neighbours ---

  class Body final : public FusedBody {
   public:
    Body(Transform& stage, Items<I>& input, internal::Work& head)
        : FusedBody(stage.in, head),
          stage_(stage),
          input_(input),
          state_(stage.kernel_.Begin(context())),
          tail_(stage.out) {}
    bool Run() override {
      tail_.items().Reserve(input_.size());
      typename Items<O>::Filler filler(tail_.items());
      const auto emit = [&filler](O output) { filler.Push(std::move(output)); };
      return RunOver(input_, [&](I&& item) {
        return stage_.kernel_.Push(state_, std::move(item), emit, error_);
      });
    }
    Tail* tail() override { return &tail_; }
    std::unique_ptr<FusedBody> MakeNext(internal::Work& head) override {
      return MakeBodyBehind(stage_.out, tail_.items(), head);
    }

   private:
    Transform& stage_;
    Items<I>& input_;
    typename Kernel::State state_;
    PortTail<O, RoomOnDemand> tail_;  // of a row of bodies only the last one's sends
  };

  bool can_run_next() const override { return fuse_; }
  bool can_run_in_previous() const override { return Kernel::kFusable && fuse_; }
  std::unique_ptr<FusedBody> MakeBody(Items<I>& input, internal::Work& head) override {
    if constexpr (Kernel::kFusable) {
      return std::make_unique<Body>(*this, input, head);
    } else {
      return nullptr;
    }
  }

  Kernel kernel_;
  const bool ordered_;
  const bool blocking_;
  const bool fuse_;
  Turnstile turns_;  // whose batch may be emitted, by the position of its first item
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
  return internal::MakeTransform<I, internal::CallResultOf<F, I>>(
      internal::MapKernel<F>(std::move(f)), options);
}

// The inputs of which `f(const I&)` is true; it gives bool or StatusOr<bool>.
template <class I, class F>
auto Filter(F f, FunctionOptions options = {}) {
  return internal::MakeTransform<I, I>(internal::FilterKernel<F>(std::move(f)), options);
}

// The items of the range that `f(I&&)` gives for each input: a container, or StatusOr of one.
template <class I, class F>
auto FlatMap(F f, FunctionOptions options = {}) {
  using Range = internal::CallResultOf<F, I>;
  return internal::MakeTransform<I, std::ranges::range_value_t<Range>>(
      internal::FlatMapKernel<F>(std::move(f)), options);
}

// Calls `f(const I&)`, which gives nothing or a Status, and passes the item on.
template <class I, class F>
auto Tap(F f, FunctionOptions options = {}) {
  return internal::MakeTransform<I, I>(internal::TapKernel<F>(std::move(f)), options);
}

// The running result: `accumulated = f(A&& accumulated, I&&)`, sent after each input. A is copyable.
template <class I, class A, class F>
auto Scan(A initial, F f) {
  return internal::MakeTransform<I, A>(
      internal::ScanKernel<A, F>(std::move(initial), std::move(f)));
}

// The result over the whole input, sent when it is complete; `initial` for an empty one. A is copyable.
template <class I, class A, class F>
auto Reduce(A initial, F f) {
  return internal::MakeTransform<I, A>(
      internal::ReduceKernel<A, F>(std::move(initial), std::move(f)));
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
