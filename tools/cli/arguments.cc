#include "weir/tools/cli/arguments.h"

#include <algorithm>
#include <map>

#include "absl/flags/commandlineflag.h"
#include "absl/flags/reflection.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "weir/tools/cli/console.h"
#include "weir/tools/cli/suggest.h"

namespace weir::cli {
namespace {

using GraphFlags = std::map<std::string, absl::CommandLineFlag*>;
using List = std::vector<std::string>;

GraphFlags FlagsOf(const Registered& graph) {
  GraphFlags flags;
  for (const auto& [name, flag] : absl::GetAllFlags()) {
    // Abseil leaves out the slashes that a file's name begins with.
    const std::string file = flag->Filename();
    if (file == graph.file.substr(std::min(graph.file.find_first_not_of('/'), graph.file.size())) ||
        file == graph.file) {
      flags.emplace(std::string(name), flag);
    }
  }
  return flags;
}

std::vector<std::string> NamesOf(const std::vector<CommandFlag>& flags,
                                 const GraphFlags& graph_flags) {
  std::vector<std::string> names = {"help"};
  for (const CommandFlag& flag : flags) names.push_back(flag.name);
  for (const auto& [name, flag] : graph_flags) names.push_back(name);
  return names;
}

auto FindFlag(const std::vector<CommandFlag>& flags, const std::string& name) {
  return std::find_if(flags.begin(), flags.end(),
                      [&name](const CommandFlag& flag) { return flag.name == name; });
}

std::string LeftOf(std::string_view name, std::string_view value) {
  return absl::StrCat("--", std::string(name), value.empty() ? "" : "=", std::string(value));
}

constexpr size_t kFlagColumn = 22;

}  // namespace

absl::Status ParseArguments(const std::vector<std::string>& arguments,
                            const std::vector<CommandFlag>& flags, CommandLine& line) {
  GraphFlags graph_flags;
  std::map<std::string, List> lists;
  bool only_names = false;
  for (size_t i = 0; i < arguments.size(); ++i) {
    const std::string& argument = arguments[i];
    if (only_names || argument.size() < 2 || argument[0] != '-') {
      if (!line.target.empty()) {
        return absl::InvalidArgumentError(
            absl::StrCat("unexpected argument '", argument, "' behind '", line.target, "'",
                         graph_flags.count("input") > 0
                             ? absl::StrCat("; did you mean '--input=", argument, "'?")
                             : ""));
      }
      line.target = argument;
      if (auto found = Registry().find(argument); found != Registry().end()) {
        line.graph = &found->second;
        graph_flags = FlagsOf(*line.graph);
      }
      continue;
    }
    if (argument == "--") {
      only_names = true;
      continue;
    }
    const std::string dashes = absl::StartsWith(argument, "--") ? "--" : "-";
    std::string name = argument.substr(dashes.size());
    std::string value;
    const size_t equals = name.find('=');
    const bool has_value = equals != std::string::npos;
    if (has_value) {
      value = name.substr(equals + 1);
      name.resize(equals);
    }
    if (name == "help" || name == "h") {
      line.help = true;
      continue;
    }

    auto command_flag = FindFlag(flags, name);
    auto graph_flag = graph_flags.find(name);
    bool negated = false;
    if (command_flag == flags.end() && graph_flag == graph_flags.end() &&
        absl::StartsWith(name, "no") && !has_value) {
      command_flag = FindFlag(flags, name.substr(2));
      graph_flag = graph_flags.find(name.substr(2));
      if (command_flag != flags.end() && !command_flag->is_switch) command_flag = flags.end();
      if (graph_flag != graph_flags.end() && !graph_flag->second->IsOfType<bool>())
        graph_flag = graph_flags.end();
      negated = true;
    }
    if (command_flag == flags.end() && graph_flag == graph_flags.end()) {
      if (line.target.empty()) {
        const auto has_it = [&name](const auto& entry) {
          return FlagsOf(entry.second).count(name) > 0;
        };
        if (std::any_of(Registry().begin(), Registry().end(), has_it)) {
          return absl::InvalidArgumentError(absl::StrCat(
              "'", dashes, name, "' is a graph's flag: name the graph before its flags"));
        }
      }
      return absl::InvalidArgumentError(
          absl::StrCat("unknown flag '", dashes, name, "'",
                       DidYouMean(name, NamesOf(flags, graph_flags), "--")));
    }
    const bool is_bool = command_flag == flags.end() ? graph_flag->second->IsOfType<bool>()
                                                     : command_flag->is_switch;
    if (is_bool && !has_value) {
      value = negated ? "false" : "true";
    } else if (!has_value) {
      if (i + 1 == arguments.size())
        return absl::InvalidArgumentError(
            absl::StrCat("'", dashes, name, "' needs a value: --", name, "=..."));
      value = arguments[++i];
    }

    if (command_flag != flags.end()) {
      absl::Status set = command_flag->set(value);
      if (!set.ok())
        return absl::InvalidArgumentError(
            absl::StrCat("--", name, "=", value, ": ", set.message()));
      continue;
    }
    line.has_graph_flags = true;
    absl::CommandLineFlag& flag = *graph_flag->second;
    if (flag.IsOfType<List>()) {
      lists[graph_flag->first].push_back(value);
      continue;
    }
    std::string error;
    if (!flag.ParseFrom(value, &error)) {
      return absl::InvalidArgumentError(
          absl::StrCat("--", name, "=", value, ": ", error.empty() ? "not a valid value" : error));
    }
  }
  // Once for all of a flag's values: there may be thousands.
  for (const auto& [name, values] : lists) {
    std::string error;
    if (!graph_flags.at(name)->ParseFrom(absl::StrJoin(values, ","), &error)) {
      return absl::InvalidArgumentError(
          absl::StrCat("--", name, ": ", error.empty() ? "not a valid list" : error));
    }
  }
  return absl::OkStatus();
}

std::string DescribeFlags(const std::vector<CommandFlag>& flags) {
  std::vector<Row> rows;
  for (const CommandFlag& flag : flags) rows.push_back({LeftOf(flag.name, flag.value), flag.help});
  return FormatColumns("  ", kFlagColumn, rows);
}

std::string DescribeFlags(const Registered& graph) {
  std::vector<Row> rows;
  for (const auto& [name, flag] : FlagsOf(graph)) {
    std::string help = flag->Help();
    if (!flag->DefaultValue().empty())
      absl::StrAppend(&help, " (default: ", flag->DefaultValue(), ")");
    rows.push_back({LeftOf(name, flag->IsOfType<bool>() ? "" : "..."), help});
  }
  return FormatColumns("  ", kFlagColumn, rows);
}

}  // namespace weir::cli
