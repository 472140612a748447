// A picture of results, for the documentation: a bar for each, the median's, with a whisker from
// the fastest to the slowest round.

#pragma once

#include <map>
#include <string>
#include <vector>

#include "tools/bench/runner.h"

namespace weir::bench {

// An SVG file. A chart for each workload, in the order of the results, with its bars grouped by
// point and an axis of their own: a logarithmic one where a time is more than 20 times another. An
// implementation has one colour in all charts. It is readable on a light and on a dark page, as the
// reader's system prefers, and needs no file beside it.
//
// `units` says what a workload's times are per. A result that was not verified has no bar.
std::string Plot(const std::vector<Result>& results,
                 const std::map<std::string, std::string>& units);

}  // namespace weir::bench
