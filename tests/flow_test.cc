#include "weir/stages/flow.h"

#include <map>
#include <memory>
#include <optional>
#include <ranges>
#include <string>
#include <utility>
#include <vector>

#include "weir/testing.h"

namespace weir::testing {
namespace {

class FlowTest : public WeirTest {
 protected:
  Flow<int> Numbers(int count) {
    return From(graph_, "numbers", FromRange(std::views::iota(0, count)));
  }
  const ChannelReport& ChannelInto(const Report& report, const std::string& name) {
    for (const ChannelReport& channel : report.channels) {
      if (channel.name == name) return channel;
    }
    ADD_FAILURE() << "no channel " << name;
    return report.channels[0];
  }
  Graph& graph_ = NewGraph();
};

TEST_F(FlowTest, Steps_AreTheStagesAndChannelsThatTheyName) {
  std::vector<int> into;
  Numbers(10)
      .Map("map", [](int i) { return i; }, {.workers = 3, .capacity = 5})
      .Filter("filter", [](int) { return true; })
      .Collect("into", into, {.capacity = 2});
  const Report plan = Describe(graph_);
  std::map<std::string, std::string> kinds;
  for (const StageReport& stage : plan.stages) kinds[stage.name] = stage.kind;
  EXPECT_EQ(
      kinds,
      (std::map<std::string, std::string>{
          {"numbers", "FromRange"}, {"map", "Map"}, {"filter", "Filter"}, {"into", "Collect"}}));
  EXPECT_EQ(plan.stages[1].workers, 3);
  EXPECT_EQ(ChannelInto(plan, "map.in").capacity, 5u);
  EXPECT_EQ(ChannelInto(plan, "filter.in").capacity, 3 * Graph::kDefaultCapacity)
      << "so much for each worker";
  EXPECT_EQ(ChannelInto(plan, "into.in").capacity, 2u);
}

TEST_F(FlowTest, Flow_DoesWhatTheExplicitGraphDoes) {
  std::vector<int> fluent, explicit_ports;
  Numbers(20).Map("map", [](int i) { return 3 * i; }).Collect("into", fluent);
  Graph& graph = NewGraph();
  auto& numbers = graph.Add("numbers", FromRange(std::views::iota(0, 20)));
  auto& map = graph.Add("map", Map<int>([](int i) { return 3 * i; }));
  auto& into = graph.Add("into", Collect<int>(explicit_ports));
  graph.Connect(numbers.out, map.in);
  graph.Connect(map.out, into.in);
  EXPECT_EQ(ToJson(RunToEnd(Simulated(3), graph_)), ToJson(RunToEnd(Simulated(3), graph)));
  EXPECT_EQ(fluent, explicit_ports);
}

TEST_F(FlowTest, ToAndVia_JoinStagesOfOnesOwn) {
  std::vector<int> into;
  auto twice =
      std::make_unique<ProbeStage<int, int>>([](Context&, In<int>& in, Out<int>& out) -> Task<> {
        while (auto item = co_await in.Receive()) {
          for (int n = 0; n < 2; ++n) {
            int copy = *item;
            auto send = out.Send(copy);
            absl::Status sent = co_await send;
            if (!sent.ok()) co_return sent;
          }
        }
        co_return in.status();
      });
  auto& sink = graph_.Add("sink", Collect<int>(into));
  Numbers(3).Via("twice", std::move(twice), {.capacity = 1}).To(sink.in, {.capacity = 3});
  EXPECT_TRUE(RunToEnd(Simulated(), graph_).ok());
  EXPECT_EQ(into, (std::vector<int>{0, 0, 1, 1, 2, 2}));
}

TEST_F(FlowTest, EveryStep_InOneGraph) {
  std::vector<std::pair<int, std::vector<int>>> into;
  std::vector<int> odd;
  auto halves = Numbers(40).Partition("partition", 2, [](int i) { return i % 2; });
  halves[1].Collect("odd", odd);
  auto copies = halves[0].Broadcast("broadcast", 2);
  auto batches = copies[0].Skip("skip", 2).Take("take", 9).Batch("batch", 2);
  copies[1]
      .Tap("tap", [](int) {})
      .FlatMap("flat_map", [](int i) { return std::vector<int>{i}; })
      .Scan("scan", 0, [](int sum, int i) { return sum + i; })
      .Zip("zip", batches)
      .Collect("into", into);
  Report report = RunToEnd(Threaded(2), graph_);
  EXPECT_TRUE(report.ok()) << report.status;
  EXPECT_EQ(odd.size(), 20u);
  ASSERT_EQ(into.size(), 5u);
  EXPECT_EQ(into[4], (std::pair<int, std::vector<int>>(0 + 2 + 4 + 6 + 8, {20})));
}

// A std::vector<bool> gives stand-ins for its elements, and has no array of them.
TEST_F(FlowTest, EveryStep_CarriesBools) {
  const std::vector<bool> bits = {true, false, false, true, true, false, true};
  std::vector<bool> same, others, both, into, from_range;
  std::vector<std::vector<bool>> groups;
  std::vector<std::pair<bool, bool>> pairs;
  auto copies = From(graph_, "vector", FromVector(bits)).Broadcast("broadcast", 4);
  copies[0].Collect("same", same);
  auto halves = copies[1].Partition("partition", 2, [](bool bit) { return bit ? 1 : 0; });
  halves[1].Concat("concat", halves[0]).Collect("both", both);
  copies[2].Batch("batch", 3).Collect("groups", groups, {.bytes = 1});
  copies[3]
      .Map("not", [](bool bit) { return !bit; })
      .Filter("all", [](bool) { return true; })
      .FlatMap("twice", [](bool bit) { return std::vector<bool>{bit, !bit}; })
      .Tap("tap", [](bool) {})
      .Scan("scan", false, [](bool, bool bit) { return bit; })
      .Skip("skip", 1)
      .Take("take", 6)
      .Merge("merge")
      .Collect("into", into);
  From(graph_, "range", FromRange(bits)).Collect("from_range", from_range);
  From(graph_, "left", FromVector(bits))
      .Zip("zip", From(graph_, "right", FromVector(bits)))
      .Collect("pairs", pairs);
  Report report = RunToEnd(Simulated(), graph_);
  EXPECT_TRUE(report.ok()) << report.status;
  EXPECT_EQ(same, bits);
  EXPECT_EQ(from_range, bits);
  EXPECT_EQ(both, (std::vector<bool>{true, true, true, true, false, false, false}));
  EXPECT_EQ(groups,
            (std::vector<std::vector<bool>>{{true, false, false}, {true, true, false}, {true}}));
  EXPECT_EQ(into, (std::vector<bool>{true, true, false, true, false, false}));
  ASSERT_EQ(pairs.size(), bits.size());
  EXPECT_EQ(pairs[3], (std::pair<bool, bool>(true, true)));
}

// One that remembers what it has seen would lose or double items, were it made several times.
TEST_F(FlowTest, SeveralWorkers_AreForStagesThatRememberNothing) {
  const auto may_have = [](const auto& stage) { return !stage->traits().one_worker; };
  const auto add = [](int a, int b) { return a + b; };
  const auto same = [](int i) { return i; };
  std::vector<int> into;
  EXPECT_TRUE(may_have(Map<int>(same)));
  EXPECT_TRUE(may_have(Filter<int>([](int) { return true; })));
  EXPECT_TRUE(may_have(FlatMap<int>([](int i) { return std::vector<int>{i}; })));
  EXPECT_TRUE(may_have(Tap<int>([](int) {})));
  EXPECT_TRUE(may_have(Merge<int>()));
  EXPECT_TRUE(may_have(ForEach<int>([](int) {})));
  EXPECT_TRUE(may_have(Ignore<int>()));
  EXPECT_TRUE(may_have(Broadcast<int>(2)));
  EXPECT_TRUE(may_have(Partition<int>(2, same)));
  EXPECT_FALSE(may_have(Scan<int>(0, add)));
  EXPECT_FALSE(may_have(Reduce<int>(0, add)));
  EXPECT_FALSE(may_have(Batch<int>(2)));
  EXPECT_FALSE(may_have(Take<int>(2)));
  EXPECT_FALSE(may_have(Skip<int>(2)));
  EXPECT_FALSE(may_have(Collect(into)));
  EXPECT_FALSE(may_have(Zip<int, int>()));
  EXPECT_FALSE(may_have(Concat<int>(2)));
  EXPECT_FALSE(may_have(FromVector(into)));
  EXPECT_FALSE(may_have(FromRange(std::views::iota(0, 2))));
  EXPECT_FALSE(may_have(Generate([]() -> std::optional<int> { return std::nullopt; })));
}

}  // namespace
}  // namespace weir::testing
