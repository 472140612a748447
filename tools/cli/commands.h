// The subcommands. Each gives an exit status, and prints its own errors.
#pragma once

#include <csignal>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "weir/tools/cli/arguments.h"
#include "weir/tools/cli/console.h"
#include "weir/weir.h"

namespace weir::cli {

inline constexpr int kOk = 0;
inline constexpr int kFailed = 1;
inline constexpr int kUsage = 2;
// Nobody reads standard output any more: Main ends the process by SIGPIPE, which a shell calls 141.
inline constexpr int kReaderIsGone = 128 + SIGPIPE;

using Arguments = std::vector<std::string>;

struct Command {
  std::string name;
  std::string synopsis;  // "GRAPH [flags]"
  std::string summary;   // one line
  std::string details;
  std::string example;  // its arguments: "run word_count --input=/usr/share/doc"
  std::function<int(Console&, const Command&, const Arguments&)> run;
};

Command ListCommand();
Command RunCommand();
Command DrawCommand();
Command CheckCommand();
Command SimulateCommand();
const std::vector<Command>& Commands();

// Ends the process without destructors, for there are threads that cannot be joined; no temporary file is left.
[[noreturn]] void EndProcess(int status);

// Says what is wrong with the command line, and where help is; gives kUsage.
int UsageError(Console& console, std::string_view command, std::string_view message);
// The error of a graph's name that is not registered.
std::string UnknownGraph(std::string_view name);
// To standard output; an exit status. Where a pipe is full it waits until `stop` says so, with
// kFailed; null never stops.
int Print(Console& console, std::string_view text, const OutputFile::Stop& stop = nullptr);
// Whether `error` says that nobody reads standard output any more, and the process is to end as
// others do then: silently, by SIGPIPE. Not if SIGPIPE was ignored when it began: whoever did that
// wants to hear of the error.
bool IsReaderGone(const absl::Status& error);

// What `--help` prints of a subcommand: with `line.graph`, that graph's flags too.
std::string Help(const Console& console, const Command& command,
                 const std::vector<CommandFlag>& flags, const CommandLine& line);

}  // namespace weir::cli
