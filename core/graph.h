// Graph: a plan. It owns its stages, knows how they are joined, is checked before it runs, and runs many times, once at a
// time. Building is for one thread; a Graph must outlive its Runs.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "weir/core/engine.h"
#include "weir/core/mutex.h"
#include "weir/core/port.h"
#include "weir/core/stage.h"

namespace weir {

// A ChannelOptions::capacity for a channel that is bounded by its `bytes` alone; Graph::Check refuses it without them.
inline constexpr size_t kUnboundedItems = SIZE_MAX;

struct ChannelOptions {
  // How many items the channel may hold: at least 1, and no more than memory could hold, or kUnboundedItems. By default
  // Graph::kDefaultCapacity for each worker of the stage that has the most workers, of those that it joins. Outs that share an In
  // share its channel: they give the same capacity, or one of them gives it. Memory is taken as items come, not by the capacity.
  std::optional<size_t> capacity = std::nullopt;
  // How many bytes of them; not bounded if it is not given. An item that is larger passes alone. In::MeasureBy says how large an
  // item is. Outs that share an In share this too.
  std::optional<size_t> bytes = std::nullopt;
  // What a send of this Out does when the channel is full (policy.h) ...
  WhenFull when_full = WhenFull::kBlock;
  // ... once it has waited so long for room; not with kBlock, which waits without end.
  absl::Duration patience = absl::ZeroDuration();
  // A back edge: it leads to a stage that comes before. Only such edges may close a cycle. Once a loop is quiet (its channels
  // are empty, all its Works wait for items, and what feeds it from outside has ended) its back edges are closed, so that
  // its stages see the end of their inputs. A loop is looked at every few milliseconds.
  bool feedback = false;
};

class Graph {
 public:
  static constexpr size_t kDefaultCapacity = 64;

  explicit Graph(std::string_view name);
  Graph(const Graph&) = delete;
  Graph& operator=(const Graph&) = delete;
  ~Graph();

  const std::string& name() const { return name_; }

  // Adds a stage under a name that no other stage of the graph has. The reference lives as long as the graph.
  template <class S, class... Args>
  S& Add(std::string_view name, Args&&... args) {
    return Add(name, std::make_unique<S>(std::forward<Args>(args)...));
  }
  template <class S>
  S& Add(std::string_view name, std::unique_ptr<S> stage) {
    static_assert(std::is_base_of_v<Stage, S>, "weir: a graph is made of weir::Stage");
    S& added = *stage;
    AddStage(name, std::move(stage));
    return added;
  }

  // Joins an Out to an In of the same item type. An Out is connected once; Outs that are connected to the same In share
  // its channel. Mistakes are kept, and told by Check.
  template <class T>
  void Connect(Out<T>& out, In<T>& in, ChannelOptions options = {}) {
    ConnectPorts(out, in, options);
  }
  template <class T, class U>
  void Connect(Out<T>&, In<U>&, ChannelOptions = {}) {
    static_assert(std::is_same_v<T, U> || std::is_same_v<T, internal::NoItem>,
                  "weir: Connect joins an Out<T> to an In<T> of the same T; put a Map between them "
                  "to convert");
  }

  // Gives the channel that feeds an input, "join.left", another capacity, or another bound of its bytes, than its Connect did.
  // NOT_FOUND if no such input is connected. Between runs.
  absl::Status SetCapacity(std::string_view input, size_t capacity);
  absl::Status SetBytes(std::string_view input, size_t bytes);

  // OK, or INVALID_ARGUMENT with a sentence for each thing that cannot work: no source, a port that is not connected, a
  // name used twice, a cycle without a back edge, a capacity or a number of workers that is not positive, a channel that is
  // bounded neither in items nor in bytes. A Run refuses what Check refuses.
  absl::Status Check() const;

  // What may go wrong in a graph that Check lets run, a sentence each with what to do; none is certain. On an engine with so many
  // threads for blocking calls:
  //   - paths that part and meet again, of which one may carry fewer or more items than the other: the stage where they meet may
  //     wait for the one while the other is full, which is a deadlock (the run would say so);
  //   - a stage that gathers more items than the channel before it holds;
  //   - at least as many Works that block as there are threads for their calls.
  std::vector<std::string> Warnings(int blocking_threads = EngineOptions{}.blocking_threads) const;

  // --- For tools, and for the engine ---

  struct Channel {
    internal::InBase* in = nullptr;
    internal::Ports<internal::OutBase> outs;
    size_t capacity = kDefaultCapacity;
    size_t bytes = 0;                             // not bounded
    internal::Ports<internal::OutBase> feedback;  // those of `outs` that are back edges
  };
  const std::vector<std::unique_ptr<Stage>>& stages() const { return stages_; }
  // In topological order of the receiving stages.
  std::vector<Channel> Channels() const;
  // Sources first; stages that are not ordered by the channels between them come in the order of their addition. Back edges do
  // not count. Stages on an undeclared cycle are left out.
  std::vector<Stage*> TopologicalOrder() const;
  // The stages of each loop that back edges close; loops that share a stage are one.
  std::vector<std::vector<Stage*>> Loops() const;

 private:
  friend class internal::RunState;

  struct Edge {
    internal::OutBase* out;
    internal::InBase* in;
    ChannelOptions options;
  };

  // With the topological order, for who has it already.
  absl::Status Check(const std::vector<Stage*>& order) const;
  std::vector<Channel> Channels(const std::vector<Stage*>& order) const;
  static size_t DefaultCapacity(const Channel& channel);
  bool Owns(const Stage& stage) const {
    return stage.index_ < stages_.size() && stages_[stage.index_].get() == &stage;
  }
  void AddStage(std::string_view name, std::unique_ptr<Stage> stage);
  void ConnectPorts(internal::OutBase& out, internal::InBase& in, const ChannelOptions& options);
  absl::Status SetOption(std::string_view input, std::optional<size_t> ChannelOptions::*option,
                         size_t value);
  // For each stage, by its place in stages_, those that its outputs lead to.
  class Successors;
  template <class T>
  class ByPort;
  std::string DescribeCycle() const;
  // A warning if paths part somewhere and meet at this stage in a way that may wedge; else nothing (graph_warnings.cc).
  std::string DescribeParting(const Stage& meeting, const std::vector<Channel>& channels) const;

  const std::string name_;
  std::vector<std::unique_ptr<Stage>> stages_;
  std::deque<Edge> edges_;
  std::atomic<bool> running_{false};  // asserts "once at a time"

  // The Runs that are over. Their reports are spelled with the graph's names when they are asked for, or when it goes.
  internal::Mutex over_mutex_;
  std::vector<internal::RunState*> over_ ABSL_GUARDED_BY(over_mutex_);
};

}  // namespace weir
