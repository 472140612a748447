#include "tools/bench/report.h"

#include <cmath>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "nlohmann/json.hpp"
#include "tools/bench/bench.h"
#include "tools/bench/runner.h"

namespace weir::bench {
namespace {

// Nothing that is measured takes no time: 0 means that it was not.
std::string Cell(double value) {
  if (value <= 0) return "-";
  return value < 100'000 ? absl::StrFormat("%.2f", value) : absl::StrFormat("%.0f", value);
}

// "7/7", or "-" where nobody has looked.
std::string QuietCell(const Result& result) {
  return result.probed ? absl::StrCat(result.quiet_rounds, "/", result.rounds) : "-";
}

std::string FiguresText(const Result& result) {
  std::string text;
  for (const auto& [name, value] : result.figures) {
    absl::StrAppendFormat(&text, "%s%s %.2f", text.empty() ? "   " : ", ", name, value);
  }
  return text;
}

// What is to be said of disturbed samples, a line each; empty where there were none.
std::string DisturbanceText(const std::vector<Result>& results) {
  int thrown_away = 0;
  std::string last, loud;
  for (const Result& result : results) {
    thrown_away += result.thrown_away;
    if (!result.disturbance.empty()) last = result.disturbance;
    if (result.probed && 2 * result.quiet_rounds < result.rounds) {
      absl::StrAppend(&loud, loud.empty() ? "" : ", ", result.impl);
    }
  }
  std::string text;
  if (!last.empty()) {
    absl::StrAppendFormat(
        &text,
        "  %d disturbed samples were thrown away and taken again; the last disturbance: %s\n",
        thrown_away, last);
  }
  if (!loud.empty()) {
    absl::StrAppendFormat(
        &text,
        "  NOT QUIET: most rounds of %s were disturbed; measure again on a machine at rest\n",
        loud);
  }
  return text;
}

// More digits than this are noise, and make the lines hard to read.
double Rounded(double ns) { return std::round(ns * 1000) / 1000; }

}  // namespace

std::string Table(const Workload& workload, const std::vector<Result>& results) {
  if (results.empty()) return "";
  const Params& params = results.front().params;
  double baseline = 0;
  for (const Result& result : results) {
    if (result.impl == kBaseline && result.ok) baseline = result.ns.median;
  }
  std::string table = absl::StrFormat("%s, %d threads, %d rounds, ns per %s\n", PointName(params),
                                      params.threads, results.front().rounds, workload.unit);
  absl::StrAppendFormat(&table, "  %-28s %9s %9s %9s %9s %9s %8s %6s  %s\n", "", "median", "min",
                        "max", "cpu", "peak MB", "x weir", "quiet", "ok");
  for (const Result& result : results) {
    const bool compared = baseline > 0 && result.ok;
    absl::StrAppendFormat(&table, "  %-28s %9s %9s %9s %9s %9s %8s %6s  %s%s\n", result.impl,
                          Cell(result.ns.median), Cell(result.ns.min), Cell(result.ns.max),
                          Cell(result.cpu_ns), Cell(result.peak_rss_kb / 1024),
                          Cell(compared ? result.ns.median / baseline : 0), QuietCell(result),
                          result.ok ? "yes" : "NO", FiguresText(result));
  }
  return table + DisturbanceText(results);
}

std::string JsonLine(const Result& result) {
  // Ordered, so that lines read as they are documented.
  nlohmann::ordered_json line;
  line["workload"] = result.params.workload;
  line["impl"] = result.impl;
  line["params"] = {{"stages", result.params.stages},
                    {"capacity", result.params.capacity},
                    {"threads", result.params.threads},
                    {"items", result.params.items}};
  if (result.params.work_ns > 0) line["params"]["work_ns"] = result.params.work_ns;
  if (result.params.rate > 0) line["params"]["rate"] = result.params.rate;
  if (result.params.item_bytes > 0) line["params"]["item_bytes"] = result.params.item_bytes;
  if (result.params.workers > 0) line["params"]["workers"] = result.params.workers;
  if (!result.params.variant.empty()) line["params"]["variant"] = result.params.variant;
  line["rounds"] = result.rounds;
  if (result.probed) {
    line["quiet_rounds"] = result.quiet_rounds;
    line["thrown_away"] = result.thrown_away;
  }
  line["ns"] = Rounded(result.ns.median);
  line["ns_min"] = Rounded(result.ns.min);
  line["ns_max"] = Rounded(result.ns.max);
  line["cpu_ns"] = Rounded(result.cpu_ns);
  line["peak_rss_kb"] = result.peak_rss_kb;
  for (const auto& [name, value] : result.figures) line["figures"][name] = Rounded(value);
  line["ok"] = result.ok;
  return line.dump();
}

}  // namespace weir::bench
