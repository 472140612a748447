// A picture of results, for the documentation: a bar for each. It is the median time, with a whisker
// from the fastest to the slowest round; or the efficiency of the cores, where a workload's results
// have that figure (see farm.h), because times from 50 ns to 100 us show nothing side by side.

#pragma once

#include <map>
#include <string>
#include <vector>

#include "tools/bench/runner.h"

namespace weir::bench {

// An SVG file. A chart for each workload, in the order of the results, with its bars grouped by
// point and an axis of their own: a logarithmic one where a time is more than 20 times another, and
// for the efficiency one from 0 to 1. An
// implementation has one colour in all charts. It is readable on a light and on a dark page, as the
// reader's system prefers, and needs no file beside it.
//
// `units` says what a workload's times are per. A result that was not verified has no bar.
std::string Plot(const std::vector<Result>& results,
                 const std::map<std::string, std::string>& units);

}  // namespace weir::bench
