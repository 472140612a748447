// RunState: one execution of a graph: the scope that owns and joins everything it started.
//
//   kRunning --last Work ends, no cause--------------------------------> kFinishing -> kOver
//       \----a cause is set: kUnwinding --the last Work has unwound-----/
//
// Teardown, once a cause is set (DESIGN.md: Cancellation and teardown):
//   1. the cause is stored and `signals.cancelled` turns true, before any port closes;
//   2. all Contexts and channels are cancelled: parked Works are claimed and posted;
//   3. every Work comes to the gate, at its next wait or when it is resumed. The gate lets one through at a time, in
//      topological order of the stages, workers by index; the next goes when that one has ended. When the grace period is
//      over, those that have not come are named, and all others go;
//   4. what is left in the channels is discarded, channel by channel;
//   5. the records are destroyed in reverse order of addition, the report is final, and who waits is told.
//
// What a report says is kept in figures until somebody asks for it: its names and texts take longer than all of the above.
//
// It is begun in run_start.cc, torn down in run_teardown.cc and reported on in run_state_view.cc; what may wedge it is in wedge.cc.
//
// The run is held open by its Works, and by whoever is in the middle of doing something to it: cancelling, draining, a timer
// or a parent Context that fires, a thread inside an Input or Output. The last to let go finishes it.
#pragma once

#include <condition_variable>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "weir/core/census.h"
#include "weir/core/channel.h"
#include "weir/core/context.h"
#include "weir/core/engine_state.h"
#include "weir/core/graph.h"
#include "weir/core/mutex.h"
#include "weir/core/report.h"
#include "weir/core/run.h"
#include "weir/core/work.h"

namespace weir::internal {

class RunState final {
 public:
  RunState(EngineState& engine, Graph& graph, const RunOptions& options);
  ~RunState();

  // `refused`: why it may not start at all, if not OK.
  void Start(absl::Status refused);
  void Cancel(absl::Status cause);
  void Drain(absl::Duration deadline, Partial partial);
  // OK once the run is over. DEADLINE_EXCEEDED, or FAILED_PRECONDITION where the thread may not wait.
  absl::Status Await(Instant deadline);
  // OK, or why the calling thread may not wait for the run: it would wait for itself.
  absl::Status MayWait() const;
  bool over() const;
  // In a child process: the graph, which is a copy, is no longer taken.
  void AbandonAfterFork() { graph_.running_.store(false); }
  void OnDone(std::function<void(const Report&)> callback);
  // Calls back once the run is over, after everything else: it may be destroyed there, or here if it is over.
  void OnOver(std::function<void()> callback);
  // Final once the run is over; until then how things stand.
  Report Snapshot() const;
  // The graph, whose names a report is spelled with, is being destroyed after the run is over: it is spelled now.
  void GraphGoes();

  // --- For Works and the parts of the engine ---

  EngineState& engine() { return engine_; }
  const std::string& graph_name() const { return graph_.name(); }
  Executor& executor() { return executor_; }
  Context& root() { return root_; }
  const std::atomic<bool>& DrainingFor(const Stage& stage) const;
  bool tearing_down() const { return signals_.cancelled.load(std::memory_order_acquire); }
  // The Work is not running and may not go on until its turn comes; it is posted then.
  void ArriveAtGate(Work& work);
  // The Work's coroutine has ended and its frame is gone.
  void WorkEnded(Work& work, absl::Status result);
  // The body of the Work's stage has failed in the Work that runs it: the run fails with it.
  void FusedBodyFailed(Work& work, const absl::Status& error);
  // Its parent is the Work's Context or one below it: who cancels the Work cancels the run.
  bool BelongsTo(Work& work) const { return owner_ == &work.context(); }
  Work& WorkOf(const Stage& stage, int index) const { return WorkOf(RecordOf(stage), index); }
  void Hold();
  // For those who hold nothing yet: false if the run is finishing already.
  bool TryHold();
  void Release();
  // Samples the state of every Work; called by the clock's thread, or by the simulator after a step. Unless it has `changed`, because
  // no Work of the engine has run since, the last sample counts once more, and no Work is looked at.
  void Sample(bool changed);
  // Closes the back edges of the loops that are quiet. True if there was one. Who is in `wakes` holds the run open.
  bool CloseQuietLoops(WakeList& wakes);
  bool WaitsForExternal() const;
  // How many of its Works have not ended.
  size_t live_works() const {
    MutexLock lock(mutex_);
    return figures_final_ ? 0 : live_;
  }
  // FAILED_PRECONDITION, with who waits for what and what to try, if some of its Works wait for each other and for nobody else
  // (wedge.cc).
  absl::Status FindWedge() const;
  // What it adds to the census: its Works that have not ended.
  void AppendCensus(std::vector<CensusEntry>& works) const;

 private:
  enum class Phase { kRunning, kUnwinding, kFinishing, kOver };

  struct StageRecord : Pooled {
    Stage* stage;
    int workers;
    uint32_t first_work = 0;          // in works_: those of a stage are side by side
    std::atomic<int> open{0};         // those of its Works that have not closed their ports
    // What its Contexts see as draining. Release; orders what was closed before it.
    std::atomic<bool> draining{false};
    int live = 0;                     // guarded by mutex_
    absl::Status outcome;             // guarded by mutex_: the first that was not OK
    StageRecord* previous = nullptr;  // the only stage before it
    const OutBase* fused_by =
        nullptr;  // its Out, if that was fused with this stage as the run began
    const StageRecord* head = nullptr;  // guarded by mutex_: see RefreshHeads
    // By the sampler alone; read by reports.
    std::atomic<uint64_t> busy{0}, starved{0}, blocked{0}, waiting{0};
    // How many Works the last sample has added to each of these. Guarded by mutex_.
    struct Tally {
      uint32_t busy = 0, starved = 0, blocked = 0, waiting = 0;
    } last;
  };
  struct ChannelRecord {
    Graph::Channel plan;
    std::unique_ptr<Channel> channel;
    Ledger last = {};  // guarded by mutex_: once the channel is gone
    Ledger ledger() const { return channel == nullptr ? last : channel->ledger(); }
  };

  // TeardownReport, before its names are asked for.
  struct WorkId {
    const Stage* stage;
    int index;
    std::string Name() const;
  };
  struct Teardown {
    bool happened = false;
    std::vector<WorkId> unwound, ended, overdue;
    std::vector<size_t> discarded;  // indices into channels_
    absl::Duration signals, works, discards, records;
  };

  // A loop: its stages, the channels that feed them, and the Outs of its back edges.
  struct LoopRecord {
    std::vector<StageRecord*> stages;
    std::vector<ChannelRecord*> channels;
    std::vector<OutBase*> feedback;
    std::vector<OutBase*> outside;  // those of other stages that send into it
    mutable size_t busy = 0;  // guarded by mutex_: where in `stages` a Work was last seen that does not wait
    bool closed = false;  // guarded by mutex_
  };

  // A timer of the run: when it fires, `action` runs on the clock's thread, outside of its lock, holding the run open.
  class RunTimer final : public Timer, private Wakeable {
   public:
    RunTimer(RunState& run, void (RunState::*action)(), bool only_when_idle)
        : run_(run), action_(action), only_when_idle_(only_when_idle) {}
    void ArmAt(Instant when);
    void Disarm();

   private:
    void Fire(WakeList& wakes) override { wakes.Add(*this); }
    bool OnlyWhenIdle() const override { return only_when_idle_; }
    void Wake() override;

    RunState& run_;
    void (RunState::*const action_)();
    const bool only_when_idle_;
  };

  // Waits, parked, for a parent Context's cancellation.
  class ParentWatch final : public Waiter {
   public:
    explicit ParentWatch(RunState& run) : run_(run) {}
    WaitLink link;
    void Wake() override;

   private:
    RunState& run_;
  };

  static const Context* ContextOfWorkAbove(const Context* context);
  size_t PlaceOf(const Stage& stage) const { return place_of_[stage.index_]; }
  StageRecord& RecordOf(const Stage& stage) const { return *stages_[PlaceOf(stage)]; }
  Work& WorkOf(const StageRecord& record, int index) const {
    return *works_[record.first_work + index];
  }
  // What Start does before the first Work may run; it may throw. False if the run is over already.
  bool Prepare(absl::Status refused);
  void Undo();
  // Without memory for it: one that only says so.
  Report SnapshotIfRoom() const;
  void Refuse(absl::Status why);
  void Fuse(const Graph::Channel& plan);
  void BeginTeardown();
  void DeadlinePassed();
  void DrainDeadlinePassed();
  void GraceIsOver();
  template <class Visit>
  void ForEachWaker(const Work& work, const Wait& wait, Visit&& visit) const
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  template <class Visit>
  void ForEachAhead(const Work& work, const Wait& wait, Visit&& visit) const
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  // "parse", or "parse#1" where the stage has several Works.
  std::string NameOf(const Work& work) const;
  // "is blocked on frames.in, 64 of 64"
  std::string DescribeWait(const Wait& wait, const Work& work) const;
  // ": runs, or is ready to; at item 17 of read.in"
  // `runner` is the Work itself, or the one that runs its body.
  std::string DescribeOverdue(const Work& work, const Work& runner) const;
  // Whether another Work runs its body while it sleeps.
  bool IsFusedAway(const Work& work) const;
  bool IsQuiet(const LoopRecord& loop) const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  Work* NextAtGate() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void StopWatching();
  // Notes for each stage whose Works run its body now; null if its own do.
  void RefreshHeads() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  // Adds to the stages' counters what the last sample has, `times` more.
  void CountLast(uint64_t times) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void Finish();
  void Tell(const std::function<void(const Report&)>& callback, const Report& report);
  void FillReport(Report& report) const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void Keep(const absl::Status& error) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  bool EndedEarly(const Stage& stage, const absl::Status& result) const;
  // Nobody receives from `channel` any more: the stages of which nobody receives anything end,
  // those that wait for what they would send, and sources that sleep.
  void EndUnwanted(const Channel& channel);
  void WakeSleepers(const StageRecord& record);

  // Constant after construction.
  EngineState& engine_;
  Executor& executor_;  // the engine's
  Graph& graph_;
  const RunOptions options_;
  const Context* const owner_;  // of the Work above options_.parent
  Instant began_;
  std::vector<std::unique_ptr<StageRecord>> stages_;  // in topological order
  std::vector<uint32_t> place_of_;                    // in stages_, by a stage's place in the graph
  std::vector<std::unique_ptr<Work>> works_;          // in the order of unwinding; gone at the end
  std::vector<ChannelRecord> channels_;               // in topological order
  std::vector<LoopRecord> loops_;
  bool runs_graph_ = false;    // the graph is taken
  size_t begun_ = 0;           // how many of stages_ have been told that the run begins
  size_t reserved_works_ = 0;  // those that the engine has been told of

  std::vector<std::unique_ptr<Channel>> retired_channels_;  // by who finishes; there is room

  // Self-synchronised.
  RunSignals signals_;
  ContextTree tree_;
  Context root_;
  RunTimer deadline_{*this, &RunState::DeadlinePassed, false};
  RunTimer drain_deadline_{*this, &RunState::DrainDeadlinePassed, false};
  RunTimer grace_{*this, &RunState::GraceIsOver, true};
  ParentWatch parent_watch_{*this};

  mutable Mutex mutex_;
  std::condition_variable finished_;
  Phase phase_ ABSL_GUARDED_BY(mutex_) = Phase::kRunning;
  bool started_ ABSL_GUARDED_BY(mutex_) = false;  // the graph was bound, and has to be let go
  int holds_ ABSL_GUARDED_BY(mutex_) = 0;
  int live_ ABSL_GUARDED_BY(mutex_) = 0;     // Works that have not ended
  size_t turn_ ABSL_GUARDED_BY(mutex_) = 0;  // index into works_: whose turn it is to unwind
  // Everything has been cancelled: the first may unwind.
  bool gate_open_ ABSL_GUARDED_BY(mutex_) = false;
  bool grace_over_ ABSL_GUARDED_BY(mutex_) = false;
  bool drained_ ABSL_GUARDED_BY(mutex_) = false;
  absl::Status cause_ ABSL_GUARDED_BY(mutex_);
  Instant cause_set_ ABSL_GUARDED_BY(mutex_);
  Instant signals_sent_ ABSL_GUARDED_BY(mutex_);  // once gate_open_
  std::vector<absl::Status> errors_ ABSL_GUARDED_BY(mutex_);
  uint64_t more_errors_ ABSL_GUARDED_BY(mutex_) = 0;
  Teardown teardown_ ABSL_GUARDED_BY(mutex_);
  uint64_t unchanged_samples_ ABSL_GUARDED_BY(mutex_) = 0;  // not in the stages' counters yet
  // Once true, Works and channels may be gone, and what a report says does not change any more.
  bool figures_final_ ABSL_GUARDED_BY(mutex_) = false;
  absl::Duration elapsed_ ABSL_GUARDED_BY(mutex_);    // once figures_final_
  bool graph_knows_ ABSL_GUARDED_BY(mutex_) = false;  // the graph has it among those that are over
  std::optional<Report> report_ ABSL_GUARDED_BY(mutex_);  // once the graph has gone
  std::vector<std::function<void(const Report&)>> callbacks_ ABSL_GUARDED_BY(mutex_);
  std::vector<std::function<void()>> over_callbacks_ ABSL_GUARDED_BY(mutex_);
};

// `error`, with the name of the stage that it is of.
absl::Status InStage(const Stage& stage, const absl::Status& error);

}  // namespace weir::internal
