#include "weir/stages/join.h"

#include <ranges>
#include <string>
#include <utility>
#include <vector>

#include "weir/testing.h"

namespace weir::testing {
namespace {

class JoinTest : public EveryEngineTest {
 protected:
  Flow<int> Numbers(std::string_view name, int from, int to) {
    return From(graph_, name, FromRange(std::views::iota(from, to)));
  }
  Report RunIt() { return RunToEnd(engine(), graph_); }
  const ChannelReport& ChannelInto(const Report& report, std::string_view name) {
    for (const ChannelReport& channel : report.channels) {
      if (channel.name == name) return channel;
    }
    ADD_FAILURE() << "no channel " << name;
    return report.channels[0];
  }
  Graph& graph_ = NewGraph();
};
WEIR_ON_EVERY_ENGINE(JoinTest);

TEST_P(JoinTest, Zip_PairsInOrder) {
  std::vector<std::pair<int, std::string>> into;
  auto texts = Numbers("texts", 0, 100).Map("text", [](int i) { return std::to_string(i); });
  Numbers("numbers", 0, 100).Zip("zip", texts).Collect("into", into);
  EXPECT_TRUE(RunIt().ok());
  ASSERT_EQ(into.size(), 100u);
  for (int i = 0; i < 100; ++i)
    EXPECT_EQ(into[i], (std::pair<int, std::string>(i, std::to_string(i))));
}

TEST_P(JoinTest, Zip_EndsWithTheShorter_UnpairedItemsAreUnread) {
  std::vector<std::pair<int, int>> into;
  Numbers("short", 0, 3).Zip("zip", Numbers("long", 0, 20)).Collect("into", into);
  Report report = RunIt();
  EXPECT_TRUE(report.ok()) << report.status;
  EXPECT_EQ(into.size(), 3u);
  EXPECT_EQ(ChannelInto(report, "zip.first").ledger.received, 3u);
  EXPECT_EQ(ChannelInto(report, "zip.second").ledger.received, 3u)
      << "one that found no partner was not taken";
}

TEST_P(JoinTest, Zip_WithAnEmptyInput_GivesNothing) {
  std::vector<std::pair<int, int>> into = {{1, 1}};
  Numbers("numbers", 0, 10).Zip("zip", Numbers("none", 0, 0)).Collect("into", into);
  EXPECT_TRUE(RunIt().ok());
  EXPECT_TRUE(into.empty());
}

TEST_P(JoinTest, Zip_MoveOnlyItems) {
  auto make = [](int count) {
    std::vector<Counted> items;
    for (int i = 0; i < count; ++i) items.emplace_back(i);
    return FromVector(std::move(items));
  };
  int sum = 0;
  auto right = From(graph_, "right", make(30));
  From(graph_, "left", make(50))
      .Zip("zip", right)
      .ForEach("sum", [&](std::pair<Counted, Counted> pair) {
        sum += pair.first.value() + pair.second.value();
      });
  EXPECT_TRUE(RunIt().ok());
  EXPECT_EQ(sum, 2 * 29 * 30 / 2);
}

TEST_P(JoinTest, Zip_CutOffByAFailure_IsNotCommitted) {
  std::vector<std::pair<int, int>> into = {{-1, -1}};
  auto failing = Numbers("numbers", 0, 50).Map("fails", [](int i) -> absl::StatusOr<int> {
    if (i == 20) return absl::AbortedError("here");
    return i;
  });
  Numbers("others", 0, 50).Zip("zip", failing).Collect("into", into);
  EXPECT_TRUE(absl::IsAborted(RunIt().status));
  EXPECT_EQ(into, (std::vector<std::pair<int, int>>{{-1, -1}}));
}

TEST_P(JoinTest, Concat_OneAfterTheOther) {
  std::vector<int> into, expected;
  Numbers("a", 0, 70)
      .Concat("concat", Numbers("b", 70, 71), Numbers("none", 0, 0), Numbers("c", 71, 200))
      .Collect("into", into);
  for (int i = 0; i < 200; ++i) expected.push_back(i);
  EXPECT_TRUE(RunIt().ok());
  EXPECT_EQ(into, expected);
}

TEST_P(JoinTest, Concat_CutOffInTheFirst_DoesNotGoOnToTheSecond) {
  std::vector<int> seen;
  Numbers("a", 0, 50)
      .Map("fails",
           [](int i) -> absl::StatusOr<int> {
             if (i == 20) return absl::AbortedError("here");
             return i;
           })
      .Concat("concat", Numbers("b", 100, 150))
      .ForEach("into", [&](int i) { seen.push_back(i); });
  EXPECT_TRUE(absl::IsAborted(RunIt().status));
  for (int i : seen) EXPECT_LT(i, 20);
}

TEST_P(JoinTest, Concat_NobodyWantsMore_AllEnd) {
  std::vector<int> into;
  Numbers("a", 0, 50)
      .Concat("concat", Numbers("b", 50, 1000))
      .Take("take", 60)
      .Collect("into", into);
  Report report = RunIt();
  EXPECT_TRUE(report.ok()) << report.status;
  EXPECT_EQ(into.size(), 60u);
}

}  // namespace
}  // namespace weir::testing
