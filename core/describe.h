// Describe: a graph, or a run of it, as data: one versioned JSON for the design view, the live view and the post-mortem, and
// DOT for drawing.
#pragma once

#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "weir/core/graph.h"
#include "weir/core/report.h"

namespace weir {

// A graph that has not run gives a Report with stages, channels and no figures.
Report Describe(const Graph& graph);

// The JSON's keys are the names in report.h; "version" is 1; durations are in seconds, counts in items.
std::string ToJson(const Report& report);
// INVALID_ARGUMENT, with what is wrong and where, unless `json` is what ToJson writes.
absl::StatusOr<Report> FromJson(std::string_view json);

// Graphviz: a box a stage, an edge a channel with its type and capacity; with figures if it ran.
// What Graphviz does not take in a name (control characters, bytes that are no UTF-8) is spelled
// out: "\x1b".
std::string ToDot(const Report& report);

}  // namespace weir
