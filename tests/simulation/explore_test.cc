#include "weir/explore.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <memory>
#include <numeric>
#include <optional>
#include <ranges>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"

namespace weir {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Not;

// Something of everything, and nothing wrong.
void Squares(Trial& trial) {
  std::vector<int> got;
  Graph graph("squares");
  From(graph, "numbers", FromRange(std::views::iota(0, 20)))
      .Map("square", [](int n) { return n * n; }, {.workers = 2, .capacity = 2})
      .Map("call", [](int n) { return n; }, {.blocking = true})
      .Collect("collect", got);
  const Report report = trial.Run(graph);
  trial.Expect(!report.ok() || report.drained || got.size() == 20, "all squares");
}

TEST(ExploreTest, WhatIsRight_Passes) {
  const Exploration found = Explore({.seeds = 200}, Squares);
  EXPECT_TRUE(found.ok()) << found;
  EXPECT_EQ(found.schedules, 200u);
  EXPECT_EQ(found.ToString(), "200 schedules, no failure");
}

TEST(ExploreTest, WhatIsRight_PassesWithFaultsToo) {
  const Exploration found = Explore({.seeds = 5000, .faults = true}, Squares);
  EXPECT_TRUE(found.ok()) << found;
}

TEST(ExploreTest, ASplit_PassesWithFaults) {
  const Exploration found = Explore({.seeds = 5000, .faults = true}, [](Trial& trial) {
    std::vector<std::pair<int, int>> got;
    Graph graph("diamond");
    auto sides = From(graph, "numbers", FromRange(std::views::iota(0, 30)))
                     .Broadcast("both", 2, {.capacity = 2});
    auto left = sides[0].Batch("batch", 3);
    auto right = sides[1].Filter("odd", [](int n) { return n % 2 == 1; }, {.workers = 2});
    std::vector<int> odd;
    left.Ignore("ignore");
    right.Collect("collect", odd);
    trial.Run(graph);
  });
  EXPECT_TRUE(found.ok()) << found;
}

TEST(ExploreTest, ChannelsBoundedByBytes_PassWithFaults) {
  const Exploration found = Explore({.seeds = 5000, .faults = true}, [](Trial& trial) {
    Graph graph("texts");
    From(graph, "numbers", FromRange(std::views::iota(0, 60)))
        .Map("text", [](int n) { return std::string(n, 'x'); }, {.workers = 2})
        .Filter("long", [](const std::string& text) { return text.size() > 3; }, {.bytes = 200})
        .Ignore("ignore", {.capacity = 3, .bytes = 100});
    trial.Run(graph);
  });
  EXPECT_TRUE(found.ok()) << found;
}

// Two that add to a number which each reads before it waits, and writes after that: the classic lost update.
void LostUpdate(Trial& trial) {
  class Adder final : public Stage {
   public:
    explicit Adder(int& total) : total_(total) {}
    Task<> Work(Context& context) override {
      for (int i = 0; i < 5; ++i) {
        const int read = total_;
        auto yield = context.Yield();
        // Nobody else is expected here.
        if (i == 3) co_await yield;
        total_ = read + 1;
        auto sleep = context.Sleep(absl::Microseconds(10));
        absl::Status slept = co_await sleep;
        if (!slept.ok()) co_return slept;
      }
      co_return absl::OkStatus();
    }

   private:
    int& total_;
  };
  int total = 0;
  Graph graph("adders");
  graph.Add<Adder>("left", total);
  graph.Add<Adder>("right", total);
  const Report report = trial.Run(graph);
  trial.Expect(!report.ok() || report.drained || total == 10,
               absl::StrCat("10 were added, and there are ", total));
}

TEST(ExploreTest, ABug_IsFound_Shortened_AndReplayed) {
  const Exploration found = Explore({.seeds = 1000}, LostUpdate);
  ASSERT_FALSE(found.ok());
  const Failure& failure = *found.failure;
  EXPECT_THAT(failure.what, HasSubstr("10 were added, and there are"));
  EXPECT_THAT(failure.trace, HasSubstr("run left#0"));
  EXPECT_THAT(found.ToString(), HasSubstr(absl::StrCat("with the choices ", failure.choices)));
  const auto choices = ParseChoices(failure.choices);
  ASSERT_TRUE(choices.ok());
  EXPECT_LE(choices->size(), 20u) << failure.choices;

  const Exploration again = Explore({.choices = failure.choices}, LostUpdate);
  ASSERT_FALSE(again.ok());
  EXPECT_EQ(again.schedules, 1u);
  EXPECT_EQ(again.failure->what, failure.what);
  EXPECT_EQ(again.failure->trace, failure.trace);

  const Exploration by_seed =
      Explore({.seeds = 1, .first_seed = *failure.seed, .shrinking_steps = 0}, LostUpdate);
  EXPECT_FALSE(by_seed.ok());
}

TEST(ExploreTest, ABugThatTakesAFault_IsFound_AndTheFaultNamed) {
  // Forgets its buffer when it is thrown out of its loop, and commits regardless.
  class Commits final : public Stage {
   public:
    In<int> in{this, "in"};
    explicit Commits(std::optional<std::vector<int>>& into) : into_(into) {}
    Task<> Work(Context&) override {
      std::vector<int> items;
      try {
        while (auto item = co_await in.Receive()) items.push_back(*item);
      } catch (const std::exception&) {
        // "Cannot happen."
      }
      into_ = std::move(items);
      co_return absl::OkStatus();
    }

   private:
    std::optional<std::vector<int>>& into_;
  };
  const auto body = [](Trial& trial) {
    std::optional<std::vector<int>> committed;
    Graph graph("commits");
    auto& commits = graph.Add<Commits>("commits", committed);
    From(graph, "numbers", FromRange(std::views::iota(0, 10))).To(commits.in, {.capacity = 2});
    const Report report = trial.Run(graph);
    trial.Expect(!report.ok() || report.drained || committed->size() == 10,
                 "a cut-off input was committed");
  };
  EXPECT_TRUE(Explore({.seeds = 300}, body).ok());
  const Exploration found = Explore({.seeds = 3000, .faults = true}, body);
  ASSERT_FALSE(found.ok());
  ASSERT_EQ(found.failure->faults.size(), 1u);
  EXPECT_THAT(found.failure->faults[0], HasSubstr("in commits#0"));
  EXPECT_THAT(found.ToString(), HasSubstr("the simulator "));
}

TEST(ExploreTest, WhatGoesRoundInCircles_IsEnded) {
  const Exploration found = Explore({.seeds = 3, .most_steps = 2000}, [](Trial& trial) {
    class Spins final : public Stage {
      Task<> Work(Context& context) override {
        while (!context.cancelled()) co_await context.Yield();
        co_return absl::CancelledError("");
      }
    };
    Graph graph("spins");
    graph.Add<Spins>("spins");
    trial.Run(graph);
  });
  ASSERT_FALSE(found.ok());
  EXPECT_THAT(found.failure->what, HasSubstr("not over after 2000 steps"));
}

TEST(ExploreTest, WhatIsNotDecidedByTheEngine_IsTold) {
  int calls = 0;
  const Exploration found = Explore({.seeds = 100}, [&](Trial& trial) {
    Graph graph("differs");
    From(graph, "numbers", FromRange(std::views::iota(0, 100 * ++calls))).Ignore("ignore");
    trial.Run(graph);
  });
  ASSERT_FALSE(found.ok());
  EXPECT_THAT(found.failure->what, HasSubstr("not decided by the engine"));
}

TEST(ExploreTest, AnExceptionOfTheTrial_IsAFailure) {
  const Exploration found =
      Explore({.seeds = 2}, [](Trial&) { throw std::runtime_error("no such file"); });
  ASSERT_FALSE(found.ok());
  EXPECT_THAT(found.failure->what, HasSubstr("no such file"));
}

TEST(ExploreTest, GoOn_EndsIt) {
  std::vector<uint64_t> told;
  ExploreOptions options;
  options.go_on = [&](uint64_t schedules) {
    told.push_back(schedules);
    return schedules < 2;
  };
  EXPECT_EQ(Explore(options, Squares).schedules, 2u);
  EXPECT_THAT(told, ElementsAre(0, 1, 2));
}

TEST(ExploreTest, ATrialMayDriveItsRunItself) {
  const Exploration found = Explore({.seeds = 200}, [](Trial& trial) {
    Graph graph("driven");
    auto& input = graph.Add<Input<int>>("input");
    auto& output = graph.Add<Output<int>>("output");
    Flow(graph, input.out).Map("twice", [](int n) { return 2 * n; }).To(output.in);
    weir::Run run(trial.engine(), graph);
    for (int n : {1, 2, 3}) {
      trial.Expect(input.Send(n).ok(), "sent");
      const absl::StatusOr<int> twice = output.Receive();
      trial.Expect(twice.ok() && *twice == 2 * n, "received");
    }
    input.Close();
    trial.Expect(absl::IsOutOfRange(output.Receive().status()), "the end");
    trial.Check(run.Wait());
  });
  EXPECT_TRUE(found.ok()) << found;
}

TEST(ExploreTest, ARefusedGraph_IsAFailure) {
  const Exploration found = Explore({.seeds = 2}, [](Trial& trial) {
    Graph graph("empty");
    trial.Run(graph);
  });
  ASSERT_FALSE(found.ok());
  EXPECT_THAT(found.failure->what, HasSubstr("cannot run"));
}

TEST(ExploreTest, Choices_AreWrittenShort_AndRead) {
  const std::vector<uint32_t> choices = {2, 0, 0, 0, 1, 1, 7};
  EXPECT_EQ(FormatChoices(choices), "2,0*3,1*2,7");
  EXPECT_EQ(*ParseChoices("2,0*3,1*2,7"), choices);
  EXPECT_EQ(FormatChoices({}), "0");
  for (const char* wrong :
       {"", "1,,2", "x", "1*", "*2", "-1", "1*2*3", "1*999999999999", "4294967296"})
    EXPECT_FALSE(ParseChoices(wrong).ok()) << wrong;
  EXPECT_THAT(Explore({.choices = "1;2"}, Squares).ToString(), HasSubstr("'1;2' is no choice"));
}

}  // namespace
}  // namespace weir
