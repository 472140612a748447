#include "tests/simulation/campaign.h"

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <cstring>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "weir/core/simulator.h"

namespace weir::testing {
namespace {

// No schedule of these graphs takes a tenth of it: what takes more goes round and round.
constexpr uint64_t kMostSteps = 50'000;

uint64_t schedules_run = 0;
char current_schedule[256] = "";

[[noreturn]] void EndHere(std::string_view why) {
  std::fprintf(stderr, "%s: %.*s\n", current_schedule, static_cast<int>(why.size()), why.data());
  std::abort();
}

uint64_t Mix(uint64_t value) {
  value = (value ^ (value >> 31)) * 0x9E3779B97F4A7C15;
  return value ^ (value >> 29);
}

}  // namespace

std::string Schedule::Describe() const {
  std::string text = absl::StrCat("engine seed ", seed);
  if (cancel_at != UINT64_MAX) absl::StrAppend(&text, ", cancelled at step ", cancel_at);
  if (drain_at != UINT64_MAX) absl::StrAppend(&text, ", drained at step ", drain_at);
  if (fault.stage >= 0) {
    absl::StrAppend(&text, ", fault point ", fault.stage, " at ", fault.at_item,
                    fault.throws ? " by a throw" : "");
  }
  if (deadline != absl::InfiniteDuration()) {
    absl::StrAppend(&text, ", with a deadline of ", absl::FormatDuration(deadline));
  }
  return text;
}

struct Campaign::Outcome {
  Report report;
  std::vector<GeneratedGraph::Committed> committed;
  uint64_t steps = 0;
  uint64_t digest = 0;
};

Campaign::Campaign(uint64_t graph_seed) : graph_seed_(graph_seed), generated_(graph_seed) {}

uint64_t Campaign::schedules() { return schedules_run; }
const char* Campaign::current() { return current_schedule; }

void Campaign::Expect(bool holds, std::string_view otherwise) {
  if (!holds) absl::StrAppend(&wrong_, std::string(otherwise), "\n");
}

Campaign::Outcome Campaign::RunSchedule(GeneratedGraph& generated, const Schedule& schedule) {
  ++schedules_run;
  const std::string name = absl::StrCat("graph seed ", graph_seed_, ", ", schedule.Describe());
  std::strncpy(current_schedule, name.c_str(), sizeof(current_schedule) - 1);

  const int64_t alive_before = Token::alive();
  generated.set_fault(schedule.fault);
  // Each of its stages takes a step at least, so it comes to drain.
  generated.set_endless(schedule.drain_at < works_);
  Outcome outcome;
  {
    Engine engine = Engine::Simulated(schedule.seed, {.log = [](std::string_view) {}});
    weir::Run run(engine, generated.graph(), {.deadline = schedule.deadline});
    // Whoever destroys an item with a lock held waits here for itself.
    if (schedule.seed % 16 == 0) Token::OnDestroyed([&run] { run.Snapshot(); });
    engine.simulator()->OnStep([&](uint64_t step) {
      if (step == schedule.cancel_at) run.Cancel(absl::AbortedError("cancelled on purpose"));
      if (step == schedule.drain_at) run.Drain();
      if (step > kMostSteps) EndHere("goes round and round");
    });
    outcome.report = run.Wait();
    Token::OnDestroyed(nullptr);
    if (!outcome.report.over) {
      EndHere(absl::StrCat("the run is not over: ", outcome.report.status.ToString(), "\n",
                           engine.Census().ToString()));
    }
    outcome.steps = engine.simulator()->steps();
    outcome.digest = engine.simulator()->digest();
    Expect(engine.Census().empty(), "the census is not empty");
    Expect(engine.simulator()->armed_timers() == 0, "a timer is still armed");
  }
  outcome.committed = generated.TakeCommitted();
  const Report& report = outcome.report;
  Expect(report.balanced(), "a ledger does not balance");
  Expect(report.teardown.overdue.empty(), "a Work is overdue");
  uint64_t dropped = 0;
  for (const ChannelReport& channel : report.channels) {
    const Ledger& ledger = channel.ledger;
    dropped += ledger.dropped;
    Expect(ledger.queued == 0, absl::StrCat("something is left in ", channel.name));
    const bool overwrites =
        std::any_of(channel.policies.begin(), channel.policies.end(),
                    [](const auto& policy) { return policy.second == WhenFull::kDropOldest; });
    const uint64_t most = overwrites ? 2 * channel.capacity : channel.capacity;
    Expect(ledger.high_water <= most,
           absl::StrCat(ledger.high_water, " were in ", channel.name, " of ", channel.capacity));
    // The smallest items take three bytes.
    if (channel.bytes > 0 && !overwrites) {
      Expect(ledger.high_water <= std::max<uint64_t>(1, channel.bytes / 3),
             absl::StrCat("too many bytes were in ", channel.name));
    }
    if (!report.teardown.happened) {
      Expect(ledger.discarded == 0,
             absl::StrCat("discarded without a cancellation in ", channel.name));
    }
  }
  Expect(generated.TakeDropped() == dropped, "not all that was dropped was handed over");
  for (const StageReport& stage : report.stages) {
    Expect(stage.ended == stage.workers,
           absl::StrCat("not all Works of ", stage.name, " have ended"));
  }
  Expect(Token::alive() == alive_before, "items are alive after the run");
  return outcome;
}

std::string Campaign::Begin() {
  const Schedule first{.seed = 0};
  absl::Status check = generated_.graph().Check();
  Expect(check.ok(), check.ToString());
  if (!check.ok()) return Judge();
  {
    GeneratedGraph lossless(graph_seed_, /*lossless=*/true);
    Outcome outcome = RunSchedule(lossless, first);
    Expect(outcome.report.ok(), outcome.report.status.ToString());
    for (const auto& sink : outcome.committed) Expect(sink.happened, "a sink has not committed");
    expected_ = std::move(outcome.committed);
    works_ = outcome.report.stages.size();
  }
  Complete(0);
  return Judge();
}

std::string Campaign::Run(uint64_t number) {
  const uint64_t seed = graph_seed_ * 1'000'003 + number;
  const uint64_t step = Mix(seed) % (longest_ + 1);
  switch (number % 8) {
    case 0:
    case 1: Complete(seed); break;
    case 2:
    case 3: Cancelled(seed, step); break;
    case 4: Drained(seed, step); break;
    case 5:
    case 6: Failing(seed); break;
    case 7: PastDeadline(seed); break;
  }
  return Judge();
}

void Campaign::Complete(uint64_t seed) {
  const Schedule schedule{.seed = seed};
  const Outcome outcome = RunSchedule(generated_, schedule);
  Expect(outcome.report.ok(), outcome.report.status.ToString());
  for (size_t i = 0; i < outcome.committed.size(); ++i) {
    Expect(outcome.committed[i].happened, absl::StrCat("sink ", i, " has not committed"));
  }
  ExpectNothingCutOff(outcome);
  ExpectCounts(outcome.report);
  longest_ = std::max(longest_, outcome.steps);
  if (seed % 97 == 0) {
    const Outcome again = RunSchedule(generated_, schedule);
    Expect(again.digest == outcome.digest, "the same seed gave another trace");
  }
}

void Campaign::Cancelled(uint64_t seed, uint64_t step) {
  const Outcome outcome = RunSchedule(generated_, {.seed = seed, .cancel_at = step});
  const absl::Status& status = outcome.report.status;
  Expect(status.ok() || absl::IsAborted(status), status.ToString());
  ExpectNothingCutOff(outcome);
  ExpectOrderOfTeardown(outcome);
}

void Campaign::Drained(uint64_t seed, uint64_t step) {
  // Half of them early, while sources sleep that have sent all.
  const uint64_t drain_at = seed % 16 < 8 ? step : step % works_;
  const Outcome outcome = RunSchedule(generated_, {.seed = seed, .drain_at = drain_at});
  Expect(outcome.report.ok(), outcome.report.status.ToString());
  for (size_t i = 0; i < outcome.committed.size(); ++i) {
    Expect(outcome.committed[i].happened, absl::StrCat("sink ", i, " has not committed"));
    if (generated_.sinks()[i].part) ExpectPart(i, outcome.committed[i].values);
  }
}

void Campaign::Failing(uint64_t seed) {
  if (generated_.fault_points() == 0) return Complete(seed);
  Schedule schedule{.seed = seed};
  schedule.fault.stage = static_cast<int>(seed % generated_.fault_points());
  schedule.fault.at_item = seed / 3 % 7;
  schedule.fault.throws = seed % 2 == 0;
  const Outcome outcome = RunSchedule(generated_, schedule);
  const absl::Status& status = outcome.report.status;
  Expect(status.ok() || absl::IsDataLoss(status) || absl::IsInternal(status), status.ToString());
  ExpectNothingCutOff(outcome);
  ExpectOrderOfTeardown(outcome);
}

void Campaign::PastDeadline(uint64_t seed) {
  const Schedule schedule{.seed = seed, .deadline = absl::Microseconds(seed % 2000)};
  const Outcome outcome = RunSchedule(generated_, schedule);
  const absl::Status& status = outcome.report.status;
  Expect(status.ok() || absl::IsDeadlineExceeded(status), status.ToString());
  ExpectNothingCutOff(outcome);
  ExpectOrderOfTeardown(outcome);
}

void Campaign::ExpectNothingCutOff(const Outcome& outcome) {
  for (size_t i = 0; i < outcome.committed.size(); ++i) {
    if (outcome.committed[i].happened) ExpectAsComplete(i, outcome.committed[i]);
  }
}

void Campaign::ExpectPart(size_t sink, const std::vector<uint64_t>& values) {
  const std::vector<uint64_t>& all = expected_[sink].values;
  bool part = false;
  if (generated_.sinks()[sink].ordered) {
    auto at = all.begin();
    part = std::all_of(values.begin(), values.end(), [&](uint64_t value) {
      at = std::find(at, all.end(), value);
      return at != all.end() && (++at, true);
    });
  } else {
    part = std::includes(all.begin(), all.end(), values.begin(), values.end());
  }
  Expect(part, absl::StrCat("sink ", sink, " committed ", absl::StrJoin(values, " "),
                            ", which is no part of ", absl::StrJoin(all, " ")));
}

void Campaign::ExpectAsComplete(size_t sink, const GeneratedGraph::Committed& committed) {
  const std::vector<uint64_t>& all = expected_[sink].values;
  const GeneratedGraph::SinkTraits& traits = generated_.sinks()[sink];
  if (traits.exact) {
    Expect(committed.values == all,
           absl::StrCat("sink ", sink, " committed ", absl::StrJoin(committed.values, " "),
                        " rather than ", absl::StrJoin(all, " ")));
    return;
  }
  ExpectPart(sink, committed.values);
  if (traits.newest && !all.empty()) {
    Expect(!committed.values.empty() && committed.values.back() == all.back(),
           absl::StrCat("sink ", sink, " has not got the newest item"));
  }
}

void Campaign::ExpectOrderOfTeardown(const Outcome& outcome) {
  const auto in_order = [this](const std::vector<std::string>& order,
                               const std::vector<std::string>& happened) {
    auto at = order.begin();
    for (const std::string& name : happened) {
      at = std::find(at, order.end(), name);
      if (at == order.end()) return Expect(false, absl::StrCat(name, " was torn down out of turn"));
      ++at;
    }
  };
  std::vector<std::string> works;
  for (const StageReport& stage : outcome.report.stages) {
    for (int i = 0; i < stage.workers; ++i) works.push_back(absl::StrCat(stage.name, "#", i));
  }
  in_order(works, outcome.report.teardown.unwound);
  std::vector<std::string> channels;
  for (const ChannelReport& channel : outcome.report.channels) channels.push_back(channel.name);
  in_order(channels, outcome.report.teardown.discarded);
}

// What a Map receives it sends, if nobody has ended early; what a policy does not send is sent where it diverts to.
void Campaign::ExpectCounts(const Report& report) {
  uint64_t diverted = 0;
  for (const ChannelReport& channel : report.channels) {
    if (channel.ledger.unread > 0 || channel.ledger.refused > 0) return;
  }
  for (const StageReport& stage : report.stages) {
    if (stage.kind != "Map" && stage.kind != "Broadcast") continue;
    const auto shares = [&](const ChannelReport& channel) {
      return channel.from.size() > 1 &&
             std::any_of(channel.from.begin(), channel.from.end(), [&](const std::string& from) {
               return absl::StartsWith(from, stage.name + ".");
             });
    };
    if (std::any_of(report.channels.begin(), report.channels.end(), shares)) continue;
    const uint64_t each = stage.kind == "Map" ? 1 : 2;
    Expect(stage.sent == each * stage.received,
           absl::StrCat(stage.name, " received ", stage.received, " and sent ", stage.sent));
  }
  for (const ChannelReport& channel : report.channels) {
    diverted += channel.ledger.diverted;
    if (absl::StartsWith(channel.name, "late")) diverted -= channel.ledger.accepted;
  }
  Expect(diverted == 0, "not what was diverted came to where it was diverted to");
}

std::string Campaign::Judge() {
  if (wrong_.empty()) return "";
  std::string judged = absl::StrCat(current_schedule, ": ", std::exchange(wrong_, ""),
                                    ToDot(Describe(generated_.graph())));
  return judged;
}

}  // namespace weir::testing
