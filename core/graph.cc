#include "weir/core/graph.h"

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <functional>
#include <numeric>
#include <queue>
#include <utility>

#include "absl/container/flat_hash_map.h"
#include "absl/container/flat_hash_set.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/types/span.h"
#include "weir/core/run_state.h"

namespace weir {

Graph::Graph(std::string_view name) : name_(name) {}

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
  if (options.when_full != WhenFull::kBlock) {
    internal::SendPolicy& policy = out.edit_policy();
    policy.when_full = options.when_full;
    policy.patience = options.patience;
  }
  edges_.push_back({&out, &in, options});
}

absl::Status Graph::SetCapacity(std::string_view input, size_t capacity) {
  return SetOption(input, &ChannelOptions::capacity, capacity);
}

absl::Status Graph::SetBytes(std::string_view input, size_t bytes) {
  return SetOption(input, &ChannelOptions::bytes, bytes);
}

absl::Status Graph::SetOption(std::string_view input, std::optional<size_t> ChannelOptions::*option,
                              size_t value) {
  bool found = false;
  for (Edge& edge : edges_) {
    if (edge.in->FullName() != input) continue;
    edge.options.*option = value;
    found = true;
  }
  if (found) return absl::OkStatus();
  return absl::NotFoundError(absl::StrCat("graph '", name_, "' has no channel into '",
                                          std::string(input),
                                          "'; name an input that is connected"));
}

// All in one list, those of a stage side by side: a list for each of thousands of stages is most of what a walk would cost.
class Graph::Successors {
 public:
  // With or without back edges.
  Successors(const Graph& graph, bool feedback) {
    internal::ReserveToFill(first_, graph.stages_.size() + 1);
    first_.assign(graph.stages_.size() + 1, 0);
    const auto visit = [&](auto&& leads_to) {
      for (const Edge& edge : graph.edges_) {
        if (edge.options.feedback && !feedback) continue;
        const Stage& from = edge.out->stage();
        const Stage& to = edge.in->stage();
        if (graph.Owns(from) && graph.Owns(to)) leads_to(from.index_, to.index_);
      }
    };
    visit([&](size_t from, size_t) { ++first_[from + 1]; });
    std::partial_sum(first_.begin(), first_.end(), first_.begin());
    internal::ReserveToFill(to_, first_.back());
    to_.resize(first_.back());
    std::vector<uint32_t> next;
    internal::ReserveToFill(next, first_.size());
    next = first_;
    visit([&](size_t from, size_t to) { to_[next[from]++] = static_cast<uint32_t>(to); });
  }
  absl::Span<const uint32_t> operator[](size_t stage) const {
    return absl::MakeSpan(to_).subspan(first_[stage], first_[stage + 1] - first_[stage]);
  }
  // Of all stages.
  const std::vector<uint32_t>& all() const { return to_; }

 private:
  std::vector<uint32_t> first_;  // a stage's first in to_, and the end
  std::vector<uint32_t> to_;
};

std::vector<Stage*> Graph::TopologicalOrder() const {
  const Successors next(*this, /*feedback=*/false);
  std::vector<uint32_t> waiting_for(stages_.size(), 0);
  for (size_t to : next.all()) ++waiting_for[to];
  std::priority_queue<size_t, std::vector<size_t>, std::greater<>> ready;
  for (size_t i = 0; i < stages_.size(); ++i) {
    if (waiting_for[i] == 0) ready.push(i);
  }
  std::vector<Stage*> order;
  internal::ReserveToFill(order, stages_.size());
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
  const Successors next(*this, /*feedback=*/true);
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

// Something for each input, or each output, of a graph's stages. In lists: to hash every port took as long as all the rest of a
// run's beginning.
template <class T>
class Graph::ByPort {
 public:
  template <class PortsOf>
  ByPort(const std::vector<std::unique_ptr<Stage>>& stages, PortsOf&& ports_of, const T& initial) {
    internal::ReserveToFill(first_, stages.size());
    uint32_t ports = 0;
    for (const auto& stage : stages) {
      first_.push_back(ports);
      ports += static_cast<uint32_t>(ports_of(*stage).size());
    }
    internal::ReserveToFill(values_, ports);
    values_.assign(ports, initial);
  }
  // Of a port whose stage the graph owns.
  T& at(const internal::PortBase& port) {
    return values_[first_[port.stage().index_] + port.place()];
  }

 private:
  std::vector<uint32_t> first_;
  std::vector<T> values_;
};

namespace {

const auto kInsOf = [](const Stage& stage) -> auto& { return stage.ins(); };
const auto kOutsOf = [](const Stage& stage) -> auto& { return stage.outs(); };

}  // namespace

size_t Graph::DefaultCapacity(const Channel& channel) {
  int workers = channel.in->stage().workers();
  for (const internal::OutBase* out : channel.outs)
    workers = std::max(workers, out->stage().workers());
  return kDefaultCapacity * static_cast<size_t>(std::max(1, workers));
}

std::vector<Graph::Channel> Graph::Channels() const { return Channels(TopologicalOrder()); }

std::vector<Graph::Channel> Graph::Channels(const std::vector<Stage*>& order) const {
  constexpr size_t kNone = SIZE_MAX, kConnected = SIZE_MAX - 1;
  ByPort<size_t> channel_of(stages_, kInsOf, kNone);
  for (const Edge& edge : edges_) {
    if (Owns(edge.in->stage())) channel_of.at(*edge.in) = kConnected;
  }
  std::vector<Channel> channels;
  internal::ReserveToFill(channels, edges_.size());
  for (Stage* stage : order) {
    for (internal::InBase* in : stage->ins()) {
      size_t& channel = channel_of.at(*in);
      if (channel == kNone) continue;
      channel = channels.size();
      channels.emplace_back().in = in;
      channels.back().capacity = 0;  // not declared yet
    }
  }
  for (const Edge& edge : edges_) {
    if (!Owns(edge.in->stage())) continue;
    const size_t at = channel_of.at(*edge.in);
    if (at == kConnected) continue;  // of a stage that is on an undeclared cycle
    channels[at].outs.push_back(edge.out);
    if (edge.options.feedback) channels[at].feedback.push_back(edge.out);
    if (edge.options.capacity.has_value()) channels[at].capacity = *edge.options.capacity;
    if (edge.options.bytes.has_value()) channels[at].bytes = *edge.options.bytes;
  }
  for (Channel& channel : channels) {
    if (channel.capacity == 0) channel.capacity = DefaultCapacity(channel);
  }
  return channels;
}

std::string Graph::DescribeCycle() const {
  // Walks backwards from a stage that no order reached: every such stage has a predecessor of the kind.
  absl::flat_hash_set<const Stage*> ordered(2 * stages_.size());
  for (Stage* stage : TopologicalOrder()) ordered.insert(stage);
  absl::flat_hash_map<const Stage*, const Stage*> before(2 * stages_.size());
  for (const Edge& edge : edges_) {
    if (!edge.options.feedback && !ordered.contains(&edge.out->stage()))
      before.try_emplace(&edge.in->stage(), &edge.out->stage());
  }
  const Stage* at = nullptr;
  for (const auto& stage : stages_) {
    if (!ordered.contains(stage.get())) at = stage.get();
  }
  absl::flat_hash_set<const Stage*> seen(2 * stages_.size());
  while (seen.insert(at).second) at = before.at(at);
  std::vector<std::string> names = {at->name()};
  for (const Stage* step = before.at(at); step != at; step = before.at(step))
    names.push_back(step->name());
  names.push_back(at->name());
  return absl::StrJoin(names.rbegin(), names.rend(), " -> ");
}

namespace {

void CheckPolicy(WhenFull when_full, absl::Duration patience, const internal::OutBase& out,
                 std::vector<std::string>& faults) {
  if (patience < absl::ZeroDuration()) {
    faults.push_back(absl::StrCat("output '", out.FullName(), "' has a patience of ",
                                  absl::FormatDuration(patience), "; it cannot be negative"));
  } else if (when_full == WhenFull::kBlock && patience > absl::ZeroDuration()) {
    faults.push_back(absl::StrCat("output '", out.FullName(),
                                  "' has a patience, but blocks when its channel is full; say with "
                                  "`when_full` what it does when the patience has ended"));
  }
  if (when_full != WhenFull::kDivert) return;
  const internal::OutBase* other = out.policy()->divert_to;
  if (other == nullptr) {
    faults.push_back(absl::StrCat("output '", out.FullName(),
                                  "' diverts, but not to anywhere; say where to with DivertTo"));
    return;
  }
  if (&other->stage() != &out.stage()) {
    faults.push_back(absl::StrCat("output '", out.FullName(), "' diverts to '", other->FullName(),
                                  "', which is another stage's; divert to an output of the same "
                                  "stage"));
  }
  // Each diverts to one other: a walk that comes back, or takes more steps than there are outputs, goes round.
  size_t steps = 0;
  for (const internal::OutBase* at = other; at != nullptr && at->policy() != nullptr;
       at = at->policy()->when_full == WhenFull::kDivert ? at->policy()->divert_to : nullptr) {
    if (at != &out && ++steps <= out.stage().outs().size()) continue;
    faults.push_back(absl::StrCat("output '", out.FullName(),
                                  "' diverts in a circle; let one of them do something else"));
    return;
  }
}

}  // namespace

absl::Status Graph::Check() const { return Check(TopologicalOrder()); }

absl::Status Graph::Check(const std::vector<Stage*>& order) const {
  std::vector<std::string> faults;
  if (stages_.empty())
    faults.push_back("it has no source: add a stage without inputs, and connect it");

  // Made as large as it gets, here and below: one of Abseil's sets does not survive a failed allocation while it grows.
  absl::flat_hash_set<absl::string_view> names(2 * stages_.size());
  for (const auto& stage : stages_) {
    if (stage->name().empty()) faults.push_back("a stage has an empty name; give it one");
    if (!names.insert(stage->name()).second) {
      faults.push_back(absl::StrCat("two stages are named '", stage->name(), "'; rename one"));
    }
    if (stage->workers() < 1) {
      faults.push_back(absl::StrCat("stage '", stage->name(), "' has ", stage->workers(),
                                    " workers; it needs at least 1"));
    }
    if (stage->workers() > 1 && stage->traits().one_worker) {
      faults.push_back(absl::StrCat("stage '", stage->name(), "' has ", stage->workers(),
                                    " workers, who cannot share what a ", stage->kind(),
                                    " does; give it 1"));
    }
  }

  struct Uses {
    int edges = 0;
    size_t capacity = 0, bytes = 0;  // that were given, if they were
  };
  ByPort<Uses> ins(stages_, kInsOf, {});
  ByPort<int> outs(stages_, kOutsOf, 0);
  const auto owned = [&](const internal::PortBase& port) {
    if (Owns(port.stage())) return true;
    faults.push_back(
        absl::StrCat("port '", port.FullName(), "' belongs to a stage that was not added to it"));
    return false;
  };
  for (const Edge& edge : edges_) {
    const internal::OutBase& out = *edge.out;
    const internal::InBase& in = *edge.in;
    if (owned(out)) ++outs.at(out);
    const size_t capacity = edge.options.capacity.value_or(kDefaultCapacity);
    if (capacity == 0) {
      faults.push_back(absl::StrCat("the channel from '", out.FullName(), "' to '", in.FullName(),
                                    "' has capacity 0; it needs at least 1"));
    }
    if (edge.options.bytes == size_t{0}) {
      faults.push_back(absl::StrCat("the channel from '", out.FullName(), "' to '", in.FullName(),
                                    "' is bounded to 0 bytes; leave the bound out, or give it one "
                                    "that lets an item in"));
    }
    CheckPolicy(edge.options.when_full, edge.options.patience, out, faults);
    if (!owned(in)) continue;
    Uses& uses = ins.at(in);
    ++uses.edges;
    if (edge.options.bytes.has_value()) {
      if (uses.bytes != 0 && uses.bytes != *edge.options.bytes) {
        faults.push_back(absl::StrCat("the channel into '", in.FullName(),
                                      "' is given two bounds of its bytes, ", uses.bytes, " and ",
                                      *edge.options.bytes, "; give it one"));
      }
      uses.bytes = *edge.options.bytes;
    }
    if (!edge.options.capacity.has_value() || capacity == 0) continue;
    if (uses.capacity != 0 && uses.capacity != capacity) {
      faults.push_back(absl::StrCat("the channel into '", in.FullName(),
                                    "' is given two capacities, ", uses.capacity, " and ", capacity,
                                    "; give it one"));
    }
    uses.capacity = capacity;
  }
  constexpr size_t kMostBytes = PTRDIFF_MAX;  // no memory holds more
  for (const auto& stage : stages_) {
    for (const internal::InBase* in : stage->ins()) {
      const Uses& uses = ins.at(*in);
      if (uses.bytes > kMostBytes) {
        faults.push_back(absl::StrCat("the channel into '", in->FullName(), "' is bounded to ",
                                      uses.bytes, " bytes, which no memory holds; give it a bound "
                                                  "that it can reach"));
      } else if (uses.capacity == kUnboundedItems && uses.bytes == 0) {
        faults.push_back(absl::StrCat("the channel into '", in->FullName(),
                                      "' is bounded neither in items nor in bytes; give it "
                                      "`bytes`, or a capacity"));
      } else if (uses.capacity != kUnboundedItems &&
                 uses.capacity > kMostBytes / in->type().size) {
        faults.push_back(absl::StrCat("the channel into '", in->FullName(), "' has capacity ",
                                      uses.capacity, ", and no memory holds as many items of ",
                                      in->type().size, " bytes; give it a capacity that it can "
                                                       "reach, or kUnboundedItems and `bytes`"));
      }
      if (uses.edges == 0)
        faults.push_back(
            absl::StrCat("input '", in->FullName(), "' is not connected; connect an Out to it"));
    }
    for (const internal::OutBase* out : stage->outs()) {
      const int uses = outs.at(*out);
      if (uses == 0)
        faults.push_back(absl::StrCat("output '", out->FullName(),
                                      "' is not connected; connect it to an In (of an Ignore "
                                      "stage, if its items are not wanted)"));
      if (uses > 1)
        faults.push_back(absl::StrCat("output '", out->FullName(), "' is connected ", uses,
                                      " times; put a Broadcast behind it"));
    }
  }
  if (faults.empty() && order.size() < stages_.size()) {
    faults.push_back(
        absl::StrCat("it has a cycle: ", DescribeCycle(),
                     "; if it is meant, connect the edge that leads back with {.feedback = true}"));
  }
  if (faults.empty()) {
    const auto loops = Loops();
    absl::flat_hash_map<const Stage*, size_t> loop_of(loops.empty() ? 0 : 2 * stages_.size());
    for (size_t i = 0; i < loops.size(); ++i) {
      for (const Stage* stage : loops[i]) loop_of[stage] = i + 1;
    }
    for (const Edge& edge : edges_) {
      if (!edge.options.feedback) continue;
      const auto from = loop_of.find(&edge.out->stage()), to = loop_of.find(&edge.in->stage());
      if (from == loop_of.end() || to == loop_of.end() || from->second != to->second) {
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
