#include "weir/stages/sink.h"

#include <atomic>
#include <memory>
#include <optional>
#include <ranges>
#include <stdexcept>
#include <vector>

#include "weir/testing.h"

namespace weir::testing {
namespace {

using Values = std::vector<int>;

class SinkTest : public EveryEngineTest {
 protected:
  Flow<int> Numbers(int count) {
    return From(graph_, "numbers", FromRange(std::views::iota(0, count)));
  }
  Report RunIt() { return RunToEnd(engine(), graph_); }
  Graph& graph_ = NewGraph();
};
WEIR_ON_EVERY_ENGINE(SinkTest);

TEST_P(SinkTest, ForEach_SeesEveryItemInOrder) {
  Values seen;
  Numbers(200).ForEach("sink", [&](int i) { seen.push_back(i); });
  EXPECT_TRUE(RunIt().ok());
  ASSERT_EQ(seen.size(), 200u);
  for (int i = 0; i < 200; ++i) EXPECT_EQ(seen[i], i);
}

TEST_P(SinkTest, ForEach_Workers_EachItemOnce) {
  std::atomic<int> sum{0};
  Numbers(200).ForEach("sink", [&](int i) { sum.fetch_add(i); }, {.workers = 4, .capacity = 8});
  EXPECT_TRUE(RunIt().ok());
  EXPECT_EQ(sum, 19900);
}

TEST_P(SinkTest, ForEach_Error_FailsNamingTheItem) {
  int seen = 0;
  Numbers(200).ForEach("sink", [&](int i) {
    ++seen;
    return i == 13 ? absl::AbortedError("here") : absl::OkStatus();
  });
  Report report = RunIt();
  EXPECT_EQ(report.status, absl::AbortedError("stage 'sink': item 13: here"));
  EXPECT_EQ(seen, 14) << "none after it";
  EXPECT_EQ(report.channels[0].ledger.received, 14u);
}

TEST_P(SinkTest, ForEach_Throws_IsInternal) {
  Numbers(200).ForEach("sink", [](int i) {
    if (i == 13) throw std::runtime_error("bad luck");
  });
  EXPECT_EQ(RunIt().status, absl::InternalError("stage 'sink': bad luck"));
}

TEST_P(SinkTest, ForEach_Blocking) {
  int sum = 0;
  Numbers(100).ForEach("sink", [&](int i) { sum += i; }, {.blocking = true});
  EXPECT_TRUE(RunIt().ok());
  EXPECT_EQ(sum, 4950);
}

TEST_P(SinkTest, ForEach_MoveOnlyItems_AreItsOwn) {
  std::vector<Counted> items, kept;
  for (int i = 0; i < 10; ++i) items.emplace_back(i);
  From(graph_, "items", FromVector(std::move(items))).ForEach("sink", [&](Counted item) {
    kept.push_back(std::move(item));
  });
  EXPECT_TRUE(RunIt().ok());
  EXPECT_EQ(kept.size(), 10u);
  EXPECT_EQ(kept[9].value(), 9);
}

TEST_P(SinkTest, Collect_ReplacesOnceTheInputIsComplete) {
  Values into = {7, 7, 7};
  Numbers(3).Collect("sink", into);
  for (int round = 0; round < 2; ++round) {
    EXPECT_TRUE(RunIt().ok());
    EXPECT_EQ(into, (Values{0, 1, 2}));
  }
}

TEST_P(SinkTest, Collect_EmptyInput_IsAnEmptyResult) {
  Values into = {7};
  Numbers(0).Collect("sink", into);
  EXPECT_TRUE(RunIt().ok());
  EXPECT_TRUE(into.empty());
}

TEST_P(SinkTest, Collect_CutOffByAFailure_CommitsNothing) {
  Values into = {7};
  Numbers(100)
      .Map("map",
           [](int i) -> absl::StatusOr<int> {
             if (i == 50) return absl::AbortedError("here");
             return i;
           })
      .Collect("sink", into);
  EXPECT_FALSE(RunIt().ok());
  EXPECT_EQ(into, Values{7});
}

TEST_P(SinkTest, Collect_Cancelled_CommitsNothing) {
  Values into = {7};
  From(graph_, "endless", Generate([]() -> std::optional<int> { return 1; })).Collect("sink", into);
  Run& run = Start(engine(), graph_);
  run.WaitFor(absl::Microseconds(100));
  run.Cancel();
  Wait(run);
  EXPECT_EQ(into, Values{7});
}

TEST_P(SinkTest, Collect_Drained_CommitsWhatCameThrough) {
  Values into = {7};
  From(graph_, "endless", Generate([n = 0]() mutable -> std::optional<int> { return n++; }))
      .Collect("sink", into);
  Run& run = Start(engine(), graph_);
  run.WaitFor(absl::Microseconds(100));
  run.Drain();
  Report report = Wait(run);
  EXPECT_TRUE(report.ok()) << report.status;
  ASSERT_EQ(into.size(), report.channels[0].ledger.accepted);
  for (size_t i = 0; i < into.size(); ++i) EXPECT_EQ(into[i], static_cast<int>(i));
}

TEST_P(SinkTest, Ignore_ReceivesAll) {
  std::vector<Counted> items;
  for (int i = 0; i < 10; ++i) items.emplace_back(i);
  From(graph_, "items", FromVector(std::move(items))).Ignore("sink");
  Report report = RunIt();
  EXPECT_TRUE(report.ok());
  EXPECT_EQ(report.channels[0].ledger.received, 10u);
}

}  // namespace
}  // namespace weir::testing
