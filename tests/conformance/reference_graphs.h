// Twenty small graphs, built from the public API alone, which together use every kind of stage, wait and policy that weir has.
// The proof suites cancel, drain and break each of them at every point there is.
//
// Their items count themselves, their functions pass through fault points that can be made to throw, and their sinks commit
// what they received only if the input was complete. A simulated run of one takes some 50 to 400 steps.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <ostream>
#include <string_view>
#include <utility>
#include <vector>

#include "weir/testing.h"
#include "weir/weir.h"

namespace weir::testing {

// Where a graph's functions can fail. Any thread.
class FaultPoints {
 public:
  static constexpr int kMost = 8;

  // The `nth` item, counted from 0, that passes through `point` in the next run is thrown at.
  void Arm(int point, uint64_t nth) {
    armed_point_ = point;
    armed_nth_ = nth;
  }
  void Disarm() { armed_point_ = -1; }
  // Begins to count anew.
  void Reset() {
    for (std::atomic<uint64_t>& passed : passed_) passed = 0;
  }
  // How many items have passed through a point since then.
  uint64_t passed(int point) const { return passed_[point]; }

  // For the functions of the graph: throws std::runtime_error where it is armed.
  void Pass(int point);

 private:
  int armed_point_ = -1;
  uint64_t armed_nth_ = 0;
  std::array<std::atomic<uint64_t>, kMost> passed_{};
};

class ReferenceGraph {
 public:
  explicit ReferenceGraph(std::string_view name) : graph_(name) {}
  ReferenceGraph(const ReferenceGraph&) = delete;
  ReferenceGraph& operator=(const ReferenceGraph&) = delete;

  Graph& graph() { return graph_; }
  FaultPoints& faults() { return faults_; }

  // What a sink has committed.
  struct Committed {
    bool happened = false;
    uint64_t count = 0, sum = 0;
    bool operator==(const Committed&) const = default;
    friend std::ostream& operator<<(std::ostream& out, const Committed& committed) {
      return out << (committed.happened ? "" : "not ") << "committed, " << committed.count
                 << " items, sum " << committed.sum;
    }
  };
  // Of the sinks whose input does not depend on the schedule.
  std::vector<Committed> committed() const;

  // Before each run; `engine` is the one that it will be on.
  void Prepare(Engine& engine);

  // --- For those who build it ---

  // Adds a sink that commits.
  void Commit(std::string_view name, const Flow<Counted>& flow, ChannelOptions options = {},
              bool depends_on_schedule = false);
  // What Prepare is to do as well.
  void OnPrepare(std::function<void(Engine&)> prepare) {
    on_prepare_.push_back(std::move(prepare));
  }
  // Keeps something as long as the graph.
  void Keep(std::shared_ptr<void> kept) { kept_.push_back(std::move(kept)); }

 private:
  std::vector<std::shared_ptr<void>> kept_;
  FaultPoints faults_;
  std::deque<std::pair<Committed, bool>> committed_;  // and whether it depends on the schedule
  std::vector<std::function<void(Engine&)>> on_prepare_;
  Graph graph_;  // the last: its stages refer to what is above
};

struct ReferenceGraphKind {
  std::string_view name;
  void (*build)(ReferenceGraph&);

  std::unique_ptr<ReferenceGraph> Make() const;
  friend std::ostream& operator<<(std::ostream& out, const ReferenceGraphKind& kind) {
    return out << kind.name;
  }
};

inline constexpr int kReferenceGraphs = 20;
const std::array<ReferenceGraphKind, kReferenceGraphs>& ReferenceGraphs();

}  // namespace weir::testing
