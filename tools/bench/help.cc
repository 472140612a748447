#include "tools/bench/help.h"

#include <algorithm>
#include <cstddef>
#include <cstring>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "tools/bench/bench.h"

namespace weir::bench {
namespace {

constexpr size_t kWidth = 100;

// `words` in lines of at most kWidth columns, the first of which begins at `column`, and the others
// below it.
std::string Wrapped(const std::vector<std::string>& words, size_t column) {
  std::string text;
  size_t end = column;
  for (const std::string& word : words) {
    if (end > column && end + 1 + word.size() > kWidth) {
      absl::StrAppend(&text, "\n", std::string(column, ' '));
      end = column;
    } else if (end > column) {
      text += ' ';
      ++end;
    }
    text += word;
    end += word.size();
  }
  return text;
}

std::vector<std::string> NamesOf(const Suite& suite, const Workload& workload) {
  std::vector<std::string> names;
  for (const Implementation& implementation : suite.implementations) {
    if (implementation.workload == workload.name) names.push_back(implementation.name);
  }
  return names;
}

}  // namespace

std::string HelpText(const Suite& suite, const std::vector<FlagHelp>& flags) {
  std::string text =
      "bench: measures weir beside its peers, in interleaved rounds, a fresh process per "
      "sample.\n\n"
      "  bench --filter=chain/stages=16 --rounds=7        a table per point\n"
      "  bench --filter='farm/w=1us' --impl='weir|tbb'    these implementations alone\n"
      "  bench --json > old.json                          then, later, bench "
      "--compare=old.json\n\n";
  size_t widest = 0;
  for (const auto& [flag, help] : flags) widest = std::max(widest, flag.size());
  for (const auto& [flag, help] : flags) {
    absl::StrAppendFormat(&text, "  %-*s  %s\n", static_cast<int>(widest), flag, help);
  }
  std::vector<std::string> names;
  for (const Workload& workload : suite.workloads) names.push_back(workload.name);
  absl::StrAppend(&text, "\nworkloads (bench --list says more of each):\n  ", Wrapped(names, 2),
                  "\n");
  return text;
}

std::string ListText(const Suite& suite) {
  constexpr char kHead[] = "workload";
  size_t widest = strlen(kHead);
  for (const Workload& workload : suite.workloads) widest = std::max(widest, workload.name.size());
  std::string text = absl::StrFormat("%-*s points  ns per        implementations\n",
                                     static_cast<int>(widest), kHead);
  std::vector<std::string> more;
  for (const Workload& workload : suite.workloads) {
    size_t on_request = 0;
    for (const Params& params : workload.points) {
      if (params.on_request.empty()) continue;
      if (++on_request == 1) more.push_back(absl::StrCat(workload.name, ".*", params.on_request));
    }
    const std::string line =
        absl::StrFormat("%-*s %6d  %-12s  ", static_cast<int>(widest), workload.name,
                        workload.points.size() - on_request, workload.unit);
    absl::StrAppend(&text, line, Wrapped(NamesOf(suite, workload), line.size()), "\n");
  }
  if (!more.empty()) {
    constexpr char kMore[] = "points that are measured only where they are named, with --filter=";
    absl::StrAppend(&text, kMore, absl::StrJoin(more, " or --filter="), "\n");
  }
  return text;
}

}  // namespace weir::bench
