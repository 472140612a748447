#include "weir/core/describe.h"

#include <gmock/gmock.h>

#include <cstdlib>
#include <cstring>
#include <fstream>
#include <ranges>
#include <string>
#include <vector>

#include "weir/testing.h"

namespace weir::testing {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

class DescribeTest : public WeirTest {
 protected:
  Graph& Example() {
    Graph& graph = NewGraph("example");
    auto other = From(graph, "other", FromVector<int>({7}));
    From(graph, "numbers", FromRange(std::views::iota(0, 10)))
        .Map("double", [](int i) { return 2 * i; }, {.workers = 2, .capacity = 3})
        .Merge("merge", other)
        .Map("text", [](int i) { return std::to_string(i); })
        .Ignore("end", {.capacity = 9});
    return graph;
  }
  // A report with something in every field.
  Report Full() {
    Report report;
    report.graph = "g \"quoted\" \\ <b> \n \xff";
    report.status = absl::DataLossError("half a file");
    report.over = true;
    report.drained = true;
    report.input_cut = true;
    report.errors = {absl::InternalError("one"), absl::CancelledError("")};
    report.more_errors = 3;
    report.elapsed = absl::Milliseconds(1250);
    report.bottleneck = "split: its 2 workers were busy in 90 % of the samples";
    report.stages.push_back({.name = "split",
                             .kind = "FlatMap",
                             .workers = 2,
                             .ended = 1,
                             .outcome = absl::DataLossError("half a file"),
                             .fused_into = "read",
                             .received = 1,
                             .sent = 2,
                             .busy = 3,
                             .starved = 4,
                             .blocked = 5,
                             .waiting = 6});
    ChannelReport& channel = report.channels.emplace_back();
    channel.name = "split.in";
    channel.from = {"read.out", "again.out"};
    channel.feedback = {"again.out"};
    channel.type = "std::vector<std::string>";
    channel.capacity = 64;
    channel.ledger = {.accepted = 10,
                      .received = 1,
                      .unread = 2,
                      .discarded = 3,
                      .queued = 4,
                      .refused = 5,
                      .high_water = 6};
    report.teardown.happened = true;
    report.teardown.unwound = {"read#0", "split#0"};
    report.teardown.ended = {"split#1"};
    report.teardown.overdue = {"slow#0"};
    report.teardown.discarded = {"split.in"};
    report.teardown.works = absl::Microseconds(12);
    report.teardown.discards = absl::Microseconds(3);
    return report;
  }
};

TEST_F(DescribeTest, Describe_GivesThePlan_WithoutFigures) {
  const Report plan = Describe(Example());
  EXPECT_EQ(plan.graph, "example");
  EXPECT_FALSE(plan.over);
  ASSERT_EQ(plan.stages.size(), 6u);
  EXPECT_EQ(plan.stages[2].name, "double");
  EXPECT_EQ(plan.stages[2].kind, "Map");
  EXPECT_EQ(plan.stages[2].workers, 2);
  ASSERT_EQ(plan.channels.size(), 4u);
  EXPECT_EQ(plan.channels[0].name, "double.in");
  EXPECT_EQ(plan.channels[0].capacity, 3u);
  EXPECT_EQ(plan.channels[0].type, "int");
  EXPECT_EQ(plan.channels[1].from, (std::vector<std::string>{"double.out", "other.out"}));
  EXPECT_EQ(plan.channels[3].type, "std::string");
}

TEST_F(DescribeTest, Json_OfAPlan_RoundTrips) {
  const std::string json = ToJson(Describe(Example()));
  absl::StatusOr<Report> read = FromJson(json);
  ASSERT_TRUE(read.ok()) << read.status();
  EXPECT_EQ(ToJson(*read), json);
}

TEST_F(DescribeTest, Json_OfARun_RoundTrips) {
  const std::string json = ToJson(RunToEnd(Simulated(3), Example()));
  absl::StatusOr<Report> read = FromJson(json);
  ASSERT_TRUE(read.ok()) << read.status();
  EXPECT_EQ(ToJson(*read), json);
  EXPECT_TRUE(read->ok());
  EXPECT_TRUE(read->balanced());
}

TEST_F(DescribeTest, Json_EveryField_RoundTrips) {
  const std::string json = ToJson(Full());
  absl::StatusOr<Report> read = FromJson(json);
  ASSERT_TRUE(read.ok()) << read.status();
  EXPECT_EQ(ToJson(*read), json);
  EXPECT_EQ(read->status, absl::DataLossError("half a file"));
  EXPECT_EQ(read->errors, Full().errors);
  EXPECT_EQ(read->elapsed, absl::Milliseconds(1250));
  EXPECT_EQ(read->stages[0].waiting, 6u);
  EXPECT_EQ(read->channels[0].ledger.high_water, 6u);
  EXPECT_EQ(read->channels[0].feedback, std::vector<std::string>{"again.out"});
  EXPECT_EQ(read->teardown.overdue, std::vector<std::string>{"slow#0"});
  EXPECT_EQ(read->teardown.works, absl::Microseconds(12));
}

TEST_F(DescribeTest, Json_HasNoControlCharacters_ThatATerminalWouldObey) {
  Report report;
  report.graph = "esc \x1b del \x7f csi \xc2\x9b nbsp \xc2\xa0 \xc3\xa9";
  const std::string json = ToJson(report);
  EXPECT_THAT(json, HasSubstr("\"esc \\u001b del \\u007f csi \\u009b nbsp \xc2\xa0 \xc3\xa9\""));
  const absl::StatusOr<Report> read = FromJson(json);
  ASSERT_TRUE(read.ok()) << read.status();
  EXPECT_EQ(read->graph, report.graph);
}

TEST_F(DescribeTest, Json_TellsItsVersion) {
  EXPECT_THAT(ToJson(Full()), HasSubstr("\"version\": 1"));
}

TEST_F(DescribeTest, FromJson_OfWhatIsNone_IsInvalidArgument) {
  const std::string good = ToJson(Full());
  std::vector<std::string> bad = {"",
                                  "{",
                                  "[]",
                                  "7",
                                  "null",
                                  "\"text\"",
                                  "{}",
                                  "{\"version\": 2}",
                                  "{\"version\": \"1\"}",
                                  "not json at all",
                                  good + "x",
                                  std::string(10'000, '[')};
  for (size_t cut = 0; cut < good.size(); cut += 37) bad.push_back(good.substr(0, cut));
  for (const std::string& text : bad) {
    const absl::StatusOr<Report> read = FromJson(text);
    EXPECT_TRUE(absl::IsInvalidArgument(read.status())) << text.substr(0, 100);
  }
}

TEST_F(DescribeTest, FromJson_EveryFieldOfTheWrongType_IsInvalidArgumentOrRead) {
  // Replaces one value after the other: nothing may crash.
  const std::string good = ToJson(Full());
  int refused = 0;
  for (size_t at = good.find(": "); at != std::string::npos; at = good.find(": ", at + 1)) {
    for (const char* instead : {"{}", "[1]", "\"text\"", "-1", "1e300", "null"}) {
      const size_t end = good.find_first_of(",\n", at);
      const std::string text = good.substr(0, at + 2) + instead + good.substr(end);
      const absl::StatusOr<Report> read = FromJson(text);
      if (read.ok()) {
        EXPECT_FALSE(ToDot(*read).empty());
      } else {
        EXPECT_TRUE(absl::IsInvalidArgument(read.status()));
        ++refused;
      }
    }
  }
  EXPECT_GT(refused, 100);
}

TEST_F(DescribeTest, FromJson_ANumberThatDoesNotFit_IsNamed) {
  const std::string good = ToJson(Describe(Example()));
  for (const char* wrong : {"1e300", "-1", "1.5", "18446744073709551616"}) {
    std::string text = good;
    const size_t at = text.find("\"capacity\": ") + strlen("\"capacity\": ");
    text.replace(at, text.find_first_of(",\n", at) - at, wrong);
    const absl::StatusOr<Report> read = FromJson(text);
    ASSERT_FALSE(read.ok()) << wrong;
    EXPECT_THAT(std::string(read.status().message()), HasSubstr("is not a whole number in range"));
  }
}

TEST_F(DescribeTest, FromJson_OfANewerVersion_SaysWhich) {
  const absl::StatusOr<Report> read = FromJson("{\"version\": 7}");
  EXPECT_THAT(std::string(read.status().message()),
              HasSubstr("version 7; this program reads version 1"));
}

TEST_F(DescribeTest, Dot_HasNamesTypesAndCapacities) {
  const std::string dot = ToDot(Describe(Example()));
  EXPECT_THAT(dot, HasSubstr("digraph \"example\" {"));
  EXPECT_THAT(dot, HasSubstr("\"double\" [label=<<b>double</b>"));
  EXPECT_THAT(dot, HasSubstr("Map &#215; 2"));
  EXPECT_THAT(dot, HasSubstr("\"numbers\" -> \"double\" [label=<int<br/>capacity 3>"));
  EXPECT_THAT(dot, HasSubstr("\"text\" -> \"end\" [label=<std::string<br/>capacity 9>"));
  EXPECT_THAT(dot, HasSubstr("\"other\" -> \"merge\""));
  EXPECT_THAT(dot, Not(HasSubstr("received"))) << "a plan has no figures";
}

// Control characters and what is no UTF-8 may not stand in an HTML-like label; Graphviz refused the
// whole drawing.
TEST_F(DescribeTest, Dot_OfAnyName_IsDrawnByGraphviz) {
  Report report;
  report.graph = "graph \x1b[31m\xff \xf0\x9f\x98\x80 \n \\ \" <b> &amp; \xef\xbf\xbf";
  for (const char* name : {"\x1b[31mred", "\xff\xfe", "\xc3", "\xe2\x82", "\xf0\x9f\x98\x80",
                           "\xed\xa0\x80", "\xf0\x9f\x91\xa9\xe2\x80\x8d\xf0\x9f\x91\xa7",
                           "\xe2\x9d\xa4\xef\xb8\x8f", "\x01\x7f\xc2\x85", "\xef\xbf\xbe",
                           "tab\tand\nnewline\r", "\xf4\x90\x80\x80", "\xc0\x80", "<&>\"\\"}) {
    StageReport& stage = report.stages.emplace_back();
    stage.name = stage.kind = name;
    ChannelReport& channel = report.channels.emplace_back();
    channel.name = std::string(name) + ".in";
    channel.from = {std::string(name) + ".out"};
    channel.type = name;
  }
  const std::string dot = ToDot(report);
  EXPECT_THAT(dot, HasSubstr("<b>\\x1b[31mred</b>"));
  EXPECT_THAT(dot, HasSubstr("\"\\\\x1b[31mred\" ["));
  EXPECT_THAT(dot, HasSubstr("\xf0\x9f\x98\x80")) << "what Graphviz takes stays as it is";
  for (const char c : dot) EXPECT_TRUE(c == '\n' || static_cast<unsigned char>(c) >= 0x20);
  if (std::system("dot -V >/dev/null 2>&1") != 0) GTEST_SKIP() << "Graphviz is not installed";
  const char* const directory = std::getenv("TEST_TMPDIR");
  const std::string file = std::string(directory != nullptr ? directory : "/tmp") + "/names.dot";
  std::ofstream(file) << dot;
  const std::string command =
      "dot -Tsvg " + file + " 2>&1 >/dev/null | grep -v Pango | grep . ; test $? = 1";
  EXPECT_EQ(std::system(command.c_str()), 0) << "it has warned or failed";
}

TEST_F(DescribeTest, Dot_OfARun_HasItsFigures) {
  const std::string dot = ToDot(RunToEnd(Simulated(3), Example()));
  EXPECT_THAT(dot, HasSubstr("11 in, 11 out"));
  EXPECT_THAT(dot, HasSubstr("11 received, at most"));
}

TEST_F(DescribeTest, Dot_EscapesWhatHtmlAndDotWouldTakeForTheirs) {
  Report report = Full();
  report.stages[0].name = "a \"b\" <c> & d";
  report.channels[0].name = "a \"b\" <c> & d.in";
  const std::string dot = ToDot(report);
  EXPECT_THAT(dot, HasSubstr("\"a \\\"b\\\" <c> & d\" [label=<<b>a \"b\" &lt;c&gt; &amp; d</b>"));
  EXPECT_THAT(dot, HasSubstr("std::vector&lt;std::string&gt;"));
}

// --- report.h ---

TEST_F(DescribeTest, Report_IsOkOnlyOnceOver) {
  Report report;
  EXPECT_FALSE(report.ok());
  report.over = true;
  EXPECT_TRUE(report.ok());
  report.status = absl::AbortedError("");
  EXPECT_FALSE(report.ok());
}

TEST_F(DescribeTest, Report_BalancedIfEveryLedgerIs) {
  Report report = Full();
  EXPECT_TRUE(report.balanced());
  report.channels.emplace_back().ledger.accepted = 1;
  EXPECT_FALSE(report.balanced());
}

TEST_F(DescribeTest, FindBottleneck_NamesTheStageThatIsBusyMost) {
  std::vector<StageReport> stages(3);
  stages[0].name = "fast";
  stages[0].busy = stages[0].starved = 10;
  stages[0].blocked = 80;
  stages[1].name = "slow";
  stages[1].workers = 2;
  stages[1].busy = 95;
  stages[1].starved = 5;
  stages[2].name = "few";
  stages[2].busy = 3;  // of three samples, which say nothing
  EXPECT_EQ(internal::FindBottleneck(stages),
            "slow: its 2 workers were busy in 95 % of the samples");
  stages[1].workers = 1;
  EXPECT_EQ(internal::FindBottleneck(stages), "slow: its 1 worker was busy in 95 % of the samples");
  stages[1].starved = 95;
  EXPECT_EQ(internal::FindBottleneck(stages), "") << "none stands out";
  EXPECT_EQ(internal::FindBottleneck({}), "");
}

}  // namespace
}  // namespace weir::testing
