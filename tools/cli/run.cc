// `run`: makes the graph, runs it with progress and signals, and says how it ended.
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <csignal>
#include <cstdlib>
#include <optional>
#include <thread>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "weir/core/simulator.h"
#include "weir/tools/cli/commands.h"
#include "weir/tools/cli/paths.h"
#include "weir/tools/cli/signals.h"

namespace weir::cli {
namespace {

struct RunFlags {
  int threads = 0;  // 0: one for each core
  absl::Duration deadline = absl::InfiniteDuration();
  // Less than what service managers and container engines wait before they kill, which is 30 s
  // mostly.
  absl::Duration drain_timeout = absl::Seconds(20);
  bool keep_partial = false;
  std::string report;
  std::optional<uint64_t> simulate;

  std::vector<CommandFlag> Describe() {
    return {
        {"threads", "N", "threads to run on, 1 to 256 (default: one for each core)",
         [this](const std::string& value) {
           const bool good = absl::SimpleAtoi(value, &threads) && threads >= 1 &&
                             threads <= EngineOptions::kMaxThreads;
           return good ? absl::OkStatus()
                       : absl::InvalidArgumentError(
                             absl::StrCat("must be a number from 1 to ", EngineOptions::kMaxThreads,
                                          "; without the flag there is a thread for each core"));
         }},
        {"deadline", "DURATION", "cancels the run after this time: 200ms, 1.5s, 2h",
         [this](const std::string& value) {
           const bool good =
               absl::ParseDuration(value, &deadline) && deadline > absl::ZeroDuration();
           return good ? absl::OkStatus()
                       : absl::InvalidArgumentError(
                             "must be a duration above zero, such as 200ms or 1.5s");
         }},
        {"drain_timeout", "DURATION",
         "cancels an interrupted run that has not finished what it had read after this time "
         "(default: 20s; inf)",
         [this](const std::string& value) {
           const bool good =
               absl::ParseDuration(value, &drain_timeout) && drain_timeout > absl::ZeroDuration();
           return good ? absl::OkStatus()
                       : absl::InvalidArgumentError(
                             "must be a duration above zero, such as 500ms or 1m, or inf");
         }},
        {"keep_partial", "",
         "lets the result of an interrupted run take the output's name, though it is of a part of "
         "the input",
         [this](const std::string& value) {
           keep_partial = value == "true";
           return keep_partial || value == "false" ? absl::OkStatus()
                                                   : absl::InvalidArgumentError("is true or false");
         },
         true},
        {"report", "FILE", "writes a report of the run, as JSON, that draw can draw",
         [this](const std::string& value) {
           report = value;
           return value.empty() ? absl::InvalidArgumentError(
                                      "must be a file's name, or - for standard output")
                                : absl::OkStatus();
         }},
        {"simulate", "SEED", "runs on one thread in virtual time, every choice drawn from a seed",
         [this](const std::string& value) {
           uint64_t seed = 0;
           const bool good = absl::SimpleAtoi(value, &seed);
           simulate = seed;
           return good ? absl::OkStatus()
                       : absl::InvalidArgumentError("must be a number, the seed");
         }},
    };
  }
};

// One run, from its signals' point of view: the first drains it, the second cancels it, the third does not wait for it.
class Interrupts {
 public:
  Interrupts(Console& console, Run& run, const RunFlags& flags)
      : console_(console), run_(run), flags_(flags) {}
  void Take(int signal) {
    if (signal <= 0) return;
    last_ = signal;
    if (++count_ > 2) {
      console_.ClearProgress();
      EndProcess(status());
    }
    if (count_ == 1) {
      run_.Drain(flags_.drain_timeout, flags_.keep_partial ? Partial::kKeep : Partial::kDiscard);
      console_.Line(
          "stopping: no more input is read, and what has been read is finished; once more cancels "
          "the run");
    } else {
      run_.Cancel(absl::CancelledError(absl::StrCat("cancelled by ", NameOf(signal))));
      console_.Line("cancelling; once more ends the process at once");
    }
  }
  int count() const { return count_; }
  int status() const { return StatusOf(last_); }

 private:
  Console& console_;
  Run& run_;
  const RunFlags& flags_;
  int count_ = 0;
  int last_ = 0;
};

std::string DescribeProgress(const Job& job, const Report& now) {
  const JobProgress progress = job.Progress(now);
  const double seconds = std::max(1e-3, absl::ToDoubleSeconds(now.elapsed));
  std::string text = absl::StrCat(now.graph, ": ", FormatCount(progress.items), " ", progress.what);
  if (progress.bytes > 0) {
    absl::StrAppend(&text, ", ", FormatBytes(static_cast<double>(progress.bytes)), ", ",
                    FormatBytes(static_cast<double>(progress.bytes) / seconds), "/s");
  } else {
    absl::StrAppend(
        &text, ", ",
        FormatCount(static_cast<uint64_t>(static_cast<double>(progress.items) / seconds)), "/s");
  }
  if (progress.total_bytes > 0) {
    absl::StrAppendFormat(&text, ", %d %%",
                          std::min<uint64_t>(100, progress.bytes * 100 / progress.total_bytes));
  }
  return absl::StrCat(text, ", ", FormatElapsed(now.elapsed));
}

// Waits for a run on threads, telling of its progress and passing signals on. What it gives is not over if some of its Works
// have not stopped within the engine's grace.
Report Watch(Console& console, Run& run, const Job& job, Signals& signals, Interrupts& interrupts) {
  const absl::Duration tick = console.is_terminal() ? absl::Milliseconds(200) : absl::Seconds(1);
  const absl::Duration between_lines = absl::Seconds(30);
  absl::Duration next_line = between_lines;
  while (!run.over()) {
    const int signal = signals.Wait(tick);
    if (signal == Signals::kWoken) return run.Wait();  // about to be over
    interrupts.Take(signal);
    const Report now = run.Snapshot();
    if (!now.teardown.overdue.empty()) {
      // The other Works go on now, and clean up.
      Report last = run.WaitFor(absl::Seconds(1));
      if (!last.over) return last;
      continue;
    }
    if (console.is_terminal()) {
      console.Progress(DescribeProgress(job, now));
    } else if (now.elapsed >= next_line) {
      console.Line(DescribeProgress(job, now));
      next_line = now.elapsed + between_lines;
    }
  }
  return run.Wait();
}

// The same for a simulated run, whose steps are taken on this thread.
Report Simulate(Console& console, Run& run, Engine& engine, const std::string& name,
                Signals& signals, Interrupts& interrupts) {
  StepSignals between_steps(signals, [&](int signal) {
    console.Line(
        absl::StrCat(name, " was interrupted in a step that does not end; the process is ended"));
    EndProcess(StatusOf(signal));
  });
  engine.simulator()->OnStep([&](uint64_t) { interrupts.Take(between_steps.Take()); });
  Report report = run.Wait();
  engine.simulator()->OnStep(nullptr);
  return report;
}

std::string DescribeFailure(const Report& report) {
  const std::string when = report.elapsed < absl::Milliseconds(1)
                               ? "at once"
                               : absl::StrCat("after ", FormatElapsed(report.elapsed));
  return absl::StrCat(report.graph, " failed ", when, ": ", report.status.ToString());
}

int RunJob(Console& console, const Registered& graph, const RunFlags& flags) {
  std::atomic<uint64_t> problems{0};
  const auto problem = [&](std::string_view text) {
    ++problems;
    console.Line(text);
  };
  EngineOptions options;
  options.threads = flags.threads;
  options.log = [&console](std::string_view line) { console.Line(line); };
  auto engine =
      flags.simulate.has_value()
          ? std::unique_ptr<Engine>(new Engine(Engine::Simulated(*flags.simulate, options)))
          : std::make_unique<Engine>(options);
  if (!engine->status().ok()) {
    console.Line(std::string(engine->status().message()));
    return kFailed;
  }
  // A simulated engine has one thread; several workers make its schedules interesting.
  const int threads = flags.threads > 0            ? flags.threads
                      : flags.simulate.has_value() ? 2
                                                   : engine->threads();
  const std::unique_ptr<Job> job = graph.factory(JobSetup{threads, problem});
  absl::Status ready = job->Ready();
  if (ready.ok() && flags.keep_partial && !job->HasPartialResult())
    ready = absl::InvalidArgumentError("--keep_partial: a part of its result is of no use");
  if (ready.ok()) ready = CheckFiles(*job, flags.report);
  if (!ready.ok())
    return UsageError(console, "run", absl::StrCat(graph.name, ": ", ready.message()));
  Signals signals;
  // Before the run, so that it is not in vain.
  OutputFile report_file;
  if (!flags.report.empty()) {
    int signal = 0;
    const auto interrupted = [&] {
      signal = std::max(signal, signals.Wait(absl::ZeroDuration()));
      return signal > 0;
    };
    const absl::Status opened = report_file.Open(flags.report, interrupted);
    if (signal > 0) return StatusOf(signal);
    if (!opened.ok()) {
      console.Line(absl::StrCat("--report: ", opened.message()));
      return kFailed;
    }
  }

  RunOptions run_options;
  run_options.deadline = flags.deadline;
  Run run(*engine, job->graph(), run_options);
  Interrupts interrupts(console, run, flags);
  if (!flags.simulate.has_value()) run.OnDone([&signals](const Report&) { signals.Wake(); });
  const Report report = flags.simulate.has_value()
                            ? Simulate(console, run, *engine, graph.name, signals, interrupts)
                            : Watch(console, run, *job, signals, interrupts);
  console.ClearProgress();
  if (!report.over) {
    console.Line(absl::StrCat(graph.name, " was cancelled and has not stopped: still busy: ",
                              absl::StrJoin(report.teardown.overdue, ", "),
                              "; the process is ended"));
    EndProcess(interrupts.count() > 0 ? interrupts.status() : kFailed);
  }

  int status = kOk;
  if (IsReaderGone(report.status)) {
    status = kReaderIsGone;
  } else if (!report.ok()) {
    status = kFailed;
    const bool part_is_lost = report.input_cut && absl::IsAborted(report.status) &&
                              !flags.keep_partial && job->HasPartialResult();
    console.Line(absl::StrCat(DescribeFailure(report),
                              part_is_lost ? " (--keep_partial writes it all the same)" : ""));
  } else if (console.is_terminal()) {
    console.Line(DescribeProgress(*job, report));
  }
  if (console.is_terminal() && !report.bottleneck.empty())
    console.Line(absl::StrCat("bottleneck: ", report.bottleneck));
  if (flags.simulate.has_value() && console.is_terminal()) {
    console.Line(absl::StrFormat("simulated with seed %d: %d steps, digest %016x", *flags.simulate,
                                 engine->simulator()->steps(), engine->simulator()->digest()));
  }
  if (problems > 0 && status != kReaderIsGone) {
    status = kFailed;
    console.Line(absl::StrCat(graph.name, ": ", FormatCount(problems),
                              problems == 1 ? " problem" : " problems",
                              ", listed above; the result lacks what could not be read"));
  }
  if (!flags.report.empty()) {
    const auto interrupted = [&signals] { return signals.Wait(absl::ZeroDuration()) > 0; };
    absl::Status written = report_file.Write(ToJson(report) + "\n", interrupted);
    if (written.ok()) written = report_file.Commit();
    if (!written.ok()) {
      status = kFailed;
      console.Line(absl::StrCat("--report: ", written.message()));
    }
  }
  if (interrupts.count() > 0) {
    if (report.ok()) {
      console.Line(absl::StrCat(
          graph.name, report.input_cut
                          ? " was interrupted: the result covers what had been read by then"
                          : " had come to the end of its input by then: the result is complete"));
    }
    return interrupts.status();
  }
  return status;
}

int RunGraph(Console& console, const Command& command, const Arguments& arguments) {
  RunFlags flags;
  const std::vector<CommandFlag> described = flags.Describe();
  CommandLine line;
  absl::Status parsed = ParseArguments(arguments, described, line);
  if (!line.target.empty() && line.graph == nullptr) {
    parsed = absl::InvalidArgumentError(UnknownGraph(line.target));
  }
  if (parsed.ok() && line.help) return Print(console, Help(console, command, described, line));
  if (parsed.ok() && line.target.empty())
    parsed = absl::InvalidArgumentError("which graph? (list shows them)");
  if (!parsed.ok()) return UsageError(console, command.name, std::string(parsed.message()));
  return RunJob(console, *line.graph, flags);
}

}  // namespace

Command RunCommand() {
  return {
      "run",
      "GRAPH [flags]",
      "runs a graph",
      "Runs a graph to its end. Progress is on standard error: one line on a terminal, elsewhere a "
      "line every 30 s.\n"
      "Ctrl-C or SIGTERM ends the input and lets what has been read flow out. If all of the input "
      "had "
      "been read by then, the result is\n"
      "complete; otherwise a file that --output names stays as it was, unless --keep_partial is "
      "given. "
      "A second one cancels the run,\n"
      "and leaves the output as it was; a third ends the process at once.\n"
      "The exit status is 0; 1 if the run failed or left something out; 2 for a wrong command "
      "line;\n130 after Ctrl-C, 143 after SIGTERM, 129 after SIGHUP, 141 (by SIGPIPE, without a "
      "message) once nobody reads its standard output,\nas in `| head -1`.\n",
      "run word_count --input=/usr/share/doc --output=counts.txt",
      &RunGraph};
}

}  // namespace weir::cli
