// Report: what a run leaves behind, and what can be seen of one that still runs.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "weir/core/channel.h"

namespace weir {

struct StageReport {
  std::string name;
  std::string kind;
  int workers = 1;
  int ended = 0;  // how many of its Works have ended
  // OK; CANCELLED if the run's cancellation ended it; else what it failed with.
  absl::Status outcome;
  // The stage whose Works ran its body, on their way, because nothing observable was lost by it; empty if it ran by itself.
  std::string fused_into;
  uint64_t received = 0;  // items, over all its inputs
  uint64_t sent = 0;      // items, over all its outputs that share no channel with others
  // How often the sampler found its Works in each state; a few hundred samples a second, in simulation one each step.
  uint64_t busy = 0;     // running, or ready to
  uint64_t starved = 0;  // waiting for input
  uint64_t blocked = 0;  // waiting for room downstream
  // Sleeping, in Blocking or External, fused and not at work, or waiting for its turn.
  uint64_t waiting = 0;
};

struct ChannelReport {
  std::string name;                          // "split.in": the input that it feeds
  std::vector<std::string> from;             // "read.out"
  std::vector<std::string> feedback;         // those of `from` that lead back
  std::map<std::string, WhenFull> policies;  // what those of `from` do that do not block
  std::string type;                          // of its items
  size_t capacity = 0;
  size_t bytes = 0;  // how many it may hold; 0 if they are not bounded
  Ledger ledger;
};

// How a cancelled run was torn down. Works are named "stage#index".
struct TeardownReport {
  bool happened = false;
  std::vector<std::string> unwound;    // the Works that unwound at the cancellation, in this order
  std::vector<std::string> ended;      // those that ended by themselves meanwhile
  std::vector<std::string> overdue;    // those that had not stopped when the grace period was over
  std::vector<std::string> discarded;  // the channels whose items were discarded, in this order
  // How long each phase took, one after the other: until all waits were ended by the cause, until the last Work had unwound, until
  // the items left in channels were destroyed, and until the run's records were.
  absl::Duration signals, works, discards, records;
};

struct Report {
  // Here and not in line, for what includes this: they are long.
  Report();
  Report(const Report&);
  Report(Report&&) noexcept;
  Report& operator=(const Report&);
  Report& operator=(Report&&) noexcept;
  ~Report();

  std::string graph;
  // Only once the run is over: OK if it completed, else the first cause, with the stage's name where a stage failed.
  absl::Status status;
  bool over = false;
  bool drained = false;
  // Drained before all of the input was read, as far as is known: the result, if there is one,
  // covers a part of it.
  bool input_cut = false;
  std::vector<absl::Status> errors;  // later ones, the first 16
  uint64_t more_errors = 0;
  absl::Duration elapsed;
  std::vector<StageReport> stages;      // in topological order
  std::vector<ChannelReport> channels;  // in topological order of the stages that they feed
  TeardownReport teardown;
  // Names the stage that held the others up, with the samples that say so; empty if none stands out.
  std::string bottleneck;

  bool ok() const { return over && status.ok(); }
  // True if every channel's ledger balances.
  bool balanced() const;
};

// What the verdict on a deadlock says to try: the smallest full channel, by the input that it feeds, twice as large.
struct NextCapacity {
  std::string input;
  size_t capacity = 0;  // in items, or 0 if it is the bound of its bytes that is to grow
  size_t bytes = 0;
};
// Nothing for a status that is no such verdict, and for one in which no channel is full, so that no capacity would help.
std::optional<NextCapacity> NextCapacityOf(const absl::Status& verdict);

namespace internal {

std::string FindBottleneck(const std::vector<StageReport>& stages);

}  // namespace internal

}  // namespace weir
