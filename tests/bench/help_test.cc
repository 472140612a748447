#include "tools/bench/help.h"

#include <algorithm>
#include <sstream>
#include <string>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tools/bench/bench.h"

namespace weir::bench {
namespace {

using testing::HasSubstr;

Suite SuiteOf(int implementations) {
  Suite suite;
  Params usual, on_request;
  on_request.on_request = "capacity=";
  suite.workloads.push_back(
      {.name = "farm", .unit = "item", .points = {usual, usual, on_request, on_request}});
  suite.workloads.push_back({.name = "chain", .unit = "item and hop", .points = {usual}});
  for (int i = 0; i < implementations; ++i) {
    suite.implementations.push_back(
        {.workload = "farm", .name = "a_library_of_that_name", .run = nullptr});
  }
  suite.implementations.push_back({.workload = "chain", .name = "weir", .run = nullptr});
  return suite;
}

size_t LongestLine(const std::string& text) {
  size_t longest = 0;
  std::istringstream lines(text);
  for (std::string line; std::getline(lines, line);) longest = std::max(longest, line.size());
  return longest;
}

TEST(Help, NamesFlagsWithTheirDefaultsAndWorkloads) {
  const std::string text =
      HelpText(SuiteOf(1), {{"--rounds=7", "rounds"}, {"--json=false", "JSON"}});
  EXPECT_THAT(text, HasSubstr("  --rounds=7    rounds\n"));
  EXPECT_THAT(text, HasSubstr("  --json=false  JSON\n"));
  EXPECT_THAT(text, HasSubstr("  farm chain\n"));
}

TEST(List, ALineOfAWorkloadCountsItsUsualPointsAndNamesItsImplementations) {
  EXPECT_THAT(ListText(SuiteOf(1)),
              HasSubstr("farm          2  item          a_library_of_that_name\n"));
  EXPECT_THAT(ListText(SuiteOf(1)),
              HasSubstr("only where they are named, with --filter=farm.*capacity=\n"));
  EXPECT_THAT(ListText(SuiteOf(1)), HasSubstr("chain         1  item and hop  weir\n"));
}

TEST(List, LongLinesAreWrapped) {
  const std::string text = ListText(SuiteOf(9));
  EXPECT_LE(LongestLine(text), 100u);
  EXPECT_THAT(text, HasSubstr("\n" + std::string(31, ' ') + "a_library_of_that_name"));
}

}  // namespace
}  // namespace weir::bench
