#include "tools/bench/compare.h"

#include <cstdint>
#include <exception>
#include <istream>
#include <stdexcept>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "nlohmann/json.hpp"
#include "tools/bench/bench.h"
#include "tools/bench/runner.h"
#include "tools/bench/statistics.h"

namespace weir::bench {
namespace {

std::string KeyOf(const Params& params, const std::string& impl) {
  return absl::StrCat(PointName(params), "/threads=", params.threads, " ", impl);
}

// The inverse of JsonLine, as far as it is needed.
Result ResultOf(const nlohmann::json& line) {
  const nlohmann::json& params = line.at("params");
  Result result;
  result.impl = line.at("impl");
  result.params.workload = line.at("workload");
  result.params.work_ns = params.value("work_ns", int64_t{0});
  result.params.rate = params.value("rate", int64_t{0});
  result.params.item_bytes = params.value("item_bytes", int64_t{0});
  result.params.workers = params.value("workers", 0);
  result.params.variant = params.value("variant", "");
  result.params.stages = params.at("stages");
  result.params.capacity = params.at("capacity");
  result.params.threads = params.at("threads");
  result.rounds = line.value("rounds", 0);
  result.probed = line.contains("quiet_rounds");
  result.quiet_rounds = line.value("quiet_rounds", 0);
  result.thrown_away = line.value("thrown_away", 0);
  result.ns = {.median = line.at("ns"), .min = line.at("ns_min"), .max = line.at("ns_max")};
  const nlohmann::json figures = line.value("figures", nlohmann::json::object());
  for (const auto& [name, value] : figures.items()) {
    result.figures.emplace_back(name, value);
  }
  result.ok = line.at("ok");
  return result;
}

}  // namespace

std::string ResultKey(const Result& result) { return KeyOf(result.params, result.impl); }

std::vector<Result> ParseResults(std::istream& lines) {
  std::vector<Result> results;
  int number = 0;
  for (std::string line; std::getline(lines, line);) {
    ++number;
    if (line.empty()) continue;
    try {
      results.push_back(ResultOf(nlohmann::json::parse(line)));
    } catch (const std::exception& error) {
      throw std::runtime_error(
          absl::StrCat("line ", number, " is no result of bench --json: ", error.what()));
    }
  }
  return results;
}

EarlierResults ReadResults(std::istream& lines) {
  EarlierResults results;
  for (const Result& result : ParseResults(lines)) {
    if (result.ok) results[ResultKey(result)] = result.ns;
  }
  return results;
}

std::string Comparison(const EarlierResults& earlier, const std::vector<Result>& results) {
  std::string rows;
  int compared = 0;
  int moved = 0;
  for (const Result& result : results) {
    const auto found = earlier.find(ResultKey(result));
    if (found == earlier.end() || !result.ok) continue;
    ++compared;
    const Spread& before = found->second;
    const bool slower = result.ns.min > before.max;
    const bool faster = result.ns.max < before.min;
    if (!slower && !faster) continue;
    ++moved;
    absl::StrAppendFormat(&rows, "  %-6s %8.2f -> %8.2f  %+6.1f %%  %s\n",
                          slower ? "slower" : "faster", before.median, result.ns.median,
                          100 * (result.ns.median / before.median - 1), found->first);
  }
  const int others = static_cast<int>(results.size()) - compared;
  return absl::StrFormat(
      "%d of %d results moved beyond the noise; %d had nothing to compare with\n%s", moved,
      compared, others, rows);
}

}  // namespace weir::bench
