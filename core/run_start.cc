// How a run begins: the graph is bound, its channels and Works are made, and the Works are let go.
#include <algorithm>
#include <utility>

#include "weir/core/run_state.h"

namespace weir::internal {

void RunState::Refuse(absl::Status why) {
  MutexLock lock(mutex_);
  cause_ = std::move(why);
  phase_ = Phase::kFinishing;
}

void RunState::Start(absl::Status refused) {
  try {
    if (!Prepare(std::move(refused))) return;
  } catch (...) {
    Undo();
    throw;
  }
  for (const auto& work : works_) work->Wake();
  Release();
}

// What Prepare has done when it throws.
void RunState::Undo() {
  for (ChannelRecord& record : channels_) {
    record.plan.in->Attach(nullptr);
    for (OutBase* out : record.plan.outs) out->Attach(nullptr, false);
  }
  tree_.over = true;
  works_.clear();
  loops_.clear();
  channels_.clear();
  if (reserved_works_ > 0) engine_.ExpectWorks(-static_cast<int64_t>(reserved_works_));
  if (runs_graph_) graph_.running_.store(false);
  MutexLock lock(mutex_);
  phase_ = Phase::kOver;
}

bool RunState::Prepare(absl::Status refused) {
  if (engine_.forked()) refused.Update(engine_.MayWait());
  const std::vector<Stage*> order = graph_.TopologicalOrder();
  refused.Update(graph_.Check(order));
  if (refused.ok() && graph_.running_.exchange(true)) {
    refused = absl::FailedPreconditionError(
        absl::StrCat("graph '", graph_.name(), "' runs already; a graph runs once at a time"));
  }
  if (!refused.ok()) {
    Refuse(std::move(refused));
    Finish();
    return false;
  }
  runs_graph_ = true;

  size_t works = 0;
  for (const Stage* stage : order) works += stage->workers();
  engine_.ExpectWorks(static_cast<int64_t>(works));
  reserved_works_ = works;
  ReserveToFill(works_, works);
  ReserveToFill(stages_, order.size());
  place_of_.resize(order.size());
  for (Stage* stage : order) {
    place_of_[stage->index_] = static_cast<uint32_t>(stages_.size());
    StageRecord* const record = stages_.emplace_back(std::make_unique<StageRecord>()).get();
    record->stage = stage;
    record->workers = stage->workers();
    record->live = stage->workers();
    record->open.store(stage->workers(), std::memory_order_relaxed);
    record->first_work = static_cast<uint32_t>(works_.size());
    for (int i = 0; i < stage->workers(); ++i) {
      works_.push_back(std::make_unique<Work>(*this, *stage, i, static_cast<int>(works_.size())));
    }
  }
  const std::vector<std::vector<Stage*>> loops = graph_.Loops();
  std::vector<bool> looping(order.size());
  for (const std::vector<Stage*>& stages : loops) {
    for (const Stage* stage : stages) looping[stage->index_] = true;
  }
  // Whether a loop is quiet is asked under the locks of its channels, and the stages at a graph's edge are used by any thread.
  const auto one_work = [](const Stage& stage) {
    return stage.workers() == 1 && !stage.used_by_any_thread();
  };
  std::vector<Graph::Channel> plans = graph_.Channels(order);
  ReserveToFill(channels_, plans.size());
  for (Graph::Channel& plan : plans) {
    const Stage& receiver = plan.in->stage();
    const bool single = plan.outs.size() == 1 && one_work(plan.outs[0]->stage()) &&
                        one_work(receiver) && !looping[receiver.index_];
    auto channel = plan.in->MakeChannel(plan.capacity, plan.bytes, signals_);
    const bool overwrites = std::any_of(plan.outs.begin(), plan.outs.end(), [](OutBase* out) {
      return out->policy() != nullptr && out->policy()->when_full == WhenFull::kDropOldest;
    });
    channel->SetEnds({.senders = static_cast<int>(plan.outs.size()),
                      .receivers = receiver.workers(),
                      .single = single,
                      .overwrites = overwrites,
                      .place = channels_.size()});
    channels_.push_back({std::move(plan), std::move(channel)});
    const ChannelRecord& record = channels_.back();
    record.plan.in->Attach(record.channel.get());
    for (OutBase* out : record.plan.outs)
      out->Attach(record.channel.get(), out->stage().ins().empty());
    if (record.plan.outs.size() == 1 && !looping[receiver.index_]) Fuse(record.plan);
  }
  retired_channels_.reserve(channels_.size());
  constexpr uint32_t kNoLoop = UINT32_MAX;
  std::vector<uint32_t> loop_of(loops.empty() ? 0 : order.size(), kNoLoop);
  ReserveToFill(loops_, loops.size());
  for (const std::vector<Stage*>& stages : loops) {
    for (const Stage* stage : stages) loop_of[stage->index_] = static_cast<uint32_t>(loops_.size());
    LoopRecord& loop = loops_.emplace_back();
    for (Stage* stage : stages) loop.stages.push_back(&RecordOf(*stage));
  }
  for (ChannelRecord& record : channels_) {
    const uint32_t of = loops.empty() ? kNoLoop : loop_of[record.plan.in->stage().index_];
    if (of == kNoLoop) continue;
    LoopRecord& loop = loops_[of];
    loop.channels.push_back(&record);
    loop.feedback.insert(loop.feedback.end(), record.plan.feedback.begin(),
                         record.plan.feedback.end());
    for (OutBase* out : record.plan.outs) {
      if (loop_of[out->stage().index_] != of) loop.outside.push_back(out);
    }
  }
  const int live = static_cast<int>(works_.size());
  {
    MutexLock lock(mutex_);
    started_ = true;
    live_ = live;
    holds_ = live + 1;  // and this function
  }
  {
    // Room for itself, once it is over.
    MutexLock known(graph_.over_mutex_);
    if (graph_.over_.size() == graph_.over_.capacity())
      graph_.over_.reserve(2 * graph_.over_.size() + 1);
  }
  engine_.AddRun(*this);
  absl::Status begun;
  for (auto& record : stages_) {
    try {
      record->stage->BeginRun(*this);
    } catch (...) {
      begun = InStage(*record->stage, ToStatus(std::current_exception()));
      break;
    }
    ++begun_;
  }
  if (options_.deadline != absl::InfiniteDuration()) deadline_.ArmAt(began_ + options_.deadline);
  if (options_.parent != nullptr) {
    Hold();
    parent_watch_.link.waiter = &parent_watch_;
    parent_watch_.Prepare();
    if (!options_.parent->Link(parent_watch_.link)) {
      WakeList none;
      parent_watch_.Claim(Outcome::kCancelled, none);
    }
    if (!parent_watch_.Publish()) parent_watch_.Wake();
  }
  if (!begun.ok()) Cancel(std::move(begun));
  return true;
}

// Two neighbours of the same number of workers, of which the one can run the other. In simulation the seed chooses whether they
// are fused at all, and after how many batches that ends, so that all of it is explored.
void RunState::Fuse(const Graph::Channel& plan) {
  OutBase& out = *plan.outs[0];
  Stage& sender = out.stage();
  Stage& receiver = plan.in->stage();
  if (!sender.can_run_next() || !receiver.can_run_in_previous()) return;
  // A bounded number of bytes, or items that are dropped, are observable.
  if (plan.bytes > 0 || out.policy() != nullptr) return;
  if (sender.workers() != receiver.workers()) return;
  const uint64_t choice = engine_.Choose(4);
  if (choice == 3) return;
  out.Fuse(plan.in, choice == 2 ? static_cast<uint32_t>(engine_.Choose(8)) : UINT32_MAX);
  StageRecord& record = RecordOf(receiver);
  record.previous = &RecordOf(sender);
  record.fused_by = &out;
}

}  // namespace weir::internal
