#include "weir/core/graph.h"

#include <gmock/gmock.h>

#include <memory>
#include <string>
#include <vector>

#include "weir/testing.h"

namespace weir::testing {
namespace {

using ::testing::HasSubstr;
using Names = std::vector<std::string>;

// Stages with ports and nothing to do.
class Origin final : public Stage {
 public:
  Out<int> out{this, "out"};
  Task<> Work(Context&) override { co_return absl::OkStatus(); }
};
class Pass final : public Stage {
 public:
  In<int> in{this, "in"};
  Out<int> out{this, "out"};
  Task<> Work(Context&) override { co_return absl::OkStatus(); }
};
class Meet final : public Stage {
 public:
  In<int> a{this, "a"};
  In<int> b{this, "b"};
  Out<int> out{this, "out"};
  Task<> Work(Context&) override { co_return absl::OkStatus(); }
};
class End final : public Stage {
 public:
  In<int> in{this, "in"};
  Task<> Work(Context&) override { co_return absl::OkStatus(); }
};

class GraphTest : public WeirTest {
 protected:
  std::string Message() {
    const absl::Status status = graph_.Check();
    EXPECT_TRUE(absl::IsInvalidArgument(status)) << status;
    Report report = RunToEnd(Simulated(), graph_);
    EXPECT_EQ(report.status, status) << "a Run refuses what Check refuses";
    return std::string(status.message());
  }
  Names Order() {
    Names names;
    for (const Stage* stage : graph_.TopologicalOrder()) names.push_back(stage->name());
    return names;
  }
  Graph& graph_ = NewGraph("plan");
};

TEST_F(GraphTest, Check_WhatCanWork_IsOk) {
  auto& origin = graph_.Add<Origin>("origin");
  auto& end = graph_.Add<End>("end");
  graph_.Connect(origin.out, end.in, {.capacity = 7});
  EXPECT_TRUE(graph_.Check().ok()) << graph_.Check();
  EXPECT_EQ(origin.name(), "origin");
  EXPECT_EQ(origin.kind(), "Origin");
}

TEST_F(GraphTest, Check_Empty_HasNoSource) {
  EXPECT_EQ(
      Message(),
      "graph 'plan' cannot run: it has no source: add a stage without inputs, and connect it");
}

TEST_F(GraphTest, Check_UnconnectedPorts_AreNamed) {
  graph_.Add<Pass>("alone");
  EXPECT_EQ(Message(),
            "graph 'plan' cannot run: input 'alone.in' is not connected; connect an Out to it; "
            "output 'alone.out' is not "
            "connected; connect it to an In (of an Ignore stage, if its items are not wanted)");
}

TEST_F(GraphTest, Check_DuplicateName_IsNamed) {
  graph_.Connect(graph_.Add<Origin>("same").out, graph_.Add<End>("same").in);
  EXPECT_EQ(Message(), "graph 'plan' cannot run: two stages are named 'same'; rename one");
}

TEST_F(GraphTest, Check_EmptyName) {
  graph_.Connect(graph_.Add<Origin>("").out, graph_.Add<End>("end").in);
  EXPECT_THAT(Message(), HasSubstr("a stage has an empty name; give it one"));
}

TEST_F(GraphTest, Check_OutConnectedTwice) {
  auto& origin = graph_.Add<Origin>("origin");
  graph_.Connect(origin.out, graph_.Add<End>("left").in);
  graph_.Connect(origin.out, graph_.Add<End>("right").in);
  EXPECT_THAT(Message(),
              HasSubstr("output 'origin.out' is connected 2 times; put a Broadcast behind it"));
}

TEST_F(GraphTest, Check_Cycle_IsSpelledOut) {
  auto& origin = graph_.Add<Origin>("origin");
  auto& meet = graph_.Add<Meet>("meet");
  auto& pass = graph_.Add<Pass>("pass");
  graph_.Connect(origin.out, meet.a);
  graph_.Connect(meet.out, pass.in);
  graph_.Connect(pass.out, meet.b);
  const std::string message = Message();
  EXPECT_THAT(message, HasSubstr("it has a cycle: "));
  EXPECT_THAT(message, ::testing::AnyOf(HasSubstr("meet -> pass -> meet"),
                                        HasSubstr("pass -> meet -> pass")));
  EXPECT_THAT(message, HasSubstr("{.feedback = true}"));
}

TEST_F(GraphTest, Check_StageConnectedToItself_IsACycle) {
  auto& pass = graph_.Add<Pass>("pass");
  graph_.Connect(pass.out, pass.in);
  EXPECT_THAT(Message(), HasSubstr("it has a cycle: pass -> pass"));
}

TEST_F(GraphTest, Check_CycleWithADeclaredBackEdge_IsOk) {
  auto& origin = graph_.Add<Origin>("origin");
  auto& meet = graph_.Add<Meet>("meet");
  auto& pass = graph_.Add<Pass>("pass");
  graph_.Connect(origin.out, meet.a);
  graph_.Connect(meet.out, pass.in);
  graph_.Connect(pass.out, meet.b, {.feedback = true});
  EXPECT_TRUE(graph_.Check().ok()) << graph_.Check();
  EXPECT_EQ(Order(), (Names{"origin", "meet", "pass"}));
  ASSERT_EQ(graph_.Loops().size(), 1u);
  EXPECT_EQ(graph_.Loops()[0], (std::vector<Stage*>{&meet, &pass}));
}

TEST_F(GraphTest, Check_FeedbackThatClosesNoLoop_IsRefused) {
  graph_.Connect(graph_.Add<Origin>("origin").out, graph_.Add<End>("end").in, {.feedback = true});
  EXPECT_THAT(
      Message(),
      HasSubstr(
          "the channel from 'origin.out' to 'end.in' is marked as feedback but closes no loop"));
}

TEST_F(GraphTest, Check_CapacityOfZero) {
  graph_.Connect(graph_.Add<Origin>("origin").out, graph_.Add<End>("end").in, {.capacity = 0});
  EXPECT_EQ(Message(),
            "graph 'plan' cannot run: the channel from 'origin.out' to 'end.in' has capacity 0; it "
            "needs at least 1");
}

TEST_F(GraphTest, Check_TwoCapacitiesForOneChannel) {
  auto& end = graph_.Add<End>("end");
  graph_.Connect(graph_.Add<Origin>("a").out, end.in, {.capacity = 3});
  graph_.Connect(graph_.Add<Origin>("b").out, end.in, {.capacity = 4});
  EXPECT_EQ(Message(),
            "graph 'plan' cannot run: the channel into 'end.in' is given two capacities, 3 and 4; "
            "give it one");
}

TEST_F(GraphTest, Check_SharedChannel_OneGivesTheCapacity) {
  auto& end = graph_.Add<End>("end");
  graph_.Connect(graph_.Add<Origin>("a").out, end.in);
  graph_.Connect(graph_.Add<Origin>("b").out, end.in, {.capacity = 4});
  graph_.Connect(graph_.Add<Origin>("c").out, end.in, {.capacity = 4});
  EXPECT_TRUE(graph_.Check().ok());
  ASSERT_EQ(graph_.Channels().size(), 1u);
  EXPECT_EQ(graph_.Channels()[0].capacity, 4u);
  EXPECT_EQ(graph_.Channels()[0].outs.size(), 3u);
}

TEST_F(GraphTest, Check_WorkersNotPositive) {
  auto& origin = graph_.Add<Origin>("origin");
  origin.set_workers(0);
  graph_.Connect(origin.out, graph_.Add<End>("end").in);
  EXPECT_EQ(Message(),
            "graph 'plan' cannot run: stage 'origin' has 0 workers; it needs at least 1");
}

TEST_F(GraphTest, Check_WorkersOfAStageThatCannotBeShared) {
  class Total final : public Stage {
   public:
    In<int> in{this, "in"};
    StageTraits traits() const override { return {.one_worker = true}; }
    std::string kind() const override { return "Total"; }
    Task<> Work(Context&) override { co_return absl::OkStatus(); }
  };
  auto& total = graph_.Add<Total>("total");
  graph_.Connect(graph_.Add<Origin>("origin").out, total.in);
  EXPECT_TRUE(graph_.Check().ok());
  total.set_workers(3);
  EXPECT_EQ(Message(),
            "graph 'plan' cannot run: stage 'total' has 3 workers, who cannot share what a Total "
            "does; give it 1");
}

TEST_F(GraphTest, Check_StageOfAnotherGraph) {
  Graph& other = NewGraph("other");
  auto& foreign = other.Add<End>("foreign");
  graph_.Connect(graph_.Add<Origin>("origin").out, foreign.in);
  EXPECT_THAT(Message(),
              HasSubstr("port 'foreign.in' belongs to a stage that was not added to it"));
}

TEST_F(GraphTest, Check_TellsAllFaultsAtOnce) {
  graph_.Add<Pass>("same").set_workers(-1);
  graph_.Add<End>("same");
  const std::string message = Message();
  for (const char* part :
       {"two stages are named 'same'", "has -1 workers", "input 'same.in' is not connected",
        "output 'same.out' is not connected"}) {
    EXPECT_THAT(message, HasSubstr(part));
  }
}

TEST_F(GraphTest, TopologicalOrder_SourcesFirst_TiesInTheOrderOfAddition) {
  // Added back to front, and a diamond.
  auto& end = graph_.Add<End>("end");
  auto& meet = graph_.Add<Meet>("meet");
  auto& right = graph_.Add<Pass>("right");
  auto& left = graph_.Add<Pass>("left");
  auto& b = graph_.Add<Origin>("b");
  auto& a = graph_.Add<Origin>("a");
  graph_.Connect(a.out, left.in);
  graph_.Connect(b.out, right.in);
  graph_.Connect(left.out, meet.a);
  graph_.Connect(right.out, meet.b);
  graph_.Connect(meet.out, end.in);
  EXPECT_EQ(Order(), (Names{"b", "right", "a", "left", "meet", "end"}));
}

TEST_F(GraphTest, Channels_AreInTheOrderOfTheStagesThatTheyFeed) {
  auto& end = graph_.Add<End>("end");
  auto& meet = graph_.Add<Meet>("meet");
  auto& a = graph_.Add<Origin>("a");
  auto& b = graph_.Add<Origin>("b");
  graph_.Connect(meet.out, end.in);
  graph_.Connect(b.out, meet.b);
  graph_.Connect(a.out, meet.a);
  Names names;
  for (const Graph::Channel& channel : graph_.Channels()) names.push_back(channel.in->FullName());
  EXPECT_EQ(names, (Names{"meet.a", "meet.b", "end.in"}));
  EXPECT_EQ(graph_.Channels()[0].capacity, Graph::kDefaultCapacity);
}

TEST_F(GraphTest, SetCapacity_ReplacesWhatAllConnectsGave) {
  auto& end = graph_.Add<End>("end");
  graph_.Connect(graph_.Add<Origin>("a").out, end.in, {.capacity = 2});
  graph_.Connect(graph_.Add<Origin>("b").out, end.in);
  EXPECT_TRUE(graph_.SetCapacity("end.in", 4).ok());
  EXPECT_TRUE(graph_.SetBytes("end.in", 100).ok());
  EXPECT_TRUE(graph_.Check().ok()) << graph_.Check();
  EXPECT_EQ(graph_.Channels()[0].capacity, 4u);
  EXPECT_EQ(graph_.Channels()[0].bytes, 100u);
}

TEST_F(GraphTest, SetCapacity_OfNoSuchInput_IsNotFound) {
  const absl::Status set = graph_.SetCapacity("end.im", 4);
  EXPECT_TRUE(absl::IsNotFound(set)) << set;
  EXPECT_THAT(std::string(set.message()), HasSubstr("'plan' has no channel into 'end.im'"));
}

TEST_F(GraphTest, HugeChain_IsCheckedAndTornDownWithoutRecursion) {
  Out<int>* last = &graph_.Add<Origin>("origin").out;
  for (int i = 0; i < 100'000; ++i) {
    auto& pass = graph_.Add<Pass>("pass" + std::to_string(i));
    graph_.Connect(*last, pass.in);
    last = &pass.out;
  }
  graph_.Connect(*last, graph_.Add<End>("end").in);
  EXPECT_TRUE(graph_.Check().ok());
  EXPECT_TRUE(RunToEnd(Threaded(), graph_).ok());
}

// --- What may go wrong ---

class GraphWarningsTest : public WeirTest {
 protected:
  Graph graph_{"warned"};
  Flow<int> Numbers() { return From(graph_, "numbers", FromVector<int>({1, 2, 3})); }
};

TEST_F(GraphWarningsTest, PathsThatPartAndMeet_OneFilters) {
  auto sides = Numbers().Broadcast("split", 2);
  auto odd = sides[0].Filter("odd", [](int n) { return n % 2 == 1; });
  odd.Zip("pair", sides[1].Map("same", [](int n) { return n; })).Ignore("ignore");
  EXPECT_EQ(
      graph_.Warnings(),
      Names{"paths part at 'split' and meet at 'pair', and one may carry fewer or more items "
            "than the other: if 'pair' takes them in step, it wedges once the channels of the "
            "longer are full; give them capacity for the difference, or let each item have its "
            "counterpart"});
}

TEST_F(GraphWarningsTest, PathsThatPartAndMeet_InStep_IsFine) {
  auto sides = Numbers().Broadcast("split", 2);
  auto more = sides[0].Map("more", [](int n) { return n + 1; });
  more.Zip("pair", sides[1].Map("same", [](int n) { return n; })).Ignore("ignore");
  EXPECT_EQ(graph_.Warnings(), Names());
}

TEST_F(GraphWarningsTest, PathsThatPartAndMeet_OneAfterTheOther) {
  auto sides = Numbers().Broadcast("split", 2);
  sides[0].Concat("all", sides[1]).Ignore("ignore");
  EXPECT_EQ(graph_.Warnings(),
            Names{"'all' takes all of 'all.in0' before 'all.in1', and both come from 'split': it "
                  "wedges once the channels to the second are full"});
}

TEST_F(GraphWarningsTest, SourcesOfTheirOwn_MayBeFiltered) {
  auto odd = Numbers().Filter("odd", [](int n) { return n % 2 == 1; });
  odd.Zip("pair", From(graph_, "others", FromVector<int>({4, 5}))).Ignore("ignore");
  EXPECT_EQ(graph_.Warnings(), Names());
}

TEST_F(GraphWarningsTest, Loop_IsWalkedOnce) {
  auto sides = Numbers().Broadcast("split", 2);
  auto& meet = graph_.Add<Meet>("meet");
  sides[0].Filter("some", [](int n) { return n > 1; }).To(meet.a);
  sides[1].To(meet.b);
  auto again = Flow(graph_, meet.out).Broadcast("again", 2);
  again[0].Map("back", [](int n) { return n; }).To(meet.a, {.feedback = true});
  again[1].Ignore("ignore");
  EXPECT_EQ(graph_.Warnings().size(), 1u);
}

TEST_F(GraphWarningsTest, BatchLargerThanItsChannel) {
  Numbers().Batch("batch", 100, {.capacity = 10}).Ignore("ignore");
  EXPECT_EQ(
      graph_.Warnings(),
      Names{"'batch' gathers 100 items, and the channel into 'batch.in' holds 10: who sends to "
            "it stops in the middle of each batch; give it capacity 100"});
}

TEST_F(GraphWarningsTest, MoreBlockingWorksThanThreads) {
  Numbers()
      .Map("read", [](int n) { return n; }, {.workers = 3, .blocking = true})
      .ForEach("write", [](int) {}, {.blocking = true});
  EXPECT_EQ(graph_.Warnings(/*blocking_threads=*/5), Names());
  EXPECT_EQ(
      graph_.Warnings(/*blocking_threads=*/4),
      Names{"4 Works make calls that block (of read, write), and there are 4 threads for such "
            "calls: the calls of one may wait for those of another; give the engine more "
            "blocking_threads"});
}

}  // namespace
}  // namespace weir::testing
