// Flow: fluent sugar over Graph::Add and Graph::Connect. It adds nothing that they cannot do:
//
//   weir::Graph graph("word_count");
//   weir::From(graph, "read", weir::ReadChunks(path))
//       .FlatMap("split", SplitWords, {.workers = 2, .capacity = 256})
//       .ForEach("count", [&](Word word) { ++counts[word]; });
//
// A Flow is an output that is not connected yet; each step connects it to a new stage and gives that stage's output. The
// first argument of a step is the stage's name, the last its options.
#pragma once

#include <cstddef>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

#include "weir/core/graph.h"
#include "weir/stages/files.h"
#include "weir/stages/join.h"
#include "weir/stages/sink.h"
#include "weir/stages/source.h"
#include "weir/stages/split.h"
#include "weir/stages/transform.h"

namespace weir {

struct StepOptions {
  int workers = 1;
  bool ordered = true;  // see FunctionOptions
  bool blocking = false;
  bool fuse = true;
  size_t ordered_window = 0;
  // Of the channel that feeds the step: see ChannelOptions.
  std::optional<size_t> capacity = std::nullopt;
  std::optional<size_t> bytes = std::nullopt;
  WhenFull when_full = WhenFull::kBlock;
  absl::Duration patience = absl::ZeroDuration();

  operator FunctionOptions() const { return {workers, ordered, blocking, fuse, ordered_window}; }
  operator ChannelOptions() const { return {capacity, bytes, when_full, patience}; }
};

template <class T>
class Flow {
 public:
  using Item = T;
  Flow(Graph& graph, Out<T>& out) : graph_(&graph), out_(&out) {}

  Out<T>& out() const { return *out_; }

  // To a stage of one's own: connects to its port, or adds a stage that has `in` (and `out`, for a Flow).
  void To(In<T>& in, ChannelOptions options = {}) const { graph_->Connect(*out_, in, options); }
  template <class S>
  auto Via(std::string_view name, std::unique_ptr<S> stage, ChannelOptions options = {}) const {
    S& added = graph_->Add(name, std::move(stage));
    graph_->Connect(*out_, added.in, options);
    return weir::Flow(*graph_, added.out);
  }
  template <class S>
  S& To(std::string_view name, std::unique_ptr<S> stage, ChannelOptions options = {}) const {
    S& added = graph_->Add(name, std::move(stage));
    graph_->Connect(*out_, added.in, options);
    return added;
  }

  // transform.h
  template <class F>
  auto Map(std::string_view name, F f, StepOptions options = {}) const {
    return Via(name, weir::Map<T>(std::move(f), options), options);
  }
  template <class F>
  auto Filter(std::string_view name, F f, StepOptions options = {}) const {
    return Via(name, weir::Filter<T>(std::move(f), options), options);
  }
  template <class F>
  auto FlatMap(std::string_view name, F f, StepOptions options = {}) const {
    return Via(name, weir::FlatMap<T>(std::move(f), options), options);
  }
  template <class F>
  auto Tap(std::string_view name, F f, StepOptions options = {}) const {
    return Via(name, weir::Tap<T>(std::move(f), options), options);
  }
  template <class A, class F>
  auto Scan(std::string_view name, A initial, F f, ChannelOptions options = {}) const {
    return Via(name, weir::Scan<T>(std::move(initial), std::move(f)), options);
  }
  template <class A, class F>
  auto Reduce(std::string_view name, A initial, F f, ChannelOptions options = {}) const {
    return Via(name, weir::Reduce<T>(std::move(initial), std::move(f)), options);
  }
  auto Take(std::string_view name, uint64_t count, ChannelOptions options = {}) const {
    return Via(name, weir::Take<T>(count), options);
  }
  auto Skip(std::string_view name, uint64_t count, ChannelOptions options = {}) const {
    return Via(name, weir::Skip<T>(count), options);
  }
  auto Batch(std::string_view name, size_t size, ChannelOptions options = {}) const {
    return Via(name, weir::Batch<T>(size), options);
  }

  // join.h
  template <class... Flows>
  Flow Merge(std::string_view name, const Flows&... others) const {
    auto& merge = graph_->Add(name, weir::Merge<T>());
    graph_->Connect(*out_, merge.in);
    (graph_->Connect(others.out(), merge.in), ...);
    return Flow(*graph_, merge.out);
  }
  template <class... Flows>
  Flow Concat(std::string_view name, const Flows&... others) const {
    auto& concat = graph_->Add(name, weir::Concat<T>(1 + sizeof...(others)));
    size_t i = 0;
    graph_->Connect(*out_, concat.in(i++));
    (graph_->Connect(others.out(), concat.in(i++)), ...);
    return Flow(*graph_, concat.out);
  }
  template <class U>
  Flow<std::pair<T, U>> Zip(std::string_view name, const Flow<U>& other) const {
    auto& zip = graph_->Add(name, weir::Zip<T, U>());
    graph_->Connect(*out_, zip.first);
    graph_->Connect(other.out(), zip.second);
    return Flow<std::pair<T, U>>(*graph_, zip.out);
  }

  // split.h
  std::vector<Flow> Broadcast(std::string_view name, size_t outputs,
                              ChannelOptions options = {}) const {
    return Branches(To(name, weir::Broadcast<T>(outputs), options));
  }
  template <class F>
  std::vector<Flow> Partition(std::string_view name, size_t outputs, F f,
                              ChannelOptions options = {}) const {
    return Branches(To(name, weir::Partition<T>(outputs, std::move(f)), options));
  }

  // sink.h
  template <class F>
  void ForEach(std::string_view name, F f, StepOptions options = {}) const {
    To(name, weir::ForEach<T>(std::move(f), options), options);
  }
  void Collect(std::string_view name, std::vector<T>& into, ChannelOptions options = {}) const {
    To(name, weir::Collect<T>(into), options);
  }
  template <class Into>
  void Collect(std::string_view, Into&, ChannelOptions = {}) const {
    static_assert(internal::kNever<Into>,
                  "weir: Collect fills a std::vector of the items' type, and this is something "
                  "else; put a Map before it to convert them");
  }
  void Ignore(std::string_view name, ChannelOptions options = {}) const {
    To(name, weir::Ignore<T>(), options);
  }

  // files.h; of strings
  Flow<std::string> ReadChunksOf(std::string_view name, ReadOptions read,
                                 StepOptions options = {}) const {
    static_assert(std::is_same_v<T, std::string>,
                  "weir: ReadChunksOf reads files by their paths, as std::string");
    auto stage = weir::ReadChunksOf(std::move(read));
    stage->set_workers(options.workers);
    return Via(name, std::move(stage), options);
  }
  void WriteLines(std::string_view name, std::string path, ChannelOptions options = {}) const {
    static_assert(std::is_same_v<T, std::string>,
                  "weir: WriteLines writes lines of std::string; put a Map before it");
    To(name, weir::WriteLines(std::move(path)), options);
  }

 private:
  template <class S>
  std::vector<Flow> Branches(S& split) const {
    std::vector<Flow> flows;
    for (size_t i = 0; i < split.outputs(); ++i) flows.emplace_back(*graph_, split.out(i));
    return flows;
  }

  Graph* graph_;
  Out<T>* out_;
};

// What a stage sends whose function has been refused. It may be used as any other, so that nothing
// else is refused after it.
template <>
class Flow<internal::NoItem> {
 public:
  using Item = internal::NoItem;
  Flow(Graph& graph, Out<Item>& out) : graph_(&graph), out_(&out) {}
  Out<Item>& out() const { return *out_; }
  template <class T>
  void To(In<T>&, ChannelOptions = {}) const {}
  template <class S>
  S& To(std::string_view name, std::unique_ptr<S> stage, ChannelOptions = {}) const {
    return graph_->Add(name, std::move(stage));
  }
  template <class S>
  Flow Via(std::string_view, std::unique_ptr<S>, ChannelOptions = {}) const {
    return *this;
  }
  template <class F>
  Flow Map(std::string_view, F, StepOptions = {}) const { return *this; }
  template <class F>
  Flow Filter(std::string_view, F, StepOptions = {}) const { return *this; }
  template <class F>
  Flow FlatMap(std::string_view, F, StepOptions = {}) const { return *this; }
  template <class F>
  Flow Tap(std::string_view, F, StepOptions = {}) const { return *this; }
  template <class A, class F>
  Flow Scan(std::string_view, A, F, ChannelOptions = {}) const { return *this; }
  template <class A, class F>
  Flow Reduce(std::string_view, A, F, ChannelOptions = {}) const { return *this; }
  Flow Take(std::string_view, uint64_t, ChannelOptions = {}) const { return *this; }
  Flow Skip(std::string_view, uint64_t, ChannelOptions = {}) const { return *this; }
  Flow Batch(std::string_view, size_t, ChannelOptions = {}) const { return *this; }
  template <class... Flows>
  Flow Merge(std::string_view, const Flows&...) const { return *this; }
  template <class... Flows>
  Flow Concat(std::string_view, const Flows&...) const { return *this; }
  template <class U>
  Flow Zip(std::string_view, const U&) const { return *this; }
  std::vector<Flow> Broadcast(std::string_view, size_t outputs, ChannelOptions = {}) const {
    return {outputs, *this};
  }
  template <class F>
  std::vector<Flow> Partition(std::string_view, size_t outputs, F, ChannelOptions = {}) const {
    return {outputs, *this};
  }
  template <class F>
  void ForEach(std::string_view, F, StepOptions = {}) const {}
  template <class Into>
  void Collect(std::string_view, Into&, ChannelOptions = {}) const {}
  void Ignore(std::string_view, ChannelOptions = {}) const {}
  Flow ReadChunksOf(std::string_view, ReadOptions, StepOptions = {}) const { return *this; }
  void WriteLines(std::string_view, std::string, ChannelOptions = {}) const {}

 private:
  Graph* graph_;
  Out<Item>* out_;
};

// Begins a flow with a source.
template <class S>
auto From(Graph& graph, std::string_view name, std::unique_ptr<S> source) {
  S& added = graph.Add(name, std::move(source));
  return Flow(graph, added.out);
}
template <class Other>
Flow<internal::NoItem> From(Graph& graph, std::string_view name, const Other&) {
  static_assert(internal::kNever<Other>,
                "weir: From begins with a source, and this is none; write FromVector(items), "
                "FromRange(range) or Generate(function)");
  return From(graph, name, std::make_unique<internal::RefusedSource>());
}

}  // namespace weir
