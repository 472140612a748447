// The workload `cancel` on weir. A run is verified by its report: every stage was unwound, none was
// overdue, and every item that was in a channel is accounted for as discarded.

#include <cstddef>
#include <cstdint>
#include <memory>
#include <stdexcept>

#include "absl/strings/str_cat.h"
#include "tools/bench/bench.h"
#include "tools/bench/blocked_graph.h"
#include "tools/bench/cancel.h"
#include "tools/bench/workloads.h"
#include "weir/weir.h"

namespace weir::bench {
namespace {

double Us(int64_t ns) { return static_cast<double>(ns) / 1e3; }

bool IsVerified(const Report& report, const Params& params) {
  if (!report.over || !absl::IsCancelled(report.status) || !report.balanced()) return false;
  if (report.teardown.unwound.size() != static_cast<size_t>(params.stages) + 1) return false;
  for (const ChannelReport& channel : report.channels) {
    if (channel.ledger.discarded != static_cast<uint64_t>(params.capacity)) return false;
  }
  return report.teardown.overdue.empty();
}

// A run that is destroyed at once, for the time to that; and one whose report is asked for, for the others and to be verified.
void CancelOnce(Engine& engine, BlockedGraph& blocked, const Params& params, CancelTimes& times) {
  auto run = std::make_unique<weir::Run>(engine, blocked.graph());
  blocked.AwaitBlocked(engine);
  const Stopwatch until_freed;
  run->Cancel();
  run.reset();
  const Sample freed = until_freed.Stop(1);
  if (!engine.Census().empty()) {
    throw std::runtime_error(absl::StrCat("a run was freed and left ", engine.Census().ToString()));
  }

  run = std::make_unique<weir::Run>(engine, blocked.graph());
  blocked.AwaitBlocked(engine);
  const Stopwatch until_over;
  run->Cancel();
  const Report report = run->Wait();
  const Sample over = until_over.Stop(1);

  if (!IsVerified(report, params)) {
    throw std::runtime_error(
        absl::StrCat("a cancelled run left something behind: ", report.status.ToString(), ", ",
                     report.teardown.unwound.size(), " unwound, ", report.teardown.ended.size(),
                     " ended, ", report.teardown.overdue.size(), " overdue"));
  }
  const TeardownReport& teardown = report.teardown;
  const absl::Duration stopped = teardown.signals + teardown.works;
  times.Add({.stopped_us = absl::ToDoubleMicroseconds(stopped),
             .discarded_us = absl::ToDoubleMicroseconds(stopped + teardown.discards),
             .over_us = Us(over.wall_ns),
             .freed_us = Us(freed.wall_ns)},
            freed);
}

Sample Run(const Params& params) {
  Engine engine({.threads = params.threads});
  auto blocked = std::make_unique<BlockedGraph>(params.stages, params.capacity);
  CancelTimes warm_up;
  for (int i = 0; i < 3; ++i) CancelOnce(engine, *blocked, params, warm_up);
  CancelTimes times;
  for (int64_t i = 0; i < params.items; ++i) CancelOnce(engine, *blocked, params, times);
  const Stopwatch stopwatch;
  blocked.reset();
  return times.Total(params.items, Us(stopwatch.Stop(1).wall_ns));
}

}  // namespace

void AddCancelWeir(Suite& suite) {
  suite.implementations.push_back({.workload = "cancel", .name = "weir", .run = Run});
}

}  // namespace weir::bench
