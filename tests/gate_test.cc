// The gate of a cancelled run: its Works go on one at a time, in topological order, and none before its turn, wherever it was when
// the run was cancelled.
#include <gtest/gtest.h>

#include <coroutine>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "tests/support/testing.h"
#include "weir/core/operations.h"
#include "weir/core/simulator.h"
#include "weir/core/work.h"

namespace weir::internal {
namespace {

class GateTest : public testing::WeirTest {
 protected:
  // A Work that gives others their turn until its run is cancelled, then tells that it goes on.
  void AddSpinner(Graph& graph, int name) {
    graph.Add<testing::ProbeWork>(absl::StrCat("spinner", name),
                                  [this, name](Context& context) -> Task<> {
                                    while (!context.cancelled()) co_await context.Yield();
                                    went_on_.push_back(name);
                                    co_return absl::CancelledError("");
                                  });
  }

  std::vector<int> went_on_;
};

TEST_F(GateTest, WorksThatAreReadyWhenTheRunIsCancelled_GoOnInTheirTurn) {
  for (uint64_t seed = 1; seed <= 20; ++seed) {
    Graph& graph = NewGraph();
    for (int name : {0, 1, 2}) AddSpinner(graph, name);
    Engine& engine = Simulated(seed);
    went_on_.clear();
    Run& run = Start(engine, graph);
    engine.simulator()->OnStep([&run](uint64_t step) {
      if (step == 60) run.Cancel();  // all have begun by then
    });
    Wait(run);
    engine.simulator()->OnStep(nullptr);
    EXPECT_EQ(went_on_, (std::vector<int>{0, 1, 2})) << "seed " << seed;
  }
}

// A wait that another thread has decided, and whose run it has then cancelled, before the Work could park.
class DecidedAsTheRunIsCancelled final : public Operation {
 public:
  explicit DecidedAsTheRunIsCancelled(weir::Run& run) : run_(run) {}
  bool await_ready() { return false; }
  bool await_suspend(std::coroutine_handle<> frame) {
    work_->Prepare(frame, {.kind = WaitKind::kTurn});
    WakeList wakes;
    work_->Claim(Outcome::kDone, wakes);
    run_.Cancel();
    return work_->Suspend();
  }
  Outcome await_resume() { return work_->Resumed().outcome; }

 private:
  weir::Run& run_;
};

TEST_F(GateTest, AWorkThatIsAboutToParkWhenTheRunIsCancelled_GoesOnInItsTurn) {
  Graph& graph = NewGraph();
  Run* run = nullptr;
  AddSpinner(graph, 0);
  graph.Add<testing::ProbeWork>("decided", [&](Context&) -> Task<> {
    DecidedAsTheRunIsCancelled decided(*run);
    const Outcome outcome = co_await decided;
    EXPECT_EQ(outcome, Outcome::kDone);
    went_on_.push_back(1);
    co_return absl::CancelledError("");
  });
  run = &Start(Simulated(), graph);
  Wait(*run);
  EXPECT_EQ(went_on_, (std::vector<int>{0, 1}));
}

}  // namespace
}  // namespace weir::internal
