// In which order a run is torn down, and that nothing of it is left. Held elsewhere: Go's errgroup (the first error wins, all are
// joined), structured concurrency's nurseries (a scope outlives what it started), C++'s reverse order of destruction.
#include <gtest/gtest.h>

#include <algorithm>
#include <memory>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include "tests/conformance/reference_run.h"
#include "weir/core/simulator.h"
#include "weir/testing.h"

namespace weir::testing {
namespace {

class TeardownRules : public EveryEngineTest {
 protected:
  // The reference graph is cancelled, before its first Work has run or somewhere on the way.
  Report CancelSomewhere(ReferenceGraph& graph, uint64_t somewhere) {
    graph.Prepare(engine());
    Run run(engine(), graph.graph());
    if (simulated()) {
      const uint64_t begun = engine().simulator()->steps();
      engine().simulator()->OnStep([&run, at = begun + somewhere](uint64_t step) {
        if (step == at) run.Cancel(absl::AbortedError("enough"));
      });
    } else {
      while (graph.faults().passed(0) < somewhere && !run.over()) std::this_thread::yield();
      run.Cancel(absl::AbortedError("enough"));
    }
    Report report = run.Wait();
    if (simulated()) engine().simulator()->OnStep(nullptr);
    ExpectCleanEnd(report, engine());
    return report;
  }
  static std::vector<std::string> WorksInOrder(const Report& report) {
    std::vector<std::string> works;
    for (const StageReport& stage : report.stages) {
      for (int i = 0; i < stage.workers; ++i) works.push_back(stage.name + "#" + std::to_string(i));
    }
    return works;
  }
  static void ExpectSubsequence(const std::vector<std::string>& part,
                                const std::vector<std::string>& whole) {
    auto at = whole.begin();
    for (const std::string& element : part) {
      at = std::find(at, whole.end(), element);
      ASSERT_NE(at, whole.end()) << element << " is out of turn";
      ++at;
    }
  }
};

WEIR_ON_EVERY_ENGINE(TeardownRules);

constexpr uint64_t kMoments[] = {0, 1, 7, 20, 31};

// The Works of a cancelled run unwind one after the other, sources first, workers by index.
TEST_P(TeardownRules, WorksUnwindInTopologicalOrder) {
  for (const ReferenceGraphKind& kind : ReferenceGraphs()) {
    const auto graph = kind.Make();
    for (uint64_t moment : kMoments) {
      const Report report = CancelSomewhere(*graph, moment);
      ASSERT_NO_FATAL_FAILURE(ExpectSubsequence(report.teardown.unwound, WorksInOrder(report)))
          << kind;
    }
  }
}

// Each Work ends once: it has unwound, or it has ended by itself, and none is named twice.
TEST_P(TeardownRules, EachWorkEndsOnce) {
  for (const ReferenceGraphKind& kind : ReferenceGraphs()) {
    const auto graph = kind.Make();
    for (uint64_t moment : kMoments) {
      const Report report = CancelSomewhere(*graph, moment);
      std::set<std::string> ended;
      for (const auto* list : {&report.teardown.unwound, &report.teardown.ended}) {
        for (const std::string& work : *list) EXPECT_TRUE(ended.insert(work).second) << work;
      }
      EXPECT_LE(ended.size(), WorksInOrder(report).size());
      if (moment == 0 && simulated()) {
        EXPECT_EQ(ended.size(), WorksInOrder(report).size()) << kind;
      }
    }
  }
}

// What is left in the channels is discarded channel by channel, in the order in which the report lists them, and is counted there.
TEST_P(TeardownRules, ChannelsAreDiscardedInTopologicalOrder) {
  for (const ReferenceGraphKind& kind : ReferenceGraphs()) {
    const auto graph = kind.Make();
    for (uint64_t moment : kMoments) {
      const Report report = CancelSomewhere(*graph, moment);
      std::vector<std::string> channels, discarded;
      for (const ChannelReport& channel : report.channels) {
        channels.push_back(channel.name);
        if (channel.ledger.discarded > 0) discarded.push_back(channel.name);
      }
      ASSERT_NO_FATAL_FAILURE(ExpectSubsequence(report.teardown.discarded, channels)) << kind;
      EXPECT_EQ(report.teardown.discarded, discarded) << kind;
    }
  }
}

// A throw in any function fails the run with it, under its stage's name, and all the others unwind.
TEST_P(TeardownRules, AThrowFailsTheRun_TheOthersUnwind) {
  for (const ReferenceGraphKind& kind : ReferenceGraphs()) {
    const auto graph = kind.Make();
    for (uint64_t item : {0, 3}) {
      graph->faults().Arm(0, item);
      graph->Prepare(engine());
      const Report report = weir::Run(engine(), graph->graph()).Wait();
      graph->faults().Disarm();
      ExpectCleanEnd(report, engine());
      if (graph->faults().passed(0) <= item) continue;  // the graph has no such item
      EXPECT_TRUE(absl::IsInternal(report.status)) << kind << ": " << report.status;
      EXPECT_EQ(report.status.message().substr(0, 7), "stage '") << report.status;
    }
  }
}

// A graph is as good as new after any end: it runs again, to the same result.
TEST_P(TeardownRules, AGraphRunsAgainAfterAnyEnd) {
  for (const ReferenceGraphKind& kind : ReferenceGraphs()) {
    const auto graph = kind.Make();
    graph->Prepare(engine());
    ASSERT_TRUE(weir::Run(engine(), graph->graph()).Wait().ok());
    const auto complete = graph->committed();
    for (uint64_t moment : kMoments) {
      CancelSomewhere(*graph, moment);
      graph->Prepare(engine());
      const Report report = weir::Run(engine(), graph->graph()).Wait();
      EXPECT_TRUE(report.ok()) << kind << ": " << report.status;
      EXPECT_EQ(graph->committed(), complete) << kind;
    }
  }
}

// A Run that goes out of scope is cancelled and joined first; nothing of it is left when its destructor returns.
TEST_P(TeardownRules, ARunThatIsDestroyedIsCancelledAndJoined) {
  for (const ReferenceGraphKind& kind : ReferenceGraphs()) {
    const auto graph = kind.Make();
    for (int i = 0; i < 5; ++i) {
      graph->Prepare(engine());
      { weir::Run run(engine(), graph->graph()); }
      EXPECT_TRUE(engine().Census().empty()) << kind;
      EXPECT_EQ(CountedItems::alive(), 0) << kind;
    }
  }
}

}  // namespace
}  // namespace weir::testing
