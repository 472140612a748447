// Stages with several outputs: Broadcast and Partition. The slowest output sets the pace of all. An output whose receiver has
// ended takes no more: what is meant for it is refused by its channel, and counted there; when all have ended, so does the
// stage.
#pragma once

#include <cstddef>
#include <functional>
#include <memory>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "weir/core/stage.h"
#include "weir/stages/function_check.h"
#include "weir/stages/kernel.h"
#include "weir/stages/transform.h"

namespace weir {
namespace internal {

// What Broadcast and Partition share: the outputs, and what is ready for each.
template <class T>
class SplitStage : public Stage {
 public:
  In<T> in{this, "in"};

  Out<T>& out(size_t i) { return *outs_.at(i); }
  size_t outputs() const { return outs_.size(); }

 protected:
  explicit SplitStage(size_t outputs) {
    for (size_t i = 0; i < outputs; ++i)
      outs_.push_back(std::make_unique<Out<T>>(this, absl::StrCat("out", i)));
  }

  // Sends what is ready, output by output. OUT_OF_RANGE when nobody wants anything any more.
  Task<absl::Status> SendAll(std::vector<std::vector<T>>& ready) {
    size_t ended = 0;
    for (size_t i = 0; i < outs_.size(); ++i) {
      auto send = outs_[i]->SendBatch(ready[i]);
      absl::Status sent = co_await send;
      ready[i].clear();
      if (sent.ok()) continue;
      if (!absl::IsOutOfRange(sent)) co_return sent;
      ++ended;
    }
    co_return ended > 0 && ended == outs_.size() ? absl::OutOfRangeError("") : absl::OkStatus();
  }

 private:
  bool ends_when_unwanted() const final { return true; }

  std::vector<std::unique_ptr<Out<T>>> outs_;
};

}  // namespace internal

// Stands for a Partition whose function has been refused.
namespace internal {
template <class T>
class RefusedSplit final : public SplitStage<T> {
 public:
  explicit RefusedSplit(size_t outputs) : SplitStage<T>(outputs) {}
  Task<> Work(Context&) override { co_return absl::OkStatus(); }
};
}  // namespace internal

// Every item to every output.
template <class T>
class BroadcastStage final : public internal::SplitStage<T> {
  static_assert(std::is_copy_constructible_v<T>,
                "weir: Broadcast copies its items, and this item cannot be copied; broadcast "
                "shared_ptr<const T>, or use Partition");

 public:
  explicit BroadcastStage(size_t outputs) : internal::SplitStage<T>(outputs) {}
  std::string kind() const override { return "Broadcast"; }

  Task<> Work(Context&) override {
    Lease<T> lease;
    std::vector<std::vector<T>> ready(this->outputs());
    while (true) {
      const bool more = co_await this->in.ReceiveBatch(lease);
      if (!more) co_return this->in.status();
      for (T& item : lease.TakeAll()) {
        for (size_t i = 1; i < ready.size(); ++i) ready[i].push_back(item);
        if (!ready.empty()) ready[0].push_back(std::move(item));
      }
      auto sending = this->SendAll(ready);
      absl::Status sent = co_await sending;
      if (!sent.ok()) co_return sent;
    }
  }
};

// Each item to the output whose number `f(const T&)` gives (below `outputs`; else the run fails with
// INVALID_ARGUMENT, naming the item).
template <class T, class F>
class PartitionStage final : public internal::SplitStage<T> {
 public:
  PartitionStage(size_t outputs, F f) : internal::SplitStage<T>(outputs), f_(std::move(f)) {}
  std::string kind() const override { return "Partition"; }
  StageTraits traits() const override { return {.changes_count = true}; }

  Task<> Work(Context&) override {
    Lease<T> lease;
    std::vector<std::vector<T>> ready(this->outputs());
    while (true) {
      const bool more = co_await this->in.ReceiveBatch(lease);
      if (!more) co_return this->in.status();
      while (!lease.empty()) {
        const uint64_t position = lease.position();
        T item = lease.Take();
        absl::Status error;
        const internal::Verdict verdict = internal::Unwrap(
            std::invoke(f_, std::as_const(item)),
            [&](auto which) {
              const size_t output = static_cast<size_t>(which);
              if (output < ready.size()) {
                ready[output].push_back(std::move(item));
              } else {
                error = absl::InvalidArgumentError(
                    absl::StrCat("the function chose output ", which, " of ", ready.size()));
              }
            },
            error);
        if (verdict == internal::Verdict::kFailed || !error.ok())
          co_return internal::AtItem(position, error);
      }
      auto sending = this->SendAll(ready);
      absl::Status sent = co_await sending;
      if (!sent.ok()) co_return sent;
    }
  }

 private:
  F f_;
};

template <class T>
auto Broadcast(size_t outputs) {
  return std::make_unique<BroadcastStage<T>>(outputs);
}
template <class T, class F>
auto Partition(size_t outputs, F f) {
  using internal::Mistake;
  constexpr Mistake mistake = internal::MistakeOfPartition<F, T>();
  static_assert(IsNot(mistake, Mistake::kArguments),
                "weir: Partition calls its function with an item that the stage before it sends, "
                "and this function cannot take one; let it take that type by value or const&");
  static_assert(IsNot(mistake, Mistake::kCoroutine),
                "weir: Partition calls a plain function, and this one is a coroutine, which "
                "nothing would run; write a Stage whose Work is the coroutine");
  static_assert(IsNot(mistake, Mistake::kResult),
                "weir: the function of Partition returns the number of an output, counted from 0, "
                "or an absl::StatusOr of it, and this one returns something else");
  if constexpr (mistake == Mistake::kNone) {
    return std::make_unique<PartitionStage<T, F>>(outputs, std::move(f));
  } else {
    return std::make_unique<internal::RefusedSplit<T>>(outputs);
  }
}

}  // namespace weir
