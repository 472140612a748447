// What has moved between two measurements: the results of this run beside those that an earlier one
// printed with --json.

#pragma once

#include <iosfwd>
#include <map>
#include <string>
#include <vector>

#include "tools/bench/runner.h"
#include "tools/bench/statistics.h"

namespace weir::bench {

// The times of an earlier run, by ResultKey.
using EarlierResults = std::map<std::string, Spread>;

// What `bench --json` has printed, in its order, as far as it is compared or drawn. Throws
// std::runtime_error, with the number of the line, if a line is none of its.
std::vector<Result> ParseResults(std::istream& lines);

// What makes two results comparable: the point, the number of threads and the implementation. The
// number of items is none of it, as times are per item.
std::string ResultKey(const Result& result);

// The same to compare with; results that could not be verified are left out.
EarlierResults ReadResults(std::istream& lines);

// A row for each result whose times have moved beyond the noise, and a sentence that counts the
// others. Moved means that the two spreads have nothing in common: the fastest round of one is
// slower than the slowest of the other. Chance alone does that to two times seven rounds once in
// 1,716 times.
std::string Comparison(const EarlierResults& earlier, const std::vector<Result>& results);

}  // namespace weir::bench
