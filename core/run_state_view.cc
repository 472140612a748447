// How a run looks from outside: samples, the census, and the report.
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "weir/core/run_state.h"

namespace weir::internal {

// In topological order, so that the one before is known.
void RunState::RefreshHeads() const {
  for (const auto& record : stages_) {
    const bool fused = record->fused_by != nullptr && record->fused_by->fused() != nullptr;
    record->head = !fused                              ? nullptr
                   : record->previous->head != nullptr ? record->previous->head
                                                       : record->previous;
  }
}

void RunState::Sample() {
  MutexLock lock(mutex_);
  if (figures_final_) return;
  RefreshHeads();
  for (auto& record : stages_) {
    const StageRecord* head = record->head;
    for (int i = 0; i < record->workers; ++i) {
      const Work& work = WorkOf(*record, i);
      if (work.ended_) continue;
      std::atomic<uint64_t>* counter = &record->waiting;
      WaitKind kind = work.waiting_kind();
      if (head != nullptr) {
        // It sleeps, and another runs its body, among those of the stages that it is fused with.
        const bool runs = WorkOf(*head, i).runs_for() == &work;
        kind = runs ? WaitKind::kNothing : WaitKind::kRun;
      } else if (work.runs_for() != nullptr) {
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
  if (figures_final_) return false;
  for (const auto& work : works_) {
    if (!work->ended_ && work->waiting_kind() == WaitKind::kExternal) return true;
  }
  return false;
}

void RunState::AppendCensus(std::vector<std::string>& lines) const {
  MutexLock lock(mutex_);
  if (figures_final_) return;
  for (const auto& work : works_) {
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

std::string RunState::WorkId::Name() const { return absl::StrCat(stage->name(), "#", index); }

void RunState::FillReport(Report& report) const {
  report.graph = graph_.name();
  report.drained = drained_;
  report.errors = errors_;
  report.more_errors = more_errors_;
  report.elapsed = figures_final_ ? elapsed_ : engine_.clock().Now() - began_;
  ReserveToFill(report.stages, stages_.size());
  for (const auto& record : stages_) {
    StageReport& stage = report.stages.emplace_back();
    stage.name = record->stage->name();
    stage.kind = record->stage->kind();
    stage.workers = record->workers;
    stage.ended = record->workers - record->live;
    stage.outcome = record->outcome;
    if (record->head != nullptr) stage.fused_into = record->head->stage->name();
    stage.busy = record->busy.load(std::memory_order_relaxed);
    stage.starved = record->starved.load(std::memory_order_relaxed);
    stage.blocked = record->blocked.load(std::memory_order_relaxed);
    stage.waiting = record->waiting.load(std::memory_order_relaxed);
  }
  ReserveToFill(report.channels, channels_.size());
  for (const ChannelRecord& record : channels_) {
    ChannelReport& channel = report.channels.emplace_back();
    channel.name = record.plan.in->FullName();
    for (const OutBase* out : record.plan.outs) channel.from.push_back(out->FullName());
    for (const OutBase* out : record.plan.feedback) channel.feedback.push_back(out->FullName());
    channel.type = record.plan.in->TypeName();
    channel.capacity = record.plan.capacity;
    channel.ledger = record.ledger();
    const auto stage_of = [&](const PortBase& port) -> StageReport& {
      return report.stages[PlaceOf(port.stage())];
    };
    stage_of(*record.plan.in).received += channel.ledger.received;
    if (record.plan.outs.size() > 1) continue;  // nobody knows who sent what
    stage_of(*record.plan.outs[0]).sent += channel.ledger.accepted;
  }
  const auto names = [](const std::vector<WorkId>& works, std::vector<std::string>& into) {
    ReserveToFill(into, works.size());
    for (const WorkId& work : works) into.push_back(work.Name());
  };
  report.teardown.happened = teardown_.happened;
  names(teardown_.unwound, report.teardown.unwound);
  names(teardown_.ended, report.teardown.ended);
  names(teardown_.overdue, report.teardown.overdue);
  for (const size_t i : teardown_.discarded) {
    report.teardown.discarded.push_back(channels_[i].plan.in->FullName());
  }
  report.teardown.works = teardown_.works;
  report.teardown.discards = teardown_.discards;
  report.bottleneck = FindBottleneck(report.stages);
}

void RunState::GraphGoes() {
  Report report = Snapshot();
  MutexLock lock(mutex_);
  report_ = std::move(report);
  graph_knows_ = false;
}

Report RunState::Snapshot() const {
  MutexLock lock(mutex_);
  if (report_.has_value()) return *report_;
  if (!figures_final_) RefreshHeads();
  Report report;
  FillReport(report);
  if (figures_final_) {
    report.status = cause_;
    report.over = true;
  }
  return report;
}

}  // namespace weir::internal
