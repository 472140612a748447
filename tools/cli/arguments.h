// A subcommand's arguments: its own flags, the name of a graph or file, and that graph's flags, in the forms `--name=value`,
// `--name value`, `--name` and `--noname` (for a switch). One dash will do.
#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "weir/tools/cli/registry.h"

namespace weir::cli {

// A flag of a subcommand.
struct CommandFlag {
  std::string name;
  std::string value;  // how its value is called in the help: "FILE"
  std::string help;
  // Takes a value; what is wrong with it otherwise: "must be a number from 1 to 256".
  std::function<absl::Status(const std::string& value)> set;
  bool is_switch = false;  // needs no value: "true" is meant then
};

struct CommandLine {
  std::string target;                 // the graph or file; empty if none was given
  const Registered* graph = nullptr;  // if `target` is one
  bool has_graph_flags = false;       // any that are its own
  bool help = false;                  // asked for with --help
};

// Sets flags as it goes. INVALID_ARGUMENT, with a sentence: an unknown flag (with the nearest name), a missing or wrong value, an
// argument too many. Of the graph's flags, a list that is given twice grows; of others the last holds.
absl::Status ParseArguments(const std::vector<std::string>& arguments,
                            const std::vector<CommandFlag>& flags, CommandLine& line);

// Lines for the help: the flags' names, their values and what they do.
std::string DescribeFlags(const std::vector<CommandFlag>& flags);
std::string DescribeFlags(const Registered& graph);

}  // namespace weir::cli
