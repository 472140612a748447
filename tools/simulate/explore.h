// Explore: many schedules of one's own graph, each on a simulated engine of its own, until one fails. What fails is replayed and
// shortened to a few choices, which show the failure again:
//
//   weir::Exploration found = weir::Explore({.seeds = 1000, .faults = true}, [](weir::Trial& trial) {
//     std::vector<int> got;
//     weir::Graph graph("squares");
//     weir::From(graph, "numbers", ...).Map("square", Square).Collect("collect", got);
//     weir::Report report = trial.Run(graph);
//     trial.Expect(!report.ok() || report.drained || got == kSquares, "all squares, in order");
//   });
//   EXPECT_TRUE(found.ok()) << found;
//
// Of every run it asks that it is over, that its ledgers balance with nothing left in a channel, that all Works have ended, and
// that it succeeded, unless a fault that was injected explains how it ended; and afterwards, that nothing is alive on the engine.
//
// A graph that deadlocks is grown by Grow, channel by channel, until it runs through. On the caller's thread, all of it.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <ostream>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "weir/weir.h"

namespace weir {

struct ExploreOptions {
  // How many schedules, each of the next seed.
  uint64_t seeds = 1000;
  uint64_t first_seed = 1;
  // Delays and slow stages, a clock that leaps ahead, exceptions, failing allocations, draining and cancelling, at any step.
  bool faults = false;
  // Only this schedule, as a failure has printed it: "2,0*5,1" is 2, five times 0, 1, and zeros from there on.
  std::string choices = "";
  // A schedule that is not over by then has failed: it goes round in circles.
  uint64_t most_steps = 1'000'000;
  // How many steps may be spent on shortening a failure.
  uint64_t shrinking_steps = 20'000'000;
  // Told before each schedule how many there have been; false ends it all.
  std::function<bool(uint64_t schedules)> go_on = nullptr;
  // Asked before each step; true cancels the schedule, of which nothing is said, and ends it all. Once true, it stays so.
  std::function<bool()> stop = nullptr;
};

// One schedule.
class Trial {
 public:
  Trial(const Trial&) = delete;
  Trial& operator=(const Trial&) = delete;

  // The simulated engine of this schedule, for runs that `body` drives itself, through Inputs and Outputs.
  Engine& engine() { return *engine_; }
  // Runs the graph to its end on that engine, and checks its report. One that has been cancelled or has failed by a fault that was
  // injected, or was drained, is not complete: then `report.ok()` is false, or `report.drained` true.
  Report Run(Graph& graph, RunOptions options = {});
  // The same check for a run that `body` has driven itself.
  void Check(const Report& report);
  // The schedule fails with this sentence, unless `holds`.
  void Expect(bool holds, std::string_view sentence);

 private:
  friend class Schedules;
  Trial() = default;

  Engine* engine_ = nullptr;
  const std::vector<NextCapacity>* capacities_ = nullptr;
  std::string failure_;               // the first; empty if there is none
  std::optional<NextCapacity> next_;  // if the failure is a deadlock that says what to try
};

struct Failure {
  std::string what;                 // in a sentence or two
  std::optional<uint64_t> seed;     // that found it, if it was one
  std::string choices;              // that show it: to be given to `ExploreOptions::choices`
  std::vector<std::string> faults;  // that happened on the way: "throws in parse#0 at wait 7"
  uint64_t steps = 0;
  std::string trace;  // a line for each of them
};

struct Exploration {
  uint64_t schedules = 0;  // that were run before the first that failed was shortened
  std::optional<Failure> failure;
  std::string trace;  // of the only schedule, if one was asked for, whether it failed or not

  bool ok() const { return !failure.has_value(); }
  // "1000 schedules, no failure", or the failure, its faults, and how to see it again.
  std::string ToString() const;
  friend std::ostream& operator<<(std::ostream& out, const Exploration& exploration) {
    return out << exploration.ToString();
  }
};

// `body` is called once for each schedule, and makes everything that it uses anew. What it throws is a failure.
Exploration Explore(const ExploreOptions& options, const std::function<void(Trial&)>& body);

struct Growth {
  Exploration last;  // with the channels as large as in `grown`; ok() if it ran through
  std::vector<NextCapacity> grown;  // the channels that had to grow, in the order in which they did
  std::string given_up;             // why none will do, in a sentence; empty if it ran through

  bool ok() const { return last.ok() && given_up.empty(); }
  // "100 schedules, no failure, with capacity 8 for zip.first"
  std::string ToString() const;
  friend std::ostream& operator<<(std::ostream& out, const Growth& growth) {
    return out << growth.ToString();
  }
};

// Explores without faults. Where a deadlock's verdict names a full channel, that is doubled and the schedule run again, until all run
// through (T. M. Parks, Bounded Scheduling of Process Networks, 1995); or until no channel is full, or one would need more than
// `most`: then no capacity will do, or none that is of use. `Trial::Run` gives the graphs their capacities.
Growth Grow(const ExploreOptions& options, const std::function<void(Trial&)>& body,
            size_t most = 65536);

// What a run that is over has left, in a sentence: an unbalanced ledger, an item in a channel, a Work that has not ended. Empty if
// there is nothing.
std::string LeftBehind(const Report& report);

// "2,0*5,1", and back. INVALID_ARGUMENT for what is no such list.
std::string FormatChoices(const std::vector<uint32_t>& choices);
absl::StatusOr<std::vector<uint32_t>> ParseChoices(std::string_view text);

}  // namespace weir
