// Deadlocks. A wedge is a set of parked Works in which everyone who could wake a member is a member. What waits for the outside (a
// timer, a blocking call, another library, the program at a graph's edge) is never one: it may be woken, so slow is not stuck.
//
// The set is found as what is left of all parked Works once those are taken out, again and again, whom somebody outside of what
// is left could wake. The Works go on meanwhile, so what was seen of one may be past when the next is looked at. Therefore all of
// the set are looked at twice: who is in the same wait both times was in it between the two rounds, which is one moment for all;
// and a set that is a wedge at one moment stays one, because nobody can end it but a cancellation.
#include <algorithm>
#include <charconv>
#include <string>
#include <string_view>
#include <system_error>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "weir/core/run_state.h"

namespace weir::internal {
namespace {

constexpr size_t kNamedInVerdict = 16;

// How a verdict begins, and what it says of the channel to grow: written and read here.
constexpr std::string_view kDeadlock = "deadlock: ", kSmallest = "; the smallest full channel is ",
                           kTry = ": try ", kCapacity = "capacity ", kBytes = " bytes";

}  // namespace

// Calls `visit(Work&)` for each Work that could end `work`'s wait.
template <class Visit>
void RunState::ForEachWaker(const Work& work, const Wait& wait, Visit&& visit) const {
  const auto works_of = [&](const Stage& stage) {
    const StageRecord& record = RecordOf(stage);
    for (int i = 0; i < record.workers; ++i) {
      const Work& waker = WorkOf(record, i);
      if (&waker != &work && !waker.ended_) visit(waker);
    }
  };
  const auto senders_to = [&](const Channel& channel) {
    for (const OutBase* out : channels_[channel.place()].plan.outs) works_of(out->stage());
  };
  const auto receivers_of = [&](const Channel& channel) {
    works_of(channels_[channel.place()].plan.in->stage());
  };
  switch (wait.kind) {
    case WaitKind::kReceive: senders_to(*wait.channel); break;
    case WaitKind::kSend: receivers_of(*wait.channel); break;
    case WaitKind::kTurn: works_of(work.stage_); break;
    case WaitKind::kSelect:
      for (const InBase* in : work.stage_.ins()) {
        if (wait.ports & InputBit(in->place())) senders_to(in->channel());
      }
      for (const OutBase* out : work.stage_.outs()) {
        if (wait.ports & OutputBit(out->place())) receivers_of(out->channel());
      }
      break;
    default: break;
  }
}

// Calls `visit(Work&)` for each Work that may stand before `work` in the queue for a channel's room, and whose giving up would end
// `work`'s wait: where bytes are bounded, a smaller item waits behind one that does not fit.
template <class Visit>
void RunState::ForEachAhead(const Work& work, const Wait& wait, Visit&& visit) const {
  const auto senders_to = [&](const Channel& channel) {
    const Graph::Channel& plan = channels_[channel.place()].plan;
    if (plan.bytes == 0) return;
    for (const OutBase* out : plan.outs) {
      const StageRecord& record = RecordOf(out->stage());
      for (int i = 0; i < record.workers; ++i) {
        const Work& ahead = WorkOf(record, i);
        if (&ahead != &work && !ahead.ended_) visit(ahead);
      }
    }
  };
  if (wait.kind == WaitKind::kSend) senders_to(*wait.channel);
  if (wait.kind != WaitKind::kSelect) return;
  for (const OutBase* out : work.stage_.outs()) {
    if (wait.ports & OutputBit(out->place())) senders_to(out->channel());
  }
}

absl::Status RunState::FindWedge() const {
  MutexLock lock(mutex_);
  if (phase_ != Phase::kRunning || !started_ || live_ == 0) return absl::OkStatus();
  struct Seen {
    Wait wait;
    uint32_t waits = 0;
    bool stuck = false;  // as far as is known
  };
  // First the count, then whether it is parked: if that is of a later wait, the second round sees another count.
  const auto look = [](const Work& work) {
    Seen seen;
    seen.waits = work.waits();
    if (work.ended_ || !work.parked() || work.stage_.used_by_any_thread()) return seen;
    seen.wait = work.waiting();
    switch (seen.wait.kind) {
      case WaitKind::kReceive:
      case WaitKind::kSend:
      case WaitKind::kTurn:
      case WaitKind::kSelect: seen.stuck = !seen.wait.bounded; break;
      default: break;
    }
    return seen;
  };
  std::vector<Seen> seen(works_.size());
  size_t stuck = 0;
  for (size_t i = 0; i < works_.size(); ++i) {
    seen[i] = look(*works_[i]);
    stuck += seen[i].stuck;
  }
  // Forwards and backwards by turns: who is woken from upstream is found by the one, from downstream by the other.
  const auto take_out = [&](size_t i) ABSL_NO_THREAD_SAFETY_ANALYSIS {
    if (!seen[i].stuck) return false;
    bool wakeable = false;
    ForEachWaker(*works_[i], seen[i].wait,
                 [&](const Work& waker) { wakeable |= !seen[waker.order_].stuck; });
    ForEachAhead(*works_[i], seen[i].wait, [&](const Work& ahead) {
      const Seen& other = seen[ahead.order_];
      wakeable |= !other.stuck && (other.wait.kind == WaitKind::kSend ||
                                   other.wait.kind == WaitKind::kSelect ||
                                   ahead.stage_.used_by_any_thread());
    });
    if (!wakeable) return false;
    seen[i].stuck = false;
    --stuck;
    return true;
  };
  for (bool changed = true; changed && stuck > 0;) {
    changed = false;
    for (size_t i = 0; i < works_.size(); ++i) changed |= take_out(i);
    for (size_t i = works_.size(); i-- > 0;) changed |= take_out(i);
  }
  if (stuck == 0) return absl::OkStatus();
  for (size_t i = 0; i < works_.size(); ++i) {
    if (!seen[i].stuck) continue;
    const Seen again = look(*works_[i]);
    if (!again.stuck || again.waits != seen[i].waits) return absl::OkStatus();
  }

  // A loop that is quiet is no deadlock: its back edges are about to be closed.
  for (const LoopRecord& loop : loops_) {
    if (!loop.closed && IsQuiet(loop)) return absl::OkStatus();
  }

  std::vector<std::string> lines;
  const ChannelRecord* smallest = nullptr;
  for (size_t i = 0; i < works_.size(); ++i) {
    if (!seen[i].stuck) continue;
    const Wait& wait = seen[i].wait;
    if (IsFusedAway(*works_[i])) continue;  // another runs its body
    lines.push_back(absl::StrCat(NameOf(*works_[i]), " ", DescribeWait(wait, *works_[i])));
    const auto consider = [&](const Channel& channel) {
      const ChannelRecord& record = channels_[channel.place()];
      if (smallest == nullptr || record.plan.capacity < smallest->plan.capacity) smallest = &record;
    };
    if (wait.kind == WaitKind::kSend) consider(*wait.channel);
    if (wait.kind == WaitKind::kSelect) {
      for (const OutBase* out : works_[i]->stage_.outs()) {
        if (wait.ports & OutputBit(out->place())) consider(out->channel());
      }
    }
  }
  if (lines.size() > kNamedInVerdict) {
    const size_t more = lines.size() - kNamedInVerdict;
    lines.resize(kNamedInVerdict);
    lines.push_back(absl::StrCat("and ", more, " more wait"));
  }
  std::string verdict = absl::StrCat(std::string(kDeadlock), absl::StrJoin(lines, "; "));
  if (smallest == nullptr) {
    absl::StrAppend(&verdict, "; no channel among them is full, so no capacity would help");
  } else {
    // The smallest full channel is the one to grow: T. M. Parks, Bounded Scheduling of Process Networks, 1995.
    const Graph::Channel& plan = smallest->plan;
    const bool by_bytes =
        plan.bytes > 0 && smallest->channel->ledger().queued < smallest->channel->capacity();
    absl::StrAppend(&verdict, std::string(kSmallest), plan.in->FullName(), std::string(kTry),
                    by_bytes ? absl::StrCat(2 * plan.bytes, std::string(kBytes))
                             : absl::StrCat(std::string(kCapacity), 2 * plan.capacity));
  }
  return absl::FailedPreconditionError(verdict);
}

}  // namespace weir::internal

namespace weir {

std::optional<NextCapacity> NextCapacityOf(const absl::Status& verdict) {
  using namespace internal;
  const std::string_view text(verdict.message().data(), verdict.message().size());
  const size_t smallest = text.rfind(kSmallest), tries = text.rfind(kTry);
  if (!absl::IsFailedPrecondition(verdict) || !text.starts_with(kDeadlock) ||
      smallest == std::string_view::npos || tries == std::string_view::npos || tries < smallest)
    return std::nullopt;
  NextCapacity next;
  const size_t name = smallest + kSmallest.size();
  next.input = std::string(text.substr(name, tries - name));
  std::string_view size = text.substr(tries + kTry.size());
  const bool items = size.starts_with(kCapacity);
  if (items) size.remove_prefix(kCapacity.size());
  size_t& value = items ? next.capacity : next.bytes;
  if (std::from_chars(size.data(), size.data() + size.size(), value).ec != std::errc())
    return std::nullopt;
  return next;
}

}  // namespace weir
