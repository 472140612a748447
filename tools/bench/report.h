// How results are printed: a table for people, or one JSON object a line for programs.

#pragma once

#include <string>
#include <vector>

#include "tools/bench/bench.h"
#include "tools/bench/runner.h"

namespace weir::bench {

// The results of one point: a heading and a row per implementation. The column `x weir` tells
// how many times the baseline's time a row needs; it is "-" where the baseline was not measured.
// `quiet` says in how many of the rounds nothing disturbed the cores, and a line below the rows how
// many samples were thrown away because something did.
std::string Table(const Workload& workload, const std::vector<Result>& results);

// One line, without its newline. Times are ns per item and hop, or per item, as the workload says.
std::string JsonLine(const Result& result);

}  // namespace weir::bench
