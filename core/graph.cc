#include "weir/core/graph.h"

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <functional>
#include <queue>
#include <utility>

#include "absl/container/flat_hash_map.h"
#include "absl/container/flat_hash_set.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "weir/core/run_state.h"

namespace weir {
Graph::~Graph() {
  if (running_.load()) {
    std::fprintf(stderr, "weir: graph '%s' was destroyed while it ran; it must outlive its Runs\n",
                 name_.c_str());
    std::abort();
  }
  internal::MutexLock lock(over_mutex_);
  for (internal::RunState* run : over_) run->GraphGoes();
}

void Graph::AddStage(std::string_view name, std::unique_ptr<Stage> stage) {
  stage->name_ = std::string(name);
  stage->index_ = stages_.size();
  stages_.push_back(std::move(stage));
}

void Graph::ConnectPorts(internal::OutBase& out, internal::InBase& in,
                         const ChannelOptions& options) {
  edges_.push_back({&out, &in, options});
}

std::vector<std::vector<size_t>> Graph::Successors(bool feedback) const {
  std::vector<std::vector<size_t>> next(stages_.size());
  for (const Edge& edge : edges_) {
    if (edge.options.feedback && !feedback) continue;
    const Stage& from = edge.out->stage();
    const Stage& to = edge.in->stage();
    if (Owns(from) && Owns(to)) next[from.index_].push_back(to.index_);
  }
  return next;
}

std::vector<Stage*> Graph::TopologicalOrder() const {
  const std::vector<std::vector<size_t>> next = Successors(/*feedback=*/false);
  std::vector<size_t> waiting_for(stages_.size(), 0);
  for (const auto& successors : next) {
    for (size_t to : successors) ++waiting_for[to];
  }
  std::priority_queue<size_t, std::vector<size_t>, std::greater<>> ready;
  for (size_t i = 0; i < stages_.size(); ++i) {
    if (waiting_for[i] == 0) ready.push(i);
  }
  std::vector<Stage*> order;
  while (!ready.empty()) {
    const size_t i = ready.top();
    ready.pop();
    order.push_back(stages_[i].get());
    for (size_t to : next[i]) {
      if (--waiting_for[to] == 0) ready.push(to);
    }
  }
  return order;
}

// Kosaraju's algorithm, without recursion: the stages in the order in which a walk forwards leaves them, then walks backwards
// from the last left: each finds one strongly connected component.
std::vector<std::vector<Stage*>> Graph::Loops() const {
  if (std::none_of(edges_.begin(), edges_.end(),
                   [](const Edge& edge) { return edge.options.feedback; }))
    return {};
  const std::vector<std::vector<size_t>> next = Successors(/*feedback=*/true);
  const size_t n = stages_.size();
  std::vector<std::vector<size_t>> previous(n);
  for (size_t from = 0; from < n; ++from) {
    for (size_t to : next[from]) previous[to].push_back(from);
  }
  std::vector<size_t> left;
  std::vector<bool> seen(n, false);
  for (size_t start = 0; start < n; ++start) {
    std::vector<std::pair<size_t, size_t>> path;  // a stage, and which successor is next
    if (!seen[start]) path.emplace_back(start, 0);
    seen[start] = true;
    while (!path.empty()) {
      auto& [at, successor] = path.back();
      if (successor == next[at].size()) {
        left.push_back(at);
        path.pop_back();
        continue;
      }
      const size_t to = next[at][successor++];
      if (!seen[to]) path.emplace_back(to, 0);
      seen[to] = true;
    }
  }
  std::vector<std::vector<Stage*>> loops;
  seen.assign(n, false);
  while (!left.empty()) {
    const size_t start = left.back();
    left.pop_back();
    if (seen[start]) continue;
    seen[start] = true;
    std::vector<size_t> component = {start};
    for (size_t i = 0; i < component.size(); ++i) {
      for (size_t from : previous[component[i]]) {
        if (!seen[from]) component.push_back(from);
        seen[from] = true;
      }
    }
    const bool closes_itself = std::count(next[start].begin(), next[start].end(), start) > 0;
    if (component.size() == 1 && !closes_itself) continue;
    std::sort(component.begin(), component.end());
    std::vector<Stage*>& loop = loops.emplace_back();
    for (size_t i : component) loop.push_back(stages_[i].get());
  }
  return loops;
}

std::vector<Graph::Channel> Graph::Channels() const {
  absl::flat_hash_map<const internal::InBase*, Channel> by_in;
  by_in.reserve(edges_.size());
  for (const Edge& edge : edges_) {
    auto [at, added] = by_in.try_emplace(edge.in, Channel{edge.in, {}, kDefaultCapacity, {}});
    at->second.outs.push_back(edge.out);
    if (edge.options.feedback) at->second.feedback.push_back(edge.out);
    if (edge.options.capacity.has_value()) at->second.capacity = *edge.options.capacity;
  }
  std::vector<Channel> channels;
  channels.reserve(by_in.size());
  for (Stage* stage : TopologicalOrder()) {
    for (const internal::InBase* in : stage->ins()) {
      if (auto at = by_in.find(in); at != by_in.end()) channels.push_back(std::move(at->second));
    }
  }
  return channels;
}

std::string Graph::DescribeCycle() const {
  // Walks backwards from a stage that no order reached: every such stage has a predecessor of the kind.
  absl::flat_hash_set<const Stage*> ordered;
  for (Stage* stage : TopologicalOrder()) ordered.insert(stage);
  absl::flat_hash_map<const Stage*, const Stage*> before;
  for (const Edge& edge : edges_) {
    if (!edge.options.feedback && !ordered.contains(&edge.out->stage()))
      before.try_emplace(&edge.in->stage(), &edge.out->stage());
  }
  const Stage* at = nullptr;
  for (const auto& stage : stages_) {
    if (!ordered.contains(stage.get())) at = stage.get();
  }
  absl::flat_hash_set<const Stage*> seen;
  while (seen.insert(at).second) at = before.at(at);
  std::vector<std::string> names = {at->name()};
  for (const Stage* step = before.at(at); step != at; step = before.at(step))
    names.push_back(step->name());
  names.push_back(at->name());
  return absl::StrJoin(names.rbegin(), names.rend(), " -> ");
}

absl::Status Graph::Check() const {
  std::vector<std::string> faults;
  if (stages_.empty())
    faults.push_back("it has no source: add a stage without inputs, and connect it");

  absl::flat_hash_set<absl::string_view> names;
  names.reserve(stages_.size());
  for (const auto& stage : stages_) {
    if (stage->name().empty()) faults.push_back("a stage has an empty name; give it one");
    if (!names.insert(stage->name()).second) {
      faults.push_back(absl::StrCat("two stages are named '", stage->name(), "'; rename one"));
    }
    if (stage->workers() < 1) {
      faults.push_back(absl::StrCat("stage '", stage->name(), "' has ", stage->workers(),
                                    " workers; it needs at least 1"));
    }
  }

  absl::flat_hash_map<const internal::PortBase*, int> uses;
  uses.reserve(2 * edges_.size());
  absl::flat_hash_map<const internal::InBase*, size_t> capacities;
  for (const Edge& edge : edges_) {
    for (const internal::PortBase* port : {static_cast<const internal::PortBase*>(edge.out),
                                           static_cast<const internal::PortBase*>(edge.in)}) {
      ++uses[port];
      if (!Owns(port->stage())) {
        faults.push_back(absl::StrCat("port '", port->FullName(),
                                      "' belongs to a stage that was not added to it"));
      }
    }
    if (edge.options.capacity.has_value()) {
      const size_t capacity = *edge.options.capacity;
      if (capacity == 0) {
        faults.push_back(absl::StrCat("the channel from '", edge.out->FullName(), "' to '",
                                      edge.in->FullName(),
                                      "' has capacity 0; it needs at least 1"));
      }
      auto [at, added] = capacities.try_emplace(edge.in, capacity);
      if (!added && at->second != capacity) {
        faults.push_back(absl::StrCat("the channel into '", edge.in->FullName(),
                                      "' is given two capacities, ", at->second, " and ", capacity,
                                      "; give it one"));
      }
    }
  }
  for (const auto& stage : stages_) {
    for (const internal::InBase* in : stage->ins()) {
      if (uses[in] == 0)
        faults.push_back(
            absl::StrCat("input '", in->FullName(), "' is not connected; connect an Out to it"));
    }
    for (const internal::OutBase* out : stage->outs()) {
      if (uses[out] == 0)
        faults.push_back(absl::StrCat("output '", out->FullName(),
                                      "' is not connected; connect it to an In (of an Ignore "
                                      "stage, if its items are not wanted)"));
      if (uses[out] > 1)
        faults.push_back(absl::StrCat("output '", out->FullName(), "' is connected ", uses[out],
                                      " times; put a Broadcast behind it"));
    }
  }
  if (faults.empty() && TopologicalOrder().size() < stages_.size()) {
    faults.push_back(
        absl::StrCat("it has a cycle: ", DescribeCycle(),
                     "; if it is meant, connect the edge that leads back with {.feedback = true}"));
  }
  if (faults.empty()) {
    absl::flat_hash_map<const Stage*, size_t> loop_of;
    const auto loops = Loops();
    for (size_t i = 0; i < loops.size(); ++i) {
      for (const Stage* stage : loops[i]) loop_of[stage] = i + 1;
    }
    for (const Edge& edge : edges_) {
      if (!edge.options.feedback) continue;
      const size_t from = loop_of[&edge.out->stage()], to = loop_of[&edge.in->stage()];
      if (from == 0 || from != to) {
        faults.push_back(
            absl::StrCat("the channel from '", edge.out->FullName(), "' to '", edge.in->FullName(),
                         "' is marked as feedback but closes no loop; leave the mark out"));
      }
    }
  }
  if (faults.empty()) return absl::OkStatus();
  return absl::InvalidArgumentError(
      absl::StrCat("graph '", name_, "' cannot run: ", absl::StrJoin(faults, "; ")));
}

}  // namespace weir
