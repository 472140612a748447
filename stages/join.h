// Stages with several inputs: Zip and Concat. (Merge, which takes items as they come, is in transform.h: Outs that share an
// In are merged already.)
#pragma once

#include <cstddef>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "weir/core/select.h"
#include "weir/core/stage.h"

namespace weir {

// Pairs the items of two inputs in order. Ends with the shorter one, as soon as that has ended:
// what is left of the other is unread.
template <class A, class B>
class ZipStage final : public Stage {
 public:
  In<A> first{this, "first"};
  In<B> second{this, "second"};
  Out<std::pair<A, B>> out{this, "out"};

  std::string kind() const override { return "Zip"; }
  StageTraits traits() const override { return {.one_worker = true}; }

  Task<> Work(Context&) override {
    Lease<A> as;
    Lease<B> bs;
    std::vector<std::pair<A, B>> pairs;
    while (true) {
      // Items are taken in pairs: one that finds no partner goes back to its channel. While there
      // is none of either, whichever ends ends the stage.
      if (as.empty() && bs.empty()) {
        auto from_first = first.OnReceiveBatch(as);
        auto from_second = second.OnReceiveBatch(bs);
        auto select = Select(from_first, from_second).Biased();
        Selected selected = co_await select;
        if (absl::IsOutOfRange(selected.status)) co_return first.status();
        if (!selected.status.ok()) co_return selected.status;
      }
      if (as.empty()) {
        const bool more = co_await first.ReceiveBatch(as);
        if (!more) co_return first.status();
      }
      if (bs.empty()) {
        const bool more = co_await second.ReceiveBatch(bs);
        if (!more) co_return second.status();
      }
      while (!as.empty() && !bs.empty()) pairs.emplace_back(as.Take(), bs.Take());
      auto send = out.SendBatch(pairs);
      absl::Status sent = co_await send;
      if (!sent.ok()) co_return sent;
    }
  }

 private:
  bool ends_when_unwanted() const override { return true; }
};

// All of the first input, then all of the second, and so on.
template <class T>
class ConcatStage final : public Stage {
 public:
  Out<T> out{this, "out"};

  explicit ConcatStage(size_t inputs) {
    for (size_t i = 0; i < inputs; ++i)
      ins_.push_back(std::make_unique<In<T>>(this, absl::StrCat("in", i)));
  }

  In<T>& in(size_t i) { return *ins_.at(i); }
  std::string kind() const override { return "Concat"; }
  StageTraits traits() const override {
    return {.one_worker = true, .one_input_after_another = true};
  }

  Task<> Work(Context&) override {
    Lease<T> lease;
    std::vector<T> ready;
    for (auto& in : ins_) {
      while (true) {
        const bool more = co_await in->ReceiveBatch(lease);
        if (!more) break;
        for (T& item : lease.TakeAll()) ready.push_back(std::move(item));
        auto send = out.SendBatch(ready);
        absl::Status sent = co_await send;
        if (!sent.ok()) co_return sent;
      }
      absl::Status complete = in->status();
      if (!complete.ok()) co_return complete;
    }
    co_return absl::OkStatus();
  }

 private:
  bool ends_when_unwanted() const override { return true; }

  std::vector<std::unique_ptr<In<T>>> ins_;
};

template <class A, class B>
auto Zip() {
  return std::make_unique<ZipStage<A, B>>();
}
template <class T>
auto Concat(size_t inputs) {
  return std::make_unique<ConcatStage<T>>(inputs);
}

}  // namespace weir
