// How a run looks from outside: samples, the census, and the report.
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "weir/core/run_state.h"

namespace weir::internal {

const RunState::StageRecord* RunState::FindHead(StageRecord& record) {
  const bool fused = record.fused_by != nullptr && record.fused_by->fused() != nullptr;
  record.head = !fused                             ? nullptr
                : record.previous->head != nullptr ? record.previous->head
                                                   : record.previous;
  return record.head;
}

void RunState::Sample() {
  MutexLock lock(mutex_);
  if (report_final_) return;
  for (auto& record : stages_) {
    const StageRecord* head = FindHead(*record);
    for (auto& work : record->works) {
      if (work->ended_) continue;
      std::atomic<uint64_t>* counter = &record->waiting;
      WaitKind kind = work->waiting_kind();
      if (head != nullptr) {
        // It sleeps, and another runs its body, among those of the stages that it is fused with.
        const bool runs = head->works[work->index()]->runs_for() == work.get();
        kind = runs ? WaitKind::kNothing : WaitKind::kRun;
      } else if (work->runs_for() != nullptr) {
        kind = WaitKind::kRun;
      }
      switch (kind) {
        case WaitKind::kNothing: counter = &record->busy; break;
        case WaitKind::kReceive: counter = &record->starved; break;
        case WaitKind::kSend: counter = &record->blocked; break;
        default: break;
      }
      counter->store(counter->load(std::memory_order_relaxed) + 1, std::memory_order_relaxed);
    }
  }
}

bool RunState::WaitsForExternal() const {
  MutexLock lock(mutex_);
  for (const Work* work : works_) {
    if (!work->ended_ && work->waiting_kind() == WaitKind::kExternal) return true;
  }
  return false;
}

void RunState::AppendCensus(std::vector<std::string>& lines) const {
  MutexLock lock(mutex_);
  if (report_final_) return;
  for (const Work* work : works_) {
    if (work->ended_) continue;
    std::string line = absl::StrCat(graph_.name(), ".", work->Name(), ": ");
    // Read one after the other while the Work goes on: where may belong to its next wait.
    static const std::string unknown = "a channel";
    const std::string* where = work->waiting_where();
    if (where == nullptr) where = &unknown;
    switch (work->waiting_kind()) {
      case WaitKind::kNothing: line += "runs, or is ready to"; break;
      case WaitKind::kReceive: absl::StrAppend(&line, "waits to receive from ", *where); break;
      case WaitKind::kSend:
        absl::StrAppend(&line, "waits to send to ", *where, ", which is full");
        break;
      default: absl::StrAppend(&line, "waits: ", WaitKindName(work->waiting_kind())); break;
    }
    lines.push_back(std::move(line));
  }
}

std::string RunState::DescribeWaits() const {
  std::vector<std::string> lines;
  AppendCensus(lines);
  return absl::StrJoin(lines, "; ");
}

void RunState::FillReport(Report& report) const {
  report.graph = graph_.name();
  report.drained = drained_;
  report.errors = errors_;
  report.more_errors = more_errors_;
  report.elapsed = engine_.clock().Now() - began_;
  report.teardown = teardown_;
  absl::flat_hash_map<const ChannelBase*, Ledger> ledgers;
  for (const ChannelRecord& record : channels_) {
    ChannelReport channel;
    channel.name = record.channel->name();
    for (const OutBase* out : record.plan.outs) channel.from.push_back(out->FullName());
    for (const OutBase* out : record.plan.feedback) channel.feedback.push_back(out->FullName());
    channel.type = record.plan.in->TypeName();
    channel.capacity = record.channel->capacity();
    channel.ledger = record.channel->ledger();
    ledgers[record.channel.get()] = channel.ledger;
    report.channels.push_back(std::move(channel));
  }
  for (const auto& record : stages_) {
    StageReport stage;
    stage.name = record->stage->name();
    stage.kind = record->stage->kind();
    stage.workers = record->stage->workers();
    stage.ended = stage.workers - record->live;
    stage.outcome = record->outcome;
    if (const StageRecord* head = FindHead(*record)) stage.fused_into = head->stage->name();
    for (const InBase* in : record->stage->ins())
      stage.received += ledgers[in->channel_base()].received;
    for (const OutBase* out : record->stage->outs()) {
      if (outs_of_.at(out->channel_base()) == 1)
        stage.sent += ledgers[out->channel_base()].accepted;
    }
    stage.busy = record->busy.load(std::memory_order_relaxed);
    stage.starved = record->starved.load(std::memory_order_relaxed);
    stage.blocked = record->blocked.load(std::memory_order_relaxed);
    stage.waiting = record->waiting.load(std::memory_order_relaxed);
    report.stages.push_back(std::move(stage));
  }
  report.bottleneck = FindBottleneck(report.stages);
}

Report RunState::Snapshot() const {
  MutexLock lock(mutex_);
  if (report_final_) return report_;
  Report report;
  FillReport(report);
  return report;
}

}  // namespace weir::internal
