// How a run looks from outside: samples, the census, and the report.
#include <new>
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

void RunState::CountLast(uint64_t times) {
  if (times == 0) return;
  for (auto& record : stages_) {
    const auto add = [times](std::atomic<uint64_t>& counter, uint32_t works) {
      counter.store(counter.load(std::memory_order_relaxed) + times * works,
                    std::memory_order_relaxed);
    };
    add(record->busy, record->last.busy);
    add(record->starved, record->last.starved);
    add(record->blocked, record->last.blocked);
    add(record->waiting, record->last.waiting);
  }
}

void RunState::Sample(bool changed) {
  MutexLock lock(mutex_);
  if (figures_final_) return;
  if (!changed) {
    ++unchanged_samples_;
    return;
  }
  CountLast(std::exchange(unchanged_samples_, 0));
  RefreshHeads();
  const Instant now = engine_.clock().Now();
  for (auto& record : stages_) {
    const StageRecord* head = record->head;
    record->last = {};
    for (int i = 0; i < record->workers; ++i) {
      Work& work = WorkOf(*record, i);
      if (work.ended_) continue;
      if (const uint32_t waits = work.waits(); waits != work.waits_seen_) {
        work.waits_seen_ = waits;
        work.seen_since_ = now;
      }
      work.polls_seen_ = work.polls();
      WaitKind kind = work.waiting_kind();
      if (head != nullptr) {
        // It sleeps, and another runs its body, among those of the stages that it is fused with.
        const bool runs = WorkOf(*head, i).runs_for() == &work;
        kind = runs ? WaitKind::kNothing : WaitKind::kRun;
      } else if (work.runs_for() != nullptr) {
        kind = WaitKind::kRun;
      }
      switch (kind) {
        case WaitKind::kNothing:
        case WaitKind::kBlocking: ++record->last.busy; break;
        case WaitKind::kReceive: ++record->last.starved; break;
        case WaitKind::kSend: ++record->last.blocked; break;
        default: ++record->last.waiting; break;
      }
    }
  }
  CountLast(1);
}

bool RunState::WaitsForExternal() const {
  MutexLock lock(mutex_);
  if (figures_final_) return false;
  for (const auto& work : works_) {
    if (!work->ended_ && work->waiting_kind() == WaitKind::kExternal) return true;
  }
  return false;
}

std::string RunState::NameOf(const Work& work) const {
  return work.stage_.workers() == 1 ? work.stage_.name() : work.Name();
}

bool RunState::IsFusedAway(const Work& work) const {
  const OutBase* by = RecordOf(work.stage_).fused_by;
  return by != nullptr && by->fused() != nullptr;
}

std::string RunState::DescribeWait(const Wait& wait, const Work& work) const {
  const auto name_of = [this](const Channel& channel) {
    return channels_[channel.place()].plan.in->FullName();
  };
  const auto receives = [&](const Channel& channel) {
    return absl::StrCat("waits to receive from ", name_of(channel));
  };
  const auto sends = [&](const Channel& channel) {
    const uint64_t queued = channel.ledger().queued;
    if (channel.capacity() == kUnboundedItems) {
      return absl::StrCat("is blocked on ", name_of(channel), ", whose ",
                          channels_[channel.place()].plan.bytes, " bytes are taken by ", queued,
                          queued == 1 ? " item" : " items");
    }
    return absl::StrCat("is blocked on ", name_of(channel), ", ", queued, " of ",
                        channel.capacity());
  };
  switch (wait.kind) {
    case WaitKind::kNothing: return "runs, or is ready to";
    // Of a Work that goes on meanwhile, the channel may be missing.
    case WaitKind::kReceive:
      return wait.channel == nullptr ? "waits to receive" : receives(*wait.channel);
    case WaitKind::kSend: return wait.channel == nullptr ? "is blocked" : sends(*wait.channel);
    case WaitKind::kTurn: return "waits for its turn";
    case WaitKind::kRun: return "waits for another run";
    case WaitKind::kSleep: return "sleeps";
    case WaitKind::kBlocking: return "waits for a blocking call";
    case WaitKind::kExternal: return "waits for another library, or another engine";
    case WaitKind::kGate: return "waits for its turn to unwind";
    case WaitKind::kSelect: {
      std::vector<std::string> cases;
      for (const InBase* in : work.stage_.ins()) {
        if (wait.ports & InputBit(in->place())) cases.push_back(receives(in->channel()));
      }
      for (const OutBase* out : work.stage_.outs()) {
        if (wait.ports & OutputBit(out->place())) cases.push_back(sends(out->channel()));
      }
      return absl::StrCat("selects: ", absl::StrJoin(cases, ", or "));
    }
  }
  return "waits";
}

std::string RunState::DescribeOverdue(const Work& work, const Work& runner) const {
  // One that another runs sleeps, and what it waits for is not why it has not stopped.
  std::string text = absl::StrCat(": ", &work == &runner
                                            ? DescribeWait(work.waiting(), work)
                                            : absl::StrCat("runs, fused with ", NameOf(runner)));
  for (const InBase* in : work.stage_.ins()) {
    // What a stage holds it has received last; those of several workers are counted together.
    const uint64_t received = in->channel().ledger().received;
    if (received > 0) absl::StrAppend(&text, "; at item ", received - 1, " of ", in->FullName());
  }
  return text;
}

void RunState::AppendCensus(std::vector<CensusEntry>& works) const {
  MutexLock lock(mutex_);
  if (figures_final_) return;
  const Instant now = engine_.clock().Now();
  for (const auto& work : works_) {
    if (work->ended_) continue;
    const uint32_t waits = work->waits();
    const Wait wait = work->waiting();
    CensusEntry& entry = works.emplace_back();
    entry.graph = graph_.name();
    entry.work = work->Name();
    const Work* const other = work->runs_for();
    entry.waits = other != nullptr && wait.kind == WaitKind::kNothing
                      ? absl::StrCat("runs the function of ", NameOf(*other), ", fused with it")
                      : DescribeWait(wait, *work);
    // What hides a deadlock: it could go on at any time, although what it asks for does not come.
    const bool at_port = wait.kind == WaitKind::kReceive || wait.kind == WaitKind::kSend ||
                         wait.kind == WaitKind::kSelect;
    if (at_port && wait.bounded) entry.waits += ", for a time";
    if (wait.kind == WaitKind::kNothing && work->polls() != work->polls_seen_)
      absl::StrAppend(&entry.waits, "; polls, ", work->polls(), " times in vain");
    if (wait.kind == WaitKind::kNothing || *wait.place.file_name() == '\0') continue;
    entry.place = NameOfPlace(wait.place);
    if (work->waits_seen_ == waits) entry.age = now - work->seen_since_;
  }
}

std::string RunState::WorkId::Name() const { return absl::StrCat(stage->name(), "#", index); }

void RunState::FillReport(Report& report) const {
  report.graph = graph_.name();
  report.drained = drained_;
  report.input_cut = drained_ && tree_.input_cut.load(std::memory_order_acquire);
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
    const uint64_t more = unchanged_samples_;
    stage.busy = record->busy.load(std::memory_order_relaxed) + more * record->last.busy;
    stage.starved = record->starved.load(std::memory_order_relaxed) + more * record->last.starved;
    stage.blocked = record->blocked.load(std::memory_order_relaxed) + more * record->last.blocked;
    stage.waiting = record->waiting.load(std::memory_order_relaxed) + more * record->last.waiting;
  }
  ReserveToFill(report.channels, channels_.size());
  for (const ChannelRecord& record : channels_) {
    ChannelReport& channel = report.channels.emplace_back();
    channel.name = record.plan.in->FullName();
    for (const OutBase* out : record.plan.outs) {
      channel.from.push_back(out->FullName());
      if (out->policy() != nullptr) channel.policies[out->FullName()] = out->policy()->when_full;
    }
    for (const OutBase* out : record.plan.feedback) channel.feedback.push_back(out->FullName());
    channel.type = record.plan.in->TypeName();
    channel.capacity = record.plan.capacity;
    channel.bytes = record.plan.bytes;
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
  report.teardown.signals = teardown_.signals;
  report.teardown.works = teardown_.works;
  report.teardown.discards = teardown_.discards;
  report.teardown.records = teardown_.records;
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

Report RunState::SnapshotIfRoom() const {
  try {
    return Snapshot();
  } catch (const std::bad_alloc&) {
    Report report;
    report.over = true;
    report.status = absl::ResourceExhaustedError("");
    return report;
  }
}

}  // namespace weir::internal
