// A graph all of whose stages are blocked: a chain in which each stage fills the channels behind it
// and then waits to send one item more, and the sink, which receives nothing, sleeps. What `cancel`
// cancels, and what `wide` weighs.

#pragma once

#include <atomic>
#include <cstddef>

#include "weir/weir.h"

namespace weir::bench {

enum class Joined {
  kByOneChannel,   // each stage to the next
  kByTwoChannels,  // the same stages with an In and an Out more
};

class BlockedGraph {
 public:
  // Of `stages` stages that block, and what stands at the ends.
  BlockedGraph(int stages, size_t capacity, Joined joined = Joined::kByOneChannel);

  Graph& graph() { return graph_; }

  // Returns once all stages of the graph's run are blocked; it is the only run of `engine`.
  void AwaitBlocked(const Engine& engine);

 private:
  Graph graph_{"blocked"};
  size_t senders_ = 0;
  std::atomic<size_t> blocked_{
      0};                // how many have filled their channels; counts on from run to run
  size_t expected_ = 0;  // what it is once all have
};

}  // namespace weir::bench
