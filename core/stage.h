// Stage: a named unit of work with typed ports. Users derive from it when the ready-made stages do not do:
//
//   class Route : public weir::Stage {
//    public:
//     weir::In<Order> in{this, "in"};
//     weir::Out<Order> out{this, "out"};
//
//     weir::Task<> Work(weir::Context& context) override {
//       while (auto order = co_await in.Receive()) {
//         absl::Status sent = co_await out.Send(std::move(*order));
//         if (!sent.ok()) co_return sent;
//       }
//       co_return in.status();
//     }
//   };
//
// A stage's members are its ports and its configuration; its state lives in Work's locals. So the same graph can run
// again, and `workers = 4` is four Works on one stage, without anyone writing a reset. What the workers of a stage share
// is made anew in `BeginRun`.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

#include "absl/container/inlined_vector.h"
#include "weir/core/block_pool.h"
#include "weir/core/context.h"
#include "weir/core/operations.h"
#include "weir/core/port.h"
#include "weir/core/task.h"

namespace weir {

class Graph;

namespace internal {

// Most stages have one input and one output, and graphs may have very many of them.
template <class Port>
using Ports = absl::InlinedVector<Port*, 1>;

}  // namespace internal

// What Graph::Check and Graph::Warnings have to know of a stage, to see what cannot work and what may wedge.
struct StageTraits {
  // Several workers cannot share what it does: it remembers what it has seen, or gives something from its beginning to its end.
  bool one_worker = false;
  // It may send fewer items than it receives, or more; or not to each output the same number.
  bool changes_count = false;
  // It receives from one input until that ends, then from the next.
  bool one_input_after_another = false;
  // So many items make one of its outputs.
  size_t gathers = 1;
  // Its Works make calls that block (Context::Blocking).
  bool blocks = false;
};

class Stage : public internal::Pooled {
 public:
  Stage() = default;
  Stage(const Stage&) = delete;
  Stage& operator=(const Stage&) = delete;
  virtual ~Stage() = default;

  // What each worker of the stage does, from the run's beginning to its end. On the pool's threads, one at a time for one
  // worker. It must not block a thread (`Context::Blocking` is for that). How it ends:
  //   OK                            done
  //   the OUT_OF_RANGE of an Out    nobody downstream wants more: no failure. A stage without an In learns of it in its sleep too:
  //                                 once nobody receives from any of its Outs, `context.draining()` turns true
  //   CANCELLED after a cancel      no failure of this stage
  //   anything else, an exception   the run fails, with this as its cause if it is the first
  virtual Task<> Work(Context& context) = 0;

  // What the stage is, in a word, for drawings and reports: "map".
  virtual std::string kind() const;

  virtual StageTraits traits() const { return {}; }

  const std::string& name() const { return name_; }
  int workers() const { return workers_; }
  // How many Works a run makes of this stage; at least 1, and 1 alone where its traits say so. Before the run.
  Stage& set_workers(int workers) {
    workers_ = workers;
    return *this;
  }

  const internal::Ports<internal::InBase>& ins() const { return ins_; }
  const internal::Ports<internal::OutBase>& outs() const { return outs_; }

 protected:
  // Around the Works of a run, on one thread: nothing of the stage runs before the first or after the second.
  virtual void BeginRun(internal::RunState& run) { (void)run; }
  virtual void EndRun() {}

 private:
  // True for the stages at a graph's edge (edge.h), whose ports are not their Work's alone.
  virtual bool used_by_any_thread() const { return false; }
  // Whether its Works can run the body of the stage behind it, and whether its own body, which remembers nothing from one item
  // to the next, can be run by the Works of the stage before it (weir/stages/fuse.h).
  virtual bool can_run_next() const { return false; }
  virtual bool can_run_in_previous() const { return false; }
  // Whether it does nothing but for what it sends. Once nobody receives any of that, its Works see
  // the end of their inputs, and its Contexts drain, as those of every stage without inputs do
  // then.
  virtual bool ends_when_unwanted() const { return false; }

  friend class Graph;
  friend class internal::InBase;
  friend class internal::OutBase;
  friend class internal::RunState;

  std::string name_;
  size_t index_ = 0;  // its place in the graph
  int workers_ = 1;
  internal::Ports<internal::InBase> ins_;
  internal::Ports<internal::OutBase> outs_;
};

}  // namespace weir
