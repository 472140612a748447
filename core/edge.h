// Input and Output: a graph's edge, where the program around a run feeds and reads it. Both are stages, added like any other:
//
//   auto& orders = graph.Add<weir::Input<Order>>("orders");
//   auto& results = graph.Add<weir::Output<Result>>("results");
//   graph.Connect(orders.out, parse.in);
//   graph.Connect(bill.out, results.in);
//   weir::Run run(engine, graph);
//   absl::Status sent = orders.SendWithin(absl::Seconds(1), order);   // any thread
//   orders.Close();
//   while (absl::StatusOr<Result> result = results.Receive(); result.ok()) ...
//
// Their operations may block the calling thread, so they are refused with FAILED_PRECONDITION on the engine's own threads,
// whether they would have had to wait or not, but for the forms that try once (`SendWithin(absl::ZeroDuration(), ...)`), which
// callbacks may use anywhere. The results are those of the ports (port.h); FAILED_PRECONDITION also where no run of the graph
// has begun.
#pragma once

#include <algorithm>
#include <new>
#include <string>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "weir/core/mutex.h"
#include "weir/core/stage.h"

namespace weir {
namespace internal {

// A program's thread that waits at the edge of a run.
class ThreadWaiter final : public Waiter {
 public:
  void Wake() override;
  // Waits until claimed; a timer claims it when `within` has passed on the engine's clock.
  Result Wait(EngineState& engine, absl::Duration within);

 private:
  struct Sleep;
  Sleep* sleep_ = nullptr;  // while it waits
};

// What Input and Output share: which run they are attached to, and the Work that keeps their port open until it is closed.
class EdgeStage : public Stage {
 public:
  // Input: the end of the input. Output: nothing more is wanted. Any thread; idempotent.
  void Close();

 protected:
  // Holds the run open while a thread is inside; empty where there is none.
  class Visit {
   public:
    explicit Visit(EdgeStage& edge);
    Visit(const Visit&) = delete;
    Visit& operator=(const Visit&) = delete;
    ~Visit();
    RunState* run() const { return run_; }
    EngineState& engine() const;
    const absl::Status& status() const { return status_; }

   private:
    RunState* run_ = nullptr;
    absl::Status status_;
  };

  Task<> Work(Context& context) override;
  void BeginRun(RunState& run) override;
  void EndRun() override;

 private:
  bool used_by_any_thread() const override { return true; }

  Turnstile closing_;
  Mutex mutex_;
  RunState* run_ = nullptr;  // guarded by mutex_
  bool closed_ = false;      // guarded by mutex_
  // What is left to say when the run is over: guarded by mutex_.
  absl::Status over_ = absl::FailedPreconditionError("weir: no run of this graph has begun");
};

absl::Status MayBlock(EngineState& engine);

}  // namespace internal

template <class T>
class Input final : public internal::EdgeStage {
 public:
  Out<T> out{this, "out"};

  // Waits for room. The item is moved from only if the result is OK. Any thread.
  absl::Status Send(T&& item) { return SendWithin(absl::InfiniteDuration(), item); }
  absl::Status Send(T& item) { return SendWithin(absl::InfiniteDuration(), item); }
  absl::Status SendWithin(absl::Duration within, T&& item) { return SendWithin(within, item); }
  absl::Status SendWithin(absl::Duration within, T& item) {
    Visit visit(*this);
    if (!visit.status().ok()) return visit.status();
    const bool may_wait = within > absl::ZeroDuration();
    if (may_wait) {
      if (absl::Status may = internal::MayBlock(visit.engine()); !may.ok()) return may;
    }
    auto& channel = static_cast<internal::Channel<T>&>(*out.channel_base());
    const internal::SendPolicyBase* const policy = out.policy();
    const absl::Duration patience = policy == nullptr ? absl::InfiniteDuration() : policy->patience;
    internal::SendRequest<T> request;
    request.items = &item;
    request.count = 1;
    request.sender = &out.sender();
    request.refusable = policy == nullptr;
    internal::Outcome outcome = channel.Put(request);
    if (outcome == internal::Outcome::kNone && may_wait && patience > absl::ZeroDuration()) {
      internal::ThreadWaiter waiter;
      request.waiter = &waiter;
      waiter.Prepare();
      outcome = channel.ParkSend(request);
      if (outcome == internal::Outcome::kNone) {
        outcome = waiter.Wait(visit.engine(), std::min(within, patience)).outcome;
      }
    }
    if (outcome == internal::Outcome::kNone) outcome = internal::Outcome::kTimedOut;
    channel.UnlinkSend(request);
    if (policy != nullptr) {
      if (outcome == internal::Outcome::kTimedOut && patience <= within)
        outcome = channel.Overflow(request);
      if (request.sent == 0) channel.Refuse(1);
    }
    if (outcome == internal::Outcome::kClosed)
      Close();  // nobody wants more: the stage has done its part
    return internal::ToStatus(outcome);
  }

  std::string kind() const override { return "Input"; }
};

template <class T>
class Output final : public internal::EdgeStage {
 public:
  In<T> in{this, "in"};

  // The next item. OUT_OF_RANGE at the end, CANCELLED if the run was cancelled. Any thread.
  absl::StatusOr<T> Receive() { return ReceiveWithin(absl::InfiniteDuration()); }
  absl::StatusOr<T> ReceiveWithin(absl::Duration within) {
    Visit visit(*this);
    if (!visit.status().ok()) return visit.status();
    const bool may_wait = within > absl::ZeroDuration();
    if (may_wait) {
      if (absl::Status may = internal::MayBlock(visit.engine()); !may.ok()) return may;
    }
    auto& channel = static_cast<internal::Channel<T>&>(*in.channel_base());
    alignas(T) unsigned char room[sizeof(T)];
    internal::ReceiveRequest<T> request;
    request.into = reinterpret_cast<T*>(room);
    internal::Outcome outcome = channel.Take(request);
    if (outcome == internal::Outcome::kNone && may_wait) {
      internal::ThreadWaiter waiter;
      request.waiter = &waiter;
      waiter.Prepare();
      outcome = channel.ParkReceive(request);
      if (outcome == internal::Outcome::kNone) {
        outcome = waiter.Wait(visit.engine(), within).outcome;
      }
      channel.UnlinkReceive(request);
    }
    if (outcome == internal::Outcome::kNone) outcome = internal::Outcome::kTimedOut;
    if (outcome == internal::Outcome::kEnd) Close();  // the stage has done its part
    if (outcome != internal::Outcome::kDone) return internal::ToStatus(outcome);
    T& item = *std::launder(reinterpret_cast<T*>(room));
    absl::StatusOr<T> result(std::move(item));
    item.~T();
    return result;
  }

  std::string kind() const override { return "Output"; }
};

}  // namespace weir
