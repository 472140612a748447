#include "tools/bench/plot.h"

#include <map>
#include <regex>
#include <sstream>
#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tools/bench/compare.h"
#include "tools/bench/report.h"
#include "tools/bench/runner.h"

namespace weir::bench {
namespace {

using testing::HasSubstr;
using testing::Not;

const std::map<std::string, std::string> kUnits = {{"chain", "item and hop"}, {"fan", "item"}};

Result Measured(const std::string& workload, const std::string& impl, double ns) {
  Result result;
  result.impl = impl;
  result.params.workload = workload;
  result.params.stages = 16;
  result.params.capacity = 64;
  result.params.threads = 2;
  result.rounds = 7;
  result.ns = {.median = ns, .min = ns * 0.9, .max = ns * 1.2};
  result.ok = true;
  return result;
}

// Every element that is opened is closed, in the right order, and no text holds a bare < or &.
bool IsWellFormed(const std::string& xml) {
  static const std::regex kToken(R"(<(/?)([a-z]+)((?: [A-Za-z]+="[^"<]*")*)(/?)>|[^<&]|&[a-z]+;)");
  std::vector<std::string> open;
  size_t end = 0;
  for (std::sregex_iterator token(xml.begin(), xml.end(), kToken), none; token != none; ++token) {
    if (static_cast<size_t>(token->position()) != end) return false;
    end += token->length();
    const std::string name = (*token)[2];
    if (name.empty()) continue;
    if ((*token)[1].length() > 0) {
      if (open.empty() || open.back() != name) return false;
      open.pop_back();
    } else if ((*token)[4].length() == 0) {
      open.push_back(name);
    }
  }
  return open.empty() && end == xml.size();
}

int Count(const std::string& text, const std::string& part) {
  int count = 0;
  for (size_t at = text.find(part); at != std::string::npos; at = text.find(part, at + 1)) ++count;
  return count;
}

TEST(PlotTest, ShowsNamesPointsValuesAndUnits) {
  const std::string svg = Plot({Measured("chain", "weir", 2.34), Measured("chain", "rival", 26.6),
                                Measured("fan", "weir", 44.4)},
                               kUnits);
  EXPECT_TRUE(IsWellFormed(svg)) << svg;
  for (const char* expected :
       {"weir", "rival", "chain/stages=16/capacity=64, 2 threads", "2.34", ">27<", ">44<",
        "ns per item and hop", "ns per item<", "7 interleaved rounds"}) {
    EXPECT_THAT(svg, HasSubstr(expected));
  }
  EXPECT_EQ(3, Count(svg, "class=\"whisker\""));
  EXPECT_THAT(svg, HasSubstr("prefers-color-scheme:dark"));
}

TEST(PlotTest, AnImplementationHasOneColourInAllCharts) {
  const std::string svg = Plot({Measured("chain", "rival", 26), Measured("chain", "weir", 2),
                                Measured("fan", "weir", 44), Measured("fan", "rival", 130)},
                               kUnits);
  std::map<std::string, int> uses;
  static const std::regex kFill("fill=\"(#[0-9a-f]{6})\"");
  for (std::sregex_iterator fill(svg.begin(), svg.end(), kFill), none; fill != none; ++fill) {
    ++uses[(*fill)[1]];
  }
  EXPECT_EQ(2u, uses.size());
  for (const auto& [colour, count] : uses) EXPECT_EQ(3, count) << colour;  // two bars, one legend
}

TEST(PlotTest, TheScaleIsLogarithmicOnlyWhereTimesDifferMuch) {
  EXPECT_THAT(Plot({Measured("fan", "weir", 40), Measured("fan", "rival", 400)}, kUnits),
              Not(HasSubstr("logarithmic")));
  EXPECT_THAT(Plot({Measured("fan", "weir", 40), Measured("fan", "rival", 1000)}, kUnits),
              HasSubstr("ns per item (logarithmic scale)"));
}

TEST(PlotTest, EfficiencyIsDrawnWhereAllResultsHaveIt) {
  Result weir = Measured("farm", "weir", 510), rival = Measured("farm", "rival", 5000);
  weir.figures = {{"efficiency", 0.93}, {"cpu_per_work", 1.05}};
  rival.figures = {{"efficiency", 0.31}, {"cpu_per_work", 3.1}};
  const std::string svg = Plot({weir, rival}, kUnits);
  EXPECT_TRUE(IsWellFormed(svg)) << svg;
  EXPECT_THAT(svg, HasSubstr("efficiency of the cores"));
  EXPECT_THAT(svg, HasSubstr(">0.93<"));
  EXPECT_THAT(svg, Not(HasSubstr("logarithmic")));
  EXPECT_EQ(0, Count(svg, "class=\"whisker\""));
  rival.figures.clear();
  EXPECT_THAT(Plot({weir, rival}, kUnits), Not(HasSubstr("efficiency of the cores")));
}

TEST(PlotTest, AResultThatWasNotVerifiedHasNoBar) {
  Result wrong = Measured("fan", "wrong", 0.001);
  wrong.ok = false;
  const std::string svg = Plot({Measured("fan", "weir", 40), wrong}, kUnits);
  EXPECT_THAT(svg, HasSubstr("not verified"));
  EXPECT_EQ(1, Count(svg, "class=\"whisker\""));
  EXPECT_TRUE(IsWellFormed(Plot({wrong}, kUnits)));
  EXPECT_TRUE(IsWellFormed(Plot({}, kUnits)));
}

TEST(PlotTest, NamesAreEscaped) {
  const std::string svg = Plot({Measured("fan", "a<b & \"c\"", 40)}, kUnits);
  EXPECT_TRUE(IsWellFormed(svg)) << svg;
  EXPECT_THAT(svg, HasSubstr("a&lt;b &amp; &quot;c&quot;"));
}

TEST(PlotTest, WhatJsonPrintedIsDrawnAlike) {
  std::vector<Result> results = {Measured("chain", "weir", 2.34), Measured("fan", "rival", 130),
                                 Measured("farm", "weir", 510)};
  results.back().figures = {{"efficiency", 0.93}};
  std::stringstream lines;
  for (const Result& result : results) lines << JsonLine(result) << "\n";
  EXPECT_EQ(Plot(results, kUnits), Plot(ParseResults(lines), kUnits));
}

}  // namespace
}  // namespace weir::bench
