// Input and Output: a graph's edge, where the program around a run feeds and reads it. Both are stages, added like any other:
//
//   auto& orders = graph.Add<weir::Input<Order>>("orders");
//   auto& results = graph.Add<weir::Output<Result>>("results");
//   graph.Connect(orders.out, parse.in);
//   graph.Connect(bill.out, results.in);
//   weir::Run run(engine, graph);
//   absl::Status sent = orders.SendWithin(absl::Seconds(1), order);   // any thread
//   orders.Close();
//   for (auto result = results.Receive(); result.ok(); result = results.Receive()) ...
//
// Their operations may block the calling thread, so they are refused with FAILED_PRECONDITION on the engine's own threads,
// whether they would have had to wait or not, but for the forms that try once (`SendWithin(absl::ZeroDuration(), ...)`), which
// callbacks may use anywhere. The results are those of the ports (port.h), with a text that names
// graph and stage; FAILED_PRECONDITION also where no run of the graph has begun.
#pragma once

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

// What Input and Output share: which run they are attached to, and the Work that keeps their port open until it is closed.
class EdgeStage : public Stage {
 public:
  StageTraits traits() const override { return {.one_worker = true}; }

  // Input: the end of the input. Output: nothing more is wanted. Any thread; idempotent.
  void Close();

 protected:
  // What Input and Output do, whatever the type: `item` is moved from if the result is OK; `into` is raw room, where there is an
  // item then.
  absl::Status SendItem(OutBase& out, void* item, absl::Duration within);
  absl::Status ReceiveItem(InBase& in, void* into, absl::Duration within);

  Task<> Work(Context& context) override;
  void BeginRun(RunState& run) override;
  void EndRun() override;

 private:
  class Visit;

  bool used_by_any_thread() const override { return true; }
  // `why` is what an operation that comes later gives as the reason.
  void CloseBecause(const char* why);
  // A status of this code and text, with the names of graph and stage before it.
  absl::Status Say(absl::StatusCode code, const std::string& text) const;
  absl::Status SayCancelled(const absl::Status& cause) const;
  // What an operation gives while no run is there, with the lock held.
  absl::Status SayOver() const;

  Turnstile closing_;
  Mutex mutex_;
  RunState* run_ = nullptr;  // guarded by mutex_
  bool closed_ = false;      // guarded by mutex_
  const char* why_closed_ = "";  // guarded by mutex_
  // Of the last run, once it is over: OK if it was not cancelled. Guarded by mutex_.
  absl::Status last_cause_;
  // Null before the first run. Constant while a run lasts.
  const std::string* graph_name_ = nullptr;
};

}  // namespace internal

template <class T>
class Input final : public internal::EdgeStage {
 public:
  Out<T> out{this, "out"};

  // Waits for room. The item is moved from only if the result is OK. Any thread.
  absl::Status Send(T&& item) { return SendWithin(absl::InfiniteDuration(), item); }
  absl::Status Send(T& item) { return SendWithin(absl::InfiniteDuration(), item); }
  absl::Status SendWithin(absl::Duration within, T&& item) { return SendWithin(within, item); }
  absl::Status SendWithin(absl::Duration within, T& item) { return SendItem(out, &item, within); }

  std::string kind() const override { return "Input"; }
};

template <class T>
class Output final : public internal::EdgeStage {
 public:
  In<T> in{this, "in"};

  // The next item. OUT_OF_RANGE at the end, CANCELLED if the run was cancelled. Any thread.
  absl::StatusOr<T> Receive() { return ReceiveWithin(absl::InfiniteDuration()); }
  absl::StatusOr<T> ReceiveWithin(absl::Duration within) {
    alignas(T) unsigned char room[sizeof(T)];
    absl::Status status = ReceiveItem(in, room, within);
    if (!status.ok()) return status;
    T& item = *std::launder(reinterpret_cast<T*>(room));
    absl::StatusOr<T> result(std::move(item));
    item.~T();
    return result;
  }

  std::string kind() const override { return "Output"; }
};

}  // namespace weir
