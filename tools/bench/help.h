// What `bench --help` and `bench --list` print: one screen each.

#pragma once

#include <string>
#include <utility>
#include <vector>

#include "tools/bench/bench.h"

namespace weir::bench {

// A flag, with its default as in "--rounds=7", and a sentence about it.
using FlagHelp = std::pair<std::string, std::string>;

// How the program is called, its flags, one per line, and the names of the workloads.
std::string HelpText(const Suite& suite, const std::vector<FlagHelp>& flags);

// A line per workload: its points, what its times are per, and who is measured. Below them, what must
// be named to be measured.
std::string ListText(const Suite& suite);

}  // namespace weir::bench
