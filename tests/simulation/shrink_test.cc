#include "weir/tools/simulate/shrink.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <numeric>
#include <optional>

namespace weir {
namespace {

// Fails for lists that hold a 7 or more and, anywhere behind it, a 3 or more.
std::optional<ChoiceList> SevenThenThree(const ChoiceList& list) {
  const auto seven = std::find_if(list.begin(), list.end(), [](uint32_t c) { return c >= 7; });
  if (seven == list.end()) return std::nullopt;
  if (std::none_of(seven + 1, list.end(), [](uint32_t c) { return c >= 3; })) return std::nullopt;
  return list;
}

TEST(ShrinkTest, FindsTheFewestAndSmallestChoices) {
  ChoiceList list(1000, 1);
  list[200] = 90;
  list[777] = 50;
  EXPECT_EQ(Shrink(list, SevenThenThree), (ChoiceList{7, 3}));
}

TEST(ShrinkTest, WhatAlwaysFails_TakesNoChoiceAtAll) {
  EXPECT_EQ(Shrink({4, 4, 4}, [](const ChoiceList& list) { return std::optional(list); }),
            ChoiceList());
}

TEST(ShrinkTest, WhereAPositionMatters_ItStaysThere) {
  const auto fails = [](const ChoiceList& list) -> std::optional<ChoiceList> {
    if (list.size() <= 5 || list[5] != 2) return std::nullopt;
    return list;
  };
  EXPECT_EQ(Shrink({9, 9, 9, 9, 9, 2, 9, 9}, fails), (ChoiceList{0, 0, 0, 0, 0, 2}));
}

TEST(ShrinkTest, ChoicesAreKeptAsTheyWereMade) {
  // Each is taken modulo 4, as by a schedule that has 4 to choose from; the second must be 1.
  const auto fails = [](const ChoiceList& list) -> std::optional<ChoiceList> {
    ChoiceList made = list;
    for (uint32_t& choice : made) choice %= 4;
    if (made.size() < 2 || made[1] != 1) return std::nullopt;
    return made;
  };
  EXPECT_EQ(Shrink({3, 401}, fails), (ChoiceList{0, 1}));
}

TEST(ShrinkTest, WhoRunsNoMore_GetsWhatWasFoundByThen) {
  int runs = 0;
  const ChoiceList shrunk =
      Shrink(ChoiceList(1000, 8), [&](const ChoiceList& list) -> std::optional<ChoiceList> {
        if (++runs > 5) return std::nullopt;
        return SevenThenThree(list);
      });
  EXPECT_TRUE(SevenThenThree(shrunk).has_value());
  EXPECT_LT(shrunk.size(), 1000u);
}

}  // namespace
}  // namespace weir
