// Graph: a plan. It owns its stages, knows how they are joined, is checked before it runs, and runs many times, once at a
// time. Building is for one thread; a Graph must outlive its Runs.
#pragma once

#include <atomic>
#include <cstddef>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "weir/core/port.h"
#include "weir/core/stage.h"

namespace weir {

struct ChannelOptions {
  // How many items the channel may hold; at least 1. Outs that share an In share its channel: they give the same
  // capacity, or one of them gives it.
  std::optional<size_t> capacity = std::nullopt;
};

class Graph {
 public:
  static constexpr size_t kDefaultCapacity = 64;

  explicit Graph(std::string_view name) : name_(name) {}
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
    static_assert(std::is_same_v<T, U>,
                  "weir: Connect joins an Out<T> to an In<T> of the same T; put a Map between them to convert");
  }

  // OK, or INVALID_ARGUMENT with a sentence for each thing that cannot work: no source, a port that is not connected, a
  // name used twice, a cycle, a capacity or a number of workers that is not positive. A Run refuses what Check refuses.
  absl::Status Check() const;

  // --- For tools, and for the engine ---

  struct Channel {
    internal::InBase* in;
    std::vector<internal::OutBase*> outs;
    size_t capacity;
  };
  const std::vector<std::unique_ptr<Stage>>& stages() const { return stages_; }
  // In topological order of the receiving stages.
  std::vector<Channel> Channels() const;
  // Sources first; stages that are not ordered by the channels between them come in the order of their addition. Stages on
  // a cycle are left out.
  std::vector<Stage*> TopologicalOrder() const;

 private:
  friend class internal::RunState;

  struct Edge {
    internal::OutBase* out;
    internal::InBase* in;
    ChannelOptions options;
  };

  void AddStage(std::string_view name, std::unique_ptr<Stage> stage);
  void ConnectPorts(internal::OutBase& out, internal::InBase& in, const ChannelOptions& options);
  std::string DescribeCycle() const;

  const std::string name_;
  std::vector<std::unique_ptr<Stage>> stages_;
  std::vector<Edge> edges_;
  std::atomic<bool> running_{false};  // asserts "once at a time"
};

}  // namespace weir
