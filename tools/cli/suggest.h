// The name that was probably meant.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace weir::cli {

// How many letters must be inserted, removed, replaced or swapped with their neighbour to make `b` of `a`.
size_t EditDistance(std::string_view a, std::string_view b);

// The nearest of `names`, if it is near enough for a slip; else empty.
std::string Nearest(std::string_view name, const std::vector<std::string>& names);

// "; did you mean 'PREFIXnearest'?", or nothing.
std::string DidYouMean(std::string_view name, const std::vector<std::string>& names,
                       std::string_view prefix = "");

}  // namespace weir::cli
