// The version, for people: the one place that says it. A release names it here and in CHANGELOG.md.
#pragma once

#include <string_view>

namespace weir::cli {

inline constexpr std::string_view kVersion = "0.1.0-dev";

}  // namespace weir::cli
