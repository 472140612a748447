// FunctionStage: what all stages that are made of a function are driven by: one coroutine, over batches, whatever the types of their
// items. What knows them is a Body, one for each Work of a stage: it calls the function.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <utility>

#include "absl/status/status.h"
#include "weir/core/batch_limit.h"
#include "weir/core/block_pool.h"
#include "weir/core/stage.h"
#include "weir/stages/items.h"
#include "weir/stages/kernel.h"
#include "weir/stages/reorder_window.h"

namespace weir {

struct FunctionOptions {
  // They share the input's channel, each a fair share of what is there. Unless it is declared, its capacity follows their number
  // (ChannelOptions::capacity).
  int workers = 1;
  // With several workers: outputs come in the order of their inputs. A worker that is out of turn leaves its outputs in the stage's
  // reorder window and takes the next inputs, so one slow item does not hold up the others.
  bool ordered = true;
  // The function blocks: it runs on the engine's threads for blocking calls.
  bool blocking = false;
  // The stage may be fused with its neighbours, where nothing observable changes by it (weir/stages/fuse.h).
  bool fuse = true;
  // How many inputs the workers of an ordered stage may be ahead of the first one that is not emitted yet, in items; it bounds what
  // the reorder window holds. 0: as many as the input's channel may hold, at least 16 for each worker, and of items that take so
  // little time that they are processed many at a time, four such batches for each worker.
  size_t ordered_window = 0;
};

namespace internal {

// The most items that a body is given, and about the most that it emits, at a time.
inline constexpr size_t kMostAtOnce = 256;

// An error in a user's function, with the item it was about.
absl::Status AtItem(uint64_t position, const absl::Status& error);

class Body : public Pooled {
 public:
  virtual ~Body() = default;

  // Calls the function with one of `count` items after the other, until it gives something else than kNext, enough has been
  // emitted, or the batch is stopped (BatchLimit). `taken` counts those that it was called with, also where it throws; of kFailed the
  // last of them is the reason. After kMore it is called with the items that follow, or none, once
  // what it has emitted is sent; the item that gives more stays.
  virtual Verdict Process(void* items, size_t count, size_t& taken, absl::Status& error) = 0;
  // The input is complete.
  virtual Verdict Finish(absl::Status& error) = 0;
  // What it has emitted and nobody has taken yet; null for a sink.
  virtual ItemBuffer* outputs() = 0;
};

// How many items a body may begin before it looks whether the batch has been stopped, where there are as many. Short bodies would take
// twice as long if they looked before each. Of items that take several microseconds a batch has fewer anyway (Pace).
inline constexpr size_t kUnchecked = 8;

// For a Body's Process: calls `use(I&&)` with one item after the other until it returns false. Nothing that the user's function
// knows lies among the items or is `taken`, and saying so lets it keep what it counts in registers.
template <class I, class Use>
void TakeEach(void* __restrict items, size_t count, size_t& __restrict taken, Use&& use) {
  struct Cursor {
    ~Cursor() { taken = at; }
    size_t& taken;
    size_t at = 0;
  } cursor{taken};
  I* const first = static_cast<I*>(items);
  const BatchLimit::Batch batch(count);
  const BatchLimit& limit = BatchLimit::OfThisThread();
  // A few at a time, which the compiler may make one step of.
  while (cursor.at + kUnchecked <= limit.most()) {
    for (size_t i = 0; i < kUnchecked; ++i) {
      if (!use(std::move(first[cursor.at++]))) return;
    }
  }
  while (cursor.at < limit.most() && use(std::move(first[cursor.at++]))) {
  }
}

// Has one input, and one output or none.
class FunctionStage : public Stage {
 public:
  Task<> Work(Context& context) final;

  // For a Work of its own, or of the stage before it, if that runs it (fuse.h).
  virtual std::unique_ptr<Body> MakeBody(Context& context) = 0;

 protected:
  // `fusable`: it remembers nothing from one item to the next, and emits at most one for each.
  FunctionStage(const FunctionOptions& options, bool fusable)
      : ordered_(options.ordered),
        blocking_(options.blocking),
        fuse_(options.fuse && !options.blocking),
        fusable_(fusable),
        ordered_window_(options.ordered_window) {
    set_workers(options.workers);
  }

  bool blocking() const { return blocking_; }
  // It ends before it has received anything.
  virtual bool wants_nothing() const { return false; }
  void BeginRun(RunState&) override;
  void EndRun() override { reorder_.DiscardHeld(); }

 private:
  // From the first items, which are in `lease`, or from the end of an input that had none.
  Task<> WorkFrom(Context& context, LeaseBase& lease);

  bool ends_when_unwanted() const override { return true; }
  bool can_run_next() const override { return fuse_; }
  bool can_run_in_previous() const override { return fusable_ && fuse_; }

  const bool ordered_;
  const bool blocking_;
  const bool fuse_;
  const bool fusable_;
  const size_t ordered_window_;
  ReorderWindow reorder_;  // for several workers that keep their inputs' order
};

}  // namespace internal
}  // namespace weir
