// `simulate`: many schedules of a graph, until one fails; or until it has grown enough to run through.
#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <csignal>
#include <cstdio>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "weir/core/printable.h"
#include "weir/explore.h"
#include "weir/tools/cli/commands.h"
#include "weir/tools/cli/paths.h"
#include "weir/tools/cli/signals.h"

namespace weir::cli {
namespace {

struct SimulateFlags {
  std::optional<uint64_t> seeds, seed;
  bool faults = false, grow = false, trace = false;
  std::string choices;

  std::vector<CommandFlag> Describe() {
    const auto number = [](std::optional<uint64_t>& into, uint64_t least) {
      return [&into, least](const std::string& value) {
        uint64_t parsed = 0;
        const bool good = absl::SimpleAtoi(value, &parsed) && parsed >= least;
        into = parsed;
        return good ? absl::OkStatus()
                    : absl::InvalidArgumentError(
                          absl::StrCat("must be a number", least > 0 ? " above zero" : ""));
      };
    };
    const auto yes = [](bool& into) {
      return [&into](const std::string& value) {
        into = value == "true";
        return into || value == "false" ? absl::OkStatus()
                                        : absl::InvalidArgumentError("is true or false");
      };
    };
    return {
        {"seeds", "N", "how many schedules (default: 1000)", number(seeds, 1)},
        {"faults", "",
         "injects delays, clock jumps, exceptions, failing allocations, cancels and drains",
         yes(faults), true},
        {"grow", "", "doubles the channels that a deadlock names until all schedules run through",
         yes(grow), true},
        {"seed", "S", "replays the schedule of this seed alone", number(seed, 0)},
        {"choices", "LIST", "replays the schedule that a failure has printed: 2,0*5,1",
         [this](const std::string& value) {
           choices = value;
           return ParseChoices(value).status();
         }},
        {"trace", "", "prints each step of the schedule that failed, or of the only one",
         yes(trace), true},
    };
  }
  absl::Status Validate() const {
    if (seeds.has_value() + seed.has_value() + !choices.empty() > 1)
      return absl::InvalidArgumentError(
          "--seeds, --seed and --choices are three ways to say which "
          "schedules; give one of them");
    if (grow && (faults || !choices.empty()))
      return absl::InvalidArgumentError("--grow goes without --faults and --choices");
    return absl::OkStatus();
  }
};

// While it lives, what is written to standard output is lost: a graph may write there once for each schedule.
class Silence {
 public:
  Silence() : kept_(::dup(STDOUT_FILENO)) {
    const int null = ::open("/dev/null", O_WRONLY | O_CLOEXEC);
    ::dup2(null, STDOUT_FILENO);
    ::close(null);
  }
  ~Silence() {
    ::dup2(kept_, STDOUT_FILENO);
    ::close(kept_);
  }
  Silence(const Silence&) = delete;
  Silence& operator=(const Silence&) = delete;

 private:
  const int kept_;
};

// A command line's argument, so that a shell takes it as it is.
std::string Quoted(const std::string& argument) {
  const bool plain =
      argument.find_first_not_of(
          "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_=./,+:@%") ==
      std::string::npos;
  if (plain && !argument.empty()) return argument;
  std::string quoted = "'";
  for (char c : argument) absl::StrAppend(&quoted, c == '\'' ? "'\\''" : std::string(1, c));
  return quoted + "'";
}

// The command line that shows the failure again: this one, but for what it says of schedules.
std::string Replay(const Console& console, const Arguments& arguments, const SimulateFlags& flags,
                   const Failure& failure) {
  std::vector<std::string> words = {console.program(), "simulate"};
  for (size_t i = 0; i < arguments.size(); ++i) {
    const std::string name = arguments[i].substr(0, arguments[i].find('='));
    if (name == "--seeds" || name == "--seed" || name == "--choices") {
      if (name == arguments[i]) ++i;  // its value
      continue;
    }
    if (name == "--trace" || name == "--faults") continue;
    words.push_back(Quoted(arguments[i]));
  }
  if (flags.faults) words.push_back("--faults");
  words.push_back(Quoted(failure.choices.empty() ? absl::StrCat("--seed=", *failure.seed)
                                                 : absl::StrCat("--choices=", failure.choices)));
  words.push_back("--trace");
  return absl::StrJoin(words, " ");
}

// Names in it are shown, and not obeyed by a terminal.
std::string PrintableLines(const std::string& text) {
  std::vector<std::string> lines = absl::StrSplit(text, '\n');
  for (std::string& line : lines) line = internal::Printable(line);
  return absl::StrJoin(lines, "\n");
}

int Simulate(Console& console, const Registered& graph, const SimulateFlags& flags,
             const Arguments& arguments) {
  // Of each problem once, however many schedules meet it.
  std::set<std::string> problems;
  JobSetup setup;
  setup.threads = 2;  // several workers make schedules interesting
  setup.problem = [&](std::string_view text) {
    if (problems.insert(std::string(text)).second) console.Line(text);
  };
  const std::unique_ptr<Job> first = graph.factory(setup);
  absl::Status ready = first->Ready();
  if (ready.ok()) ready = CheckFiles(*first, "");
  const std::vector<std::string> inputs = first->Inputs();
  if (ready.ok() && std::find(inputs.begin(), inputs.end(), "-") != inputs.end()) {
    ready = absl::InvalidArgumentError(
        "each schedule reads the input anew, and standard input can be read once; name a file");
  }
  if (!ready.ok())
    return UsageError(console, "simulate", absl::StrCat(graph.name, ": ", ready.message()));

  Signals signals;
  std::atomic<uint64_t> begun{0};
  std::optional<StepSignals> between_steps(std::in_place, signals, [&](int ended_by) {
    console.Line(absl::StrCat(graph.name, ": interrupted in a step that does not end, in schedule ",
                              FormatCount(begun), "; the process is ended"));
    EndProcess(StatusOf(ended_by));
  });
  int signal = 0;
  ExploreOptions options;
  options.faults = flags.faults;
  options.choices = flags.choices;
  options.seeds = flags.seed.has_value() ? 1 : flags.seeds.value_or(options.seeds);
  options.first_seed = flags.seed.value_or(options.first_seed);
  options.stop = [&] {
    signal = std::max(signal, between_steps->Take());
    return signal > 0;
  };
  options.go_on = [&](uint64_t schedules) {
    begun = schedules + 1;
    if (schedules % 16 == 0 && console.is_terminal()) {
      console.Progress(absl::StrCat(graph.name, ": ", FormatCount(schedules), " schedules"));
    }
    return !options.stop();
  };
  const auto body = [&](Trial& trial) {
    const std::unique_ptr<Job> job = graph.factory(setup);
    trial.Run(job->graph());
  };
  Growth growth;
  {
    Silence silence;
    if (flags.grow) {
      growth = Grow(options, body);
    } else {
      growth.last = Explore(options, body);
    }
  }
  between_steps.reset();
  console.ClearProgress();
  if (signal > 0) {
    console.Line(absl::StrCat(graph.name, ": interrupted after ",
                              FormatCount(growth.last.schedules),
                              growth.last.schedules == 1 ? " schedule" : " schedules"));
  }
  std::string text = absl::StrCat(graph.name, ": ", growth.ToString(), "\n");
  const std::optional<Failure>& failure = growth.last.failure;
  if (failure.has_value() && flags.choices.empty() && !flags.grow) {
    absl::StrAppend(&text, "  to see it again: ", Replay(console, arguments, flags, *failure),
                    "\n");
    if (absl::StrContains(failure->what, ": try "))
      absl::StrAppend(&text, "  to find a capacity that will do, add --grow\n");
  }
  const std::string& trace = failure.has_value() ? failure->trace : growth.last.trace;
  if (flags.trace && !trace.empty())
    absl::StrAppend(&text, "step, nanoseconds, what, whose:\n", trace);
  const int printed = Print(console, PrintableLines(text), [&] {
    signal = std::max(signal, signals.Wait(absl::ZeroDuration()));
    return signal > 0;
  });
  if (signal > 0) return StatusOf(signal);
  return growth.ok() ? printed : kFailed;
}

int SimulateGraph(Console& console, const Command& command, const Arguments& arguments) {
  SimulateFlags flags;
  const std::vector<CommandFlag> described = flags.Describe();
  CommandLine line;
  absl::Status parsed = ParseArguments(arguments, described, line);
  if (!line.target.empty() && line.graph == nullptr)
    parsed = absl::InvalidArgumentError(UnknownGraph(line.target));
  if (parsed.ok() && line.help) return Print(console, Help(console, command, described, line));
  if (parsed.ok() && line.target.empty())
    parsed = absl::InvalidArgumentError("which graph? (list shows them)");
  if (parsed.ok()) parsed = flags.Validate();
  if (!parsed.ok()) return UsageError(console, command.name, std::string(parsed.message()));
  return Simulate(console, *line.graph, flags, arguments);
}

}  // namespace

Command SimulateCommand() {
  return {
      "simulate",
      "GRAPH [flags]",
      "looks for a schedule in which a graph fails",
      "Runs a graph many times on one thread in virtual time, each time in another order, and "
      "looks "
      "after each whether it succeeded, balances\n"
      "and left nothing. A failure is shortened to a few choices that show it again. It reads its "
      "real input, and writes its output where\n"
      "the graph's flags say; what would go to standard output is dropped.\n"
      "The exit status is 0; 1 if a schedule failed; 2 for a wrong command line; 130 after "
      "Ctrl-C, 143 after SIGTERM, 129 after SIGHUP.\n",
      "simulate word_count --input=/usr/share/common-licenses --seeds=100 --faults",
      &SimulateGraph};
}

}  // namespace weir::cli
