// bench: measures weir beside the libraries that it would be chosen over, in one run.
//
//   bench --filter=chain              a table per point
//   bench --filter=chain/stages=16/ --impl='weir|tbb' --rounds=15
//   bench --json > today.json         one JSON object a line
//   bench --compare=today.json        and, at the end, what has moved since then
//   bench --plot=today.svg --from=today.json    measures nothing, and draws what was measured
//
// The exit status is 1 if a flag is wrong or a result could not be verified.

#include <stdio.h>

#include <algorithm>
#include <cstdint>
#include <exception>
#include <fstream>
#include <functional>
#include <istream>
#include <map>
#include <optional>
#include <regex>
#include <stdexcept>
#include <string>
#include <vector>

#include "absl/flags/flag.h"
#include "absl/flags/parse.h"
#include "absl/flags/reflection.h"
#include "absl/flags/usage.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "tools/bench/bench.h"
#include "tools/bench/compare.h"
#include "tools/bench/core_probe.h"
#include "tools/bench/help.h"
#include "tools/bench/plot.h"
#include "tools/bench/report.h"
#include "tools/bench/runner.h"
#include "tools/bench/workloads.h"

ABSL_FLAG(std::string, filter, "",
          "points whose name, as farm/w=1us/ordered/workers=4, has this regular expression");
ABSL_FLAG(std::string, impl, "", "implementations whose name has this regular expression");
ABSL_FLAG(bool, list, false, "name the workloads and who is measured, and measure nothing");
ABSL_FLAG(int, rounds, 7, "rounds; in each, every implementation is measured once");
ABSL_FLAG(int64_t, items, 0, "items instead of each point's own number (not for word_count)");
ABSL_FLAG(int64_t, corpus_mb, 64, "size of word_count's generated text, in megabytes");
ABSL_FLAG(int, timeout, 120, "seconds after which one sample is given up");
ABSL_FLAG(bool, probe, true, "take samples again while which the cores were not quiet");
ABSL_FLAG(bool, json, false, "print one JSON object a line instead of a table");
ABSL_FLAG(std::string, compare, "",
          "a file that --json was printed to: tell what has moved beyond the noise since");
ABSL_FLAG(std::string, plot, "", "a file to draw the results to, as SVG");
ABSL_FLAG(std::string, from, "",
          "a file that --json was printed to: --plot draws it, and nothing is measured");

namespace weir::bench {
namespace {

// Nothing, and a line on standard error, if a flag's value is no regular expression.
std::optional<std::regex> RegexOf(const char* flag, const std::string& text) {
  try {
    return std::regex(text);
  } catch (const std::regex_error& error) {
    fprintf(stderr, "bench: --%s=%s is not a regular expression: %s\n", flag, text.c_str(),
            error.what());
    return std::nullopt;
  }
}

bool FlagsAreUsable() {
  bool usable = true;
  const auto require_at_least = [&](const char* flag, int64_t value, int64_t least) {
    if (value >= least) return;
    fprintf(stderr, "bench: --%s must be at least %lld, not %lld\n", flag,
            static_cast<long long>(least), static_cast<long long>(value));
    usable = false;
  };
  if (!absl::GetFlag(FLAGS_from).empty() && absl::GetFlag(FLAGS_plot).empty()) {
    fprintf(stderr, "bench: --from says what to draw; name the picture, too, as --plot=FILE.svg\n");
    usable = false;
  }
  require_at_least("rounds", absl::GetFlag(FLAGS_rounds), 1);
  require_at_least("items", absl::GetFlag(FLAGS_items), 0);
  require_at_least("corpus_mb", absl::GetFlag(FLAGS_corpus_mb), 1);
  require_at_least("timeout", absl::GetFlag(FLAGS_timeout), 1);
  return usable;
}

// Throws if the file that a flag names cannot be read, or holds something else. Nothing if it names
// none.
template <typename Results>
std::optional<Results> ReadFrom(const char* flag, const std::string& path,
                                Results (*read)(std::istream&)) {
  if (path.empty()) return std::nullopt;
  std::ifstream file(path);
  if (!file) throw std::runtime_error(absl::StrCat("--", flag, "=", path, " cannot be read"));
  try {
    return read(file);
  } catch (const std::runtime_error& error) {
    throw std::runtime_error(absl::StrCat("--", flag, "=", path, ": ", error.what()));
  }
}

// Draws `results` where --plot says, if it does. Throws if the file cannot be written.
void Draw(const Suite& suite, const std::vector<Result>& results) {
  const std::string path = absl::GetFlag(FLAGS_plot);
  if (path.empty()) return;
  std::map<std::string, std::string> units;
  for (const Workload& workload : suite.workloads) units[workload.name] = workload.unit;
  if (!(std::ofstream(path) << Plot(results, units)).flush()) {
    throw std::runtime_error(absl::StrCat("--plot=", path, " cannot be written"));
  }
}

std::vector<Params> Matching(const std::vector<Params>& points, const std::string& filter_text,
                             const std::regex& filter) {
  std::vector<Params> matching;
  for (const Params& params : points) {
    if (filter_text.find(params.on_request) == std::string::npos) continue;
    if (std::regex_search(PointName(params), filter)) matching.push_back(params);
  }
  return matching;
}

// Those that can be measured here.
std::vector<const Implementation*> Select(const Suite& suite, const std::string& workload,
                                          const std::regex& impl) {
  std::vector<const Implementation*> selected;
  for (const Implementation& implementation : suite.implementations) {
    if (implementation.workload != workload) continue;
    if (!std::regex_search(implementation.name, impl)) continue;
    if (implementation.available && !implementation.available()) continue;
    selected.push_back(&implementation);
  }
  return selected;
}

// False if standard output cannot be written, on a full disk for example.
bool Print(const Workload& workload, const std::vector<Result>& results) {
  if (absl::GetFlag(FLAGS_json)) {
    for (const Result& result : results) puts(JsonLine(result).c_str());
  } else {
    puts(Table(workload, results).c_str());
  }
  return fflush(stdout) == 0 && ferror(stdout) == 0;
}

// The flags above, in the order of their names.
std::vector<FlagHelp> AllFlags() {
  std::vector<FlagHelp> flags;
  for (const auto& [name, flag] : absl::GetAllFlags()) {
    if (!absl::EndsWith(flag->Filename(), "tools/bench/main.cc")) continue;
    flags.emplace_back(absl::StrCat("--", name, "=", flag->DefaultValue()), flag->Help());
  }
  std::sort(flags.begin(), flags.end());
  return flags;
}

// The only argument that absl would answer itself, at length.
bool IsHelpWanted(int argc, char** argv) {
  return std::any_of(argv + 1, argv + argc, [](const std::string& argument) {
    return argument == "--help" || argument == "-help" || argument == "-h";
  });
}

int PrintText(const std::string& text) {
  fputs(text.c_str(), stdout);
  return fflush(stdout) == 0 ? 0 : 1;
}

int Main() {
  if (!FlagsAreUsable()) return 1;
  if (absl::GetFlag(FLAGS_list)) return PrintText(ListText(MakeSuite(1)));
  const std::string filter_text = absl::GetFlag(FLAGS_filter);
  const std::optional<std::regex> filter = RegexOf("filter", filter_text);
  const std::optional<std::regex> impl = RegexOf("impl", absl::GetFlag(FLAGS_impl));
  if (!filter.has_value() || !impl.has_value()) return 1;

  // Before anything is measured: a wrong file is not worth a wait.
  const auto earlier = ReadFrom("compare", absl::GetFlag(FLAGS_compare), ReadResults);
  const auto drawn = ReadFrom("from", absl::GetFlag(FLAGS_from), ParseResults);

  const Suite suite = MakeSuite(absl::GetFlag(FLAGS_corpus_mb));
  if (drawn.has_value()) {
    Draw(suite, *drawn);
    return 0;
  }
#ifdef _GLIBCXX_ASSERTIONS
  fputs(
      "bench: this build is not optimised, and its figures mean little: build it with --config=opt "
      "(-c opt is not the same), or `bazel run` it\n",
      stderr);
#endif
  MeasureOptions options{.rounds = absl::GetFlag(FLAGS_rounds),
                         .timeout_seconds = absl::GetFlag(FLAGS_timeout)};
  std::optional<CoreProbe> probe;
  if (absl::GetFlag(FLAGS_probe)) {
    probe.emplace();
    options.observe = [&probe](const std::function<void()>& measure) {
      const CoreProbe::Reading before = probe->Read();
      measure();
      return Disturbance(before, probe->Read());
    };
  }
  std::vector<Result> measured;
  bool verified = true;
  for (const Workload& workload : suite.workloads) {
    std::vector<Params> points = Matching(workload.points, filter_text, *filter);
    if (points.empty()) continue;
    const auto implementations = Select(suite, workload.name, *impl);
    if (implementations.empty()) continue;
    for (Params& params : points) {
      if (absl::GetFlag(FLAGS_items) > 0) params.items = absl::GetFlag(FLAGS_items);
      if (workload.prepare) workload.prepare(params);
      const std::vector<Result> results = Measure(params, implementations, options);
      if (!Print(workload, results)) {
        perror("bench: cannot write the results");
        return 1;
      }
      for (const Result& result : results) verified = verified && result.ok;
      measured.insert(measured.end(), results.begin(), results.end());
    }
  }
  if (measured.empty()) {
    std::string names;
    for (const Workload& workload : suite.workloads) absl::StrAppend(&names, " ", workload.name);
    fprintf(stderr,
            "bench: nothing that can be measured here matches --filter=%s --impl=%s; the workloads "
            "are:%s\n",
            filter_text.c_str(), absl::GetFlag(FLAGS_impl).c_str(), names.c_str());
    return 1;
  }
  if (earlier.has_value()) {
    fputs(Comparison(*earlier, measured).c_str(), absl::GetFlag(FLAGS_json) ? stderr : stdout);
  }
  Draw(suite, measured);
  return verified ? 0 : 1;
}

}  // namespace
}  // namespace weir::bench

int main(int argc, char** argv) {
  using namespace weir::bench;
  if (IsHelpWanted(argc, argv)) return PrintText(HelpText(MakeSuite(1), AllFlags()));
  absl::SetProgramUsageMessage("measures weir beside its peers; see bench --help");
  const std::vector<char*> rest = absl::ParseCommandLine(argc, argv);
  if (rest.size() > 1) {
    fprintf(stderr, "bench: unexpected argument %s; every option begins with --\n", rest[1]);
    return 1;
  }
  try {
    return Main();
  } catch (const std::exception& error) {
    fprintf(stderr, "bench: %s\n", error.what());
    return 1;
  }
}
