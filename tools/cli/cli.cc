// Main, the help, and the subcommands that are a few lines: list and check.
#include <fcntl.h>
#include <unistd.h>

#include <csignal>
#include <cstdlib>
#include <exception>
#include <thread>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "weir/stages/file_error.h"
#include "weir/tools/cli/commands.h"
#include "weir/tools/cli/paths.h"
#include "weir/tools/cli/suggest.h"
#include "weir/tools/cli/version.h"

namespace weir {
namespace cli {
namespace {

constexpr size_t kColumn = 24;

bool ends_by_sigpipe = false;  // as Main found it

std::string Overview(const Console& console) {
  const std::string& program = console.program();
  std::string text = absl::StrCat(
      "usage: ", program,
      " COMMAND [arguments]\n\nRuns, draws, checks and simulates typed stage graphs.\n\n");
  std::vector<Row> commands, graphs;
  for (const Command& command : Commands())
    commands.push_back({absl::StrCat(command.name, " ", command.synopsis), command.summary});
  commands.push_back({"help [COMMAND]", "explains a command"});
  commands.push_back({"--version", "tells the version"});
  for (const auto& [name, graph] : Registry()) graphs.push_back({name, graph.description});
  absl::StrAppend(&text, FormatColumns("  ", kColumn, commands),
                  graphs.empty() ? "" : "\ngraphs:\n", FormatColumns("  ", kColumn, graphs));
  absl::StrAppend(&text, "\nexample:\n  ", program, " ", RunCommand().example, "\n");
  return text;
}

std::vector<std::string> CommandNames() {
  std::vector<std::string> names = {"help"};
  for (const Command& command : Commands()) names.push_back(command.name);
  return names;
}

int Dispatch(Console& console, Arguments arguments) {
  const auto is_help = [](const std::string& name) {
    return name == "help" || name == "--help" || name == "-h";
  };
  if (arguments.empty()) return Print(console, Overview(console));
  if (is_help(arguments[0])) {
    if (arguments.size() == 1 || is_help(arguments[1])) return Print(console, Overview(console));
    // `help run word_count` is `run word_count --help`.
    arguments.erase(arguments.begin());
    arguments.push_back("--help");
  }
  const std::string name = arguments[0];
  if (name == "--version")
    return Print(console, absl::StrCat("weir ", std::string(kVersion), "\n"));
  for (const Command& command : Commands()) {
    if (command.name != name) continue;
    arguments.erase(arguments.begin());
    return command.run(console, command, arguments);
  }
  std::string hint = DidYouMean(name, CommandNames());
  if (Registry().count(name) > 0) hint = absl::StrCat("; did you mean 'run ", name, "'?");
  return UsageError(console, "", absl::StrCat("unknown command '", name, "'", hint));
}

// A descriptor below 3 that is closed would be given to the next file that is opened. It is made to refuse reads and writes
// instead, as a closed one does: it is a link itself, not what the link leads to. /dev/null would pass for an empty input.
void KeepStandardDescriptors() {
  for (int fd = 0; fd < 3; ++fd) {
    if (::fcntl(fd, F_GETFD) < 0) [[maybe_unused]]
      const int opened = ::open("/proc/self", O_PATH | O_NOFOLLOW);
  }
}

int List(Console& console, const Command& command, const Arguments& arguments) {
  CommandLine line;
  absl::Status parsed = ParseArguments(arguments, {}, line);
  if (line.help && parsed.ok()) return Print(console, Help(console, command, {}, line));
  if (parsed.ok() && !line.target.empty()) {
    parsed = absl::InvalidArgumentError(absl::StrCat("unexpected argument '", line.target, "'"));
  }
  if (!parsed.ok()) return UsageError(console, command.name, std::string(parsed.message()));
  std::vector<Row> rows;
  for (const auto& [name, graph] : Registry()) rows.push_back({name, graph.description});
  return Print(console, FormatColumns("", 16, rows));
}

int Check(Console& console, const Command& command, const Arguments& arguments) {
  CommandLine line;
  absl::Status parsed = ParseArguments(arguments, {}, line);
  if (line.help && parsed.ok()) return Print(console, Help(console, command, {}, line));
  if (parsed.ok() && line.target.empty())
    parsed = absl::InvalidArgumentError("which graph? (list shows them)");
  if (!line.target.empty() && line.graph == nullptr)
    parsed = absl::InvalidArgumentError(UnknownGraph(line.target));
  if (!parsed.ok()) return UsageError(console, command.name, std::string(parsed.message()));
  JobSetup setup;
  setup.threads = std::max(1, static_cast<int>(std::thread::hardware_concurrency()));
  const std::unique_ptr<Job> job = line.graph->factory(setup);
  // A graph alone can be checked without its input; a command line is one to run.
  absl::Status ready = line.has_graph_flags ? job->Ready() : absl::OkStatus();
  if (ready.ok() && line.has_graph_flags) ready = CheckFiles(*job, "");
  if (!ready.ok())
    return UsageError(console, command.name, absl::StrCat(line.target, ": ", ready.message()));
  const absl::Status status = job->graph().Check();
  if (!status.ok()) {
    console.Line(std::string(status.message()));
    return kFailed;
  }
  for (const std::string& warning : job->graph().Warnings()) {
    console.Line(absl::StrCat("warning: ", warning));
  }
  return Print(console, absl::StrCat(line.target, ": OK (", job->graph().stages().size(),
                                     " stages, ", job->graph().Channels().size(), " channels)\n"));
}

}  // namespace

Command ListCommand() {
  return {"list",
          "",
          "shows the graphs that this program has",
          "Shows the graphs that this program has, one a line.\n",
          "list",
          &List};
}

Command CheckCommand() {
  return {"check",
          "GRAPH [flags]",
          "tells whether a graph can run",
          "Tells whether a graph can run: whether all ports are connected, names are unique, there "
          "is no cycle, and so on.\n"
          "With flags of the graph, also whether a run with these could begin.\n",
          "check word_count",
          &Check};
}

const std::vector<Command>& Commands() {
  static const auto& commands = *new std::vector<Command>{
      ListCommand(), RunCommand(), DrawCommand(), CheckCommand(), SimulateCommand()};
  return commands;
}

void EndProcess(int status) {
  internal::RemoveTemporaries();
  ::_exit(status);
}

int UsageError(Console& console, std::string_view command, std::string_view message) {
  const std::string name(command);
  console.Line(absl::StrCat(name, name.empty() ? "" : ": ", std::string(message), " (",
                            console.program(), " help", name.empty() ? "" : " ", name, ")"));
  return kUsage;
}

std::string UnknownGraph(std::string_view name) {
  const std::string hint = DidYouMean(name, GraphNames());
  return absl::StrCat("unknown graph '", std::string(name), "'",
                      hint.empty() ? "; list shows those that there are" : hint);
}

int Print(Console& console, std::string_view text, const OutputFile::Stop& stop) {
  OutputFile out;
  absl::Status status = out.Open("-");
  if (status.ok()) status = out.Write(text, stop);
  if (status.ok()) return kOk;
  if (IsReaderGone(status)) return kReaderIsGone;
  if (absl::IsCancelled(status)) return kFailed;
  console.Line(std::string(status.message()));
  return kFailed;
}

bool IsReaderGone(const absl::Status& error) {
  const absl::Status gone = internal::NamedError("cannot write", "standard output", EPIPE);
  return ends_by_sigpipe && error.code() == gone.code() &&
         absl::EndsWith(error.message(), gone.message());
}

std::string Help(const Console& console, const Command& command,
                 const std::vector<CommandFlag>& flags, const CommandLine& line) {
  std::string text =
      absl::StrCat("usage: ", console.program(), " ", command.name,
                   command.synopsis.empty() ? "" : " ", command.synopsis, "\n\n", command.details);
  if (line.graph != nullptr) {
    const std::string own = DescribeFlags(*line.graph);
    absl::StrAppend(&text, "\n", line.graph->name, ": ", line.graph->description, "\n",
                    own.empty() ? "  It has no flags of its own.\n" : own);
  }
  if (!flags.empty()) absl::StrAppend(&text, "\nflags:\n", DescribeFlags(flags));
  std::string example = command.example;
  if (line.graph != nullptr && command.name == "run" && line.graph->name != "word_count") {
    example = absl::StrCat("run ", line.graph->name, " --report=report.json");
    if (DescribeFlags(*line.graph).find("--input=") != std::string::npos) {
      example =
          absl::StrCat("run ", line.graph->name, " --input=/usr/include --report=report.json");
    }
    if (line.graph->name == "pack")
      example = "run pack --input=dump.sql --output=dump.sql.zst --check";
  }
  absl::StrAppend(&text, "\nexample:\n  ", console.program(), " ", example, "\n");
  return text;
}

}  // namespace cli

int Main(int argc, char** argv) {
  cli::KeepStandardDescriptors();
  // A write to a pipe that nobody reads, or beyond `ulimit -f`, is an error like another.
  cli::ends_by_sigpipe = std::signal(SIGPIPE, SIG_IGN) != SIG_IGN;
  std::signal(SIGXFSZ, SIG_IGN);
  std::string program = argc > 0 ? argv[0] : "weir";
  program = program.substr(program.rfind('/') + 1);
  cli::Console console(program);
  cli::GoWhereBazelsUserStands(console);
  try {
    const int status =
        cli::Dispatch(console, cli::Arguments(argv + std::min(argc, 1), argv + argc));
    if (status == cli::kReaderIsGone) {
      // All is cleaned up: as if the write had ended the process.
      std::signal(SIGPIPE, SIG_DFL);
      std::raise(SIGPIPE);
    }
    return status;
  } catch (const std::exception& error) {  // of a function that declares a graph, say
    console.Line(error.what());
    return cli::kFailed;
  }
}

}  // namespace weir
