// Stages end as soon as they can give nothing more: because nobody wants more, or because what they
// need has ended. Nothing here ends by itself: each graph has a source that is silent for ever
// after its first items.
#include <atomic>
#include <functional>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "weir/testing.h"

namespace weir::testing {
namespace {

class UnwantedTest : public EveryEngineTest {
 protected:
  // Sends `count` items, and sleeps then without end: until it is woken.
  Flow<int> Silent(Graph& graph, std::string_view name, int count) {
    auto& source = graph.Add<ProbeSource<int>>(
        name, [count, this](Context& context, Out<int>& out) -> Task<> {
          for (int i = 0; i < count; ++i) {
            auto send = out.Send(i);
            absl::Status sent = co_await send;
            if (!sent.ok()) co_return sent;
          }
          while (!context.draining()) {
            auto sleep = context.Sleep(absl::InfiniteDuration());
            absl::Status slept = co_await sleep;
            if (!slept.ok()) co_return slept;
          }
          woken_.fetch_add(1);
          co_return absl::OkStatus();
        });
    return Flow<int>(graph, source.out);
  }
  // Runs the graph in which `step` stands between a silent source and one that takes a single item.
  void RunWith(const std::string& name, const std::function<Flow<int>(Flow<int>)>& step) {
    SCOPED_TRACE(name);
    Graph& graph = NewGraph();
    std::vector<int> into;
    step(Silent(graph, "silent", 3)).Take("take", 1).Collect("into", into);
    const Report report = RunToEnd(engine(), graph);
    EXPECT_TRUE(report.ok()) << report.status;
    EXPECT_EQ(into.size(), 1u);
  }
  std::atomic<int> woken_{0};
};
WEIR_ON_EVERY_ENGINE(UnwantedTest);

TEST_P(UnwantedTest, ASourceThatSleeps_IsWoken) {
  RunWith("nothing", [](Flow<int> flow) { return flow; });
  EXPECT_EQ(woken_, 1);
}

TEST_P(UnwantedTest, StagesThatWaitForASourceThatSleeps_End) {
  const auto same = [](int i) { return i; };
  RunWith("Map", [&](Flow<int> flow) { return flow.Map("step", same); });
  RunWith("Map, not fused",
          [&](Flow<int> flow) { return flow.Map("step", same, {.fuse = false}); });
  RunWith("Map, workers", [&](Flow<int> flow) {
    return flow.Map("step", same, {.workers = 3, .capacity = 2});
  });
  RunWith("Map, unordered",
          [&](Flow<int> flow) { return flow.Map("step", same, {.workers = 3, .ordered = false}); });
  RunWith("Map, blocking",
          [&](Flow<int> flow) { return flow.Map("step", same, {.blocking = true}); });
  RunWith("Filter", [](Flow<int> flow) { return flow.Filter("step", [](int) { return true; }); });
  RunWith("FlatMap", [](Flow<int> flow) {
    return flow.FlatMap("step", [](int i) { return std::vector<int>(i + 1, i); });
  });
  RunWith("Tap", [](Flow<int> flow) { return flow.Tap("step", [](int) {}); });
  RunWith("Scan", [](Flow<int> flow) {
    return flow.Scan("step", 0, [](int a, int b) { return a + b; });
  });
  RunWith("Skip", [](Flow<int> flow) { return flow.Skip("step", 1); });
  RunWith("Take", [](Flow<int> flow) { return flow.Take("step", 100); });
  RunWith("Batch", [](Flow<int> flow) {
    return flow.Batch("step", 2).Map("first", [](const std::vector<int>& v) { return v[0]; });
  });
  RunWith("Broadcast", [](Flow<int> flow) {
    auto flows = flow.Broadcast("step", 2);
    flows[1].Take("also", 1).Ignore("ignore");
    return flows[0];
  });
  RunWith("Partition", [](Flow<int> flow) {
    auto flows = flow.Partition("step", 2, [](int i) { return i % 2; });
    flows[1].Take("also", 1).Ignore("ignore");
    return flows[0];
  });
  RunWith("a row", [&](Flow<int> flow) {
    for (int i = 0; i < 5; ++i) flow = flow.Map("step" + std::to_string(i), same);
    return flow;
  });
}

TEST_P(UnwantedTest, JoinsOfSourcesThatSleep_End) {
  Graph* graph = nullptr;
  const auto with_another = [&](const std::string& name, auto join) {
    SCOPED_TRACE(name);
    graph = &NewGraph();
    std::vector<int> into;
    join(Silent(*graph, "silent", 3), Silent(*graph, "other", 3))
        .Take("take", 1)
        .Collect("into", into);
    const Report report = RunToEnd(engine(), *graph);
    EXPECT_TRUE(report.ok()) << report.status;
    EXPECT_EQ(into.size(), 1u);
  };
  with_another("Merge", [](Flow<int> a, Flow<int> b) { return a.Merge("step", b); });
  with_another("Concat", [](Flow<int> a, Flow<int> b) { return a.Concat("step", b); });
  with_another("Zip", [](Flow<int> a, Flow<int> b) {
    return a.Zip("step", b).Map("sum", [](std::pair<int, int> p) { return p.first + p.second; });
  });
}

TEST_P(UnwantedTest, Zip_EndsAsSoonAsOneInputHas) {
  for (bool tick_is_first : {true, false}) {
    for (int ticks : {1, 3}) {
      Graph& graph = NewGraph();
      auto tick = Silent(graph, "tick", ticks);
      auto one = From(graph, "one", FromVector<int>({7}));
      int pairs = 0;
      (tick_is_first ? tick.Zip("zip", one) : one.Zip("zip", tick))
          .ForEach("into", [&](std::pair<int, int>) { ++pairs; });
      const Report report = RunToEnd(engine(), graph);
      EXPECT_TRUE(report.ok()) << report.status;
      EXPECT_EQ(pairs, 1);
    }
  }
  EXPECT_EQ(woken_, 4);
}

TEST_P(UnwantedTest, TakeOfNothing_WaitsForNothing) {
  Graph& graph = NewGraph();
  std::vector<int> into = {7};
  Silent(graph, "silent", 0).Take("take", 0).Collect("into", into);
  const Report report = RunToEnd(engine(), graph);
  EXPECT_TRUE(report.ok()) << report.status;
  EXPECT_TRUE(into.empty());
}

TEST_P(UnwantedTest, AnInputThatIsNotClosed_Ends) {
  Graph& graph = NewGraph();
  std::vector<int> into;
  auto& input = graph.Add<Input<int>>("input");
  Flow<int>(graph, input.out)
      .Map("map", [](int i) { return i; })
      .Take("take", 1)
      .Collect("into", into);
  Run& run = Start(engine(), graph);
  EXPECT_TRUE(input.Send(7).ok());
  EXPECT_TRUE(Wait(run).ok());
  EXPECT_EQ(into, std::vector<int>{7});
  EXPECT_TRUE(absl::IsOutOfRange(input.Send(8)));
}

// It may do more than what it sends: it ends when it likes.
TEST_P(UnwantedTest, AStageOfOnesOwn_ReceivesAllTheSame) {
  Graph& graph = NewGraph();
  int seen = 0;
  auto& counts = graph.Add<ProbeStage<int, int>>(
      "counts", [&](Context& context, In<int>& in, Out<int>& out) -> Task<> {
        while (auto item = co_await in.Receive()) {
          ++seen;
          auto send = out.Send(*item);
          absl::Status sent = co_await send;
          if (!sent.ok() && !absl::IsOutOfRange(sent)) co_return sent;
          auto sleep = context.Sleep(absl::Microseconds(10));
          absl::Status slept = co_await sleep;
          if (!slept.ok()) co_return slept;
        }
        EXPECT_FALSE(context.draining());
        co_return in.status();
      });
  std::vector<int> numbers(50);
  From(graph, "numbers", FromVector(numbers)).To(counts.in, {.capacity = 2});
  Flow<int>(graph, counts.out).Take("take", 1).Ignore("into");
  const Report report = RunToEnd(engine(), graph);
  EXPECT_TRUE(report.ok()) << report.status;
  EXPECT_EQ(seen, 50);
}

// Only one of its outputs has ended.
TEST_P(UnwantedTest, AStageWhoseOtherOutputIsWanted_GoesOn) {
  Graph& graph = NewGraph();
  std::vector<int> numbers(300), into;
  auto flows = From(graph, "numbers", FromVector(numbers)).Broadcast("broadcast", 2);
  flows[0].Take("take", 0).Ignore("none");
  flows[1].Collect("into", into, {.capacity = 3});
  const Report report = RunToEnd(engine(), graph);
  EXPECT_TRUE(report.ok()) << report.status;
  EXPECT_EQ(into.size(), 300u);
}

}  // namespace
}  // namespace weir::testing
