// `draw`: a graph, or the report of a run, as a picture.
#include <fcntl.h>
#include <spawn.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <system_error>
#include <thread>

#include "absl/cleanup/cleanup.h"
#include "absl/status/statusor.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "weir/tools/cli/commands.h"
#include "weir/tools/cli/suggest.h"

namespace weir::cli {
namespace {

constexpr const char* kFormats[] = {"dot", "svg", "json"};

absl::Status SystemError(std::string_view what) {
  return absl::Status(absl::ErrnoToStatusCode(errno),
                      absl::StrCat(std::string(what), ": ", std::strerror(errno)));
}

// Through Graphviz. Its input and output are files in memory, so neither waits for the other.
absl::StatusOr<std::string> ToSvg(const std::string& dot) {
  const int in = ::memfd_create("weir-dot", MFD_CLOEXEC);
  const int out = ::memfd_create("weir-svg", MFD_CLOEXEC);
  const absl::Cleanup close = [in, out] {
    ::close(in);
    ::close(out);
  };
  if (in < 0 || out < 0) return SystemError("cannot make a file in memory for 'dot'");
  if (::write(in, dot.data(), dot.size()) != static_cast<ssize_t>(dot.size()) ||
      ::lseek(in, 0, SEEK_SET) != 0) {
    return SystemError("cannot write the graph for 'dot'");
  }
  posix_spawn_file_actions_t actions;
  ::posix_spawn_file_actions_init(&actions);
  const absl::Cleanup destroy = [&actions] { ::posix_spawn_file_actions_destroy(&actions); };
  ::posix_spawn_file_actions_adddup2(&actions, in, STDIN_FILENO);
  ::posix_spawn_file_actions_adddup2(&actions, out, STDOUT_FILENO);
  const char* const arguments[] = {"dot", "-Tsvg", nullptr};
  pid_t child = 0;
  const int spawned = ::posix_spawnp(&child, "dot", &actions, nullptr,
                                     const_cast<char* const*>(arguments), environ);
  if (spawned == ENOENT) {
    return absl::NotFoundError(
        "--format=svg needs Graphviz's 'dot', which is not installed: apt-get install graphviz, or "
        "use --format=dot");
  }
  if (spawned != 0) {
    errno = spawned;
    return SystemError("cannot start 'dot'");
  }
  int ended = 0;
  while (::waitpid(child, &ended, 0) < 0) {
    if (errno != EINTR) return SystemError("cannot wait for 'dot'");
  }
  if (!WIFEXITED(ended) || WEXITSTATUS(ended) != 0) {
    return absl::InternalError(WIFEXITED(ended)
                                   ? absl::StrCat("'dot' failed with status ", WEXITSTATUS(ended))
                                   : absl::StrCat("'dot' was ended by signal ", WTERMSIG(ended)));
  }
  std::string svg(static_cast<size_t>(std::max<off_t>(0, ::lseek(out, 0, SEEK_END))), '\0');
  if (::pread(out, svg.data(), svg.size(), 0) != static_cast<ssize_t>(svg.size())) {
    return SystemError("cannot read what 'dot' has drawn");
  }
  return svg;
}

absl::StatusOr<Report> ReadReport(const std::string& path) {
  std::error_code ignored;
  if (std::filesystem::is_directory(path, ignored)) {
    errno = EISDIR;
    return SystemError(absl::StrCat("cannot read '", path, "'"));
  }
  errno = 0;
  std::ifstream file(path, std::ios::binary);
  std::string text((std::istreambuf_iterator<char>(file)), std::istreambuf_iterator<char>());
  if (!file.is_open() || file.bad() || (text.empty() && errno != 0)) {
    return SystemError(absl::StrCat("cannot read '", path, "'"));
  }
  absl::StatusOr<Report> report = FromJson(text);
  if (!report.ok()) {
    return absl::Status(report.status().code(),
                        absl::StrCat("'", path, "': ", report.status().message()));
  }
  return report;
}

bool LooksLikeFile(const std::string& name) {
  return absl::EndsWith(name, ".json") || absl::StrContains(name, "/") ||
         ::access(name.c_str(), F_OK) == 0;
}

absl::StatusOr<std::string> Render(const Report& report, const std::string& format) {
  if (format == "json") return ToJson(report) + "\n";
  if (format == "svg") return ToSvg(ToDot(report));
  return ToDot(report);
}

int Draw(Console& console, const Command& command, const Arguments& arguments) {
  std::string format = "dot";
  std::string output = "-";
  const std::vector<CommandFlag> flags = {
      {"format", "FORMAT", "dot, svg (drawn by Graphviz), or json (default: dot)",
       [&format](const std::string& value) {
         const std::vector<std::string> formats(std::begin(kFormats), std::end(kFormats));
         format = value;
         const bool known = std::find(formats.begin(), formats.end(), value) != formats.end();
         return known ? absl::OkStatus()
                      : absl::InvalidArgumentError(
                            absl::StrCat("must be dot, svg or json", DidYouMean(value, formats)));
       }},
      {"output", "FILE", "where to write it (default: standard output)",
       [&output](const std::string& value) {
         output = value;
         return absl::OkStatus();
       }},
  };
  CommandLine line;
  absl::Status parsed = ParseArguments(arguments, flags, line);
  if (parsed.ok() && line.help) return Print(console, Help(console, command, flags, line));
  if (parsed.ok() && line.target.empty())
    parsed = absl::InvalidArgumentError("which graph, or which report of a run?");
  if (!line.target.empty() && line.graph == nullptr && !LooksLikeFile(line.target)) {
    parsed = absl::InvalidArgumentError(UnknownGraph(line.target));
  }
  if (!parsed.ok()) return UsageError(console, command.name, std::string(parsed.message()));

  if (line.graph == nullptr && OutputFile::IsSameFile(line.target, output)) {
    return UsageError(console, command.name,
                      absl::StrCat("'", line.target,
                                   "' is where the drawing goes, and would be replaced by it; name "
                                   "another file with --output"));
  }
  absl::StatusOr<Report> report = Report();
  if (line.graph != nullptr) {
    JobSetup setup;
    setup.threads = std::max(1, static_cast<int>(std::thread::hardware_concurrency()));
    const std::unique_ptr<Job> job = line.graph->factory(setup);
    report = Describe(job->graph());
  } else {
    report = ReadReport(line.target);
  }
  absl::StatusOr<std::string> text =
      report.ok() ? Render(*report, format) : absl::StatusOr<std::string>(report.status());
  absl::Status status = text.status();
  OutputFile file;
  if (status.ok()) status = file.Open(output);
  if (status.ok()) status = file.Write(*text);
  if (status.ok()) status = file.Commit();
  if (status.ok()) return kOk;
  if (IsReaderGone(status)) return kReaderIsGone;
  console.Line(std::string(status.message()));
  return kFailed;
}

}  // namespace

Command DrawCommand() {
  return {"draw",
          "GRAPH|FILE.json [flags]",
          "draws a graph, or the report of a run",
          "Draws a graph: its stages, and the channels between them with their types and "
          "capacities. A file that `run --report`\n"
          "has written is drawn with the figures of that run.\n",
          "draw word_count --format=svg --output=word_count.svg",
          &Draw};
}

}  // namespace weir::cli
