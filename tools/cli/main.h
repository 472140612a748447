// The command line for one's own graphs: a program that registers them and links `//:weir_main` has the subcommands list,
// run, draw, check and simulate, with help, progress on a terminal, signals, and clear errors.
//
//   #include <ranges>
//
//   #include "absl/flags/flag.h"
//   #include "absl/strings/str_cat.h"
//   #include "weir/main.h"
//
//   ABSL_FLAG(int, count, 10, "how many numbers to square");
//
//   static const bool kSquares = weir::RegisterGraph(
//       "squares", "Prints the squares of the first numbers.", [](weir::Graph& graph) {
//         weir::From(graph, "numbers", weir::FromRange(std::views::iota(0, absl::GetFlag(FLAGS_count))))
//             .Map("square", [](int n) { return absl::StrCat(n * n); })
//             .WriteLines("write", "-");
//       });
//
// A graph's flags are those that are defined with ABSL_FLAG in the file that registers it: `squares run squares --count=5`.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "weir/weir.h"

namespace weir {

// What the command line gives to a graph that is about to be made. Its flags have their values by then.
struct JobSetup {
  int threads = 1;  // of the engine that will run it: how many workers are of use
  // To be told, in a sentence, of something that was left out and does not stop the job: an unreadable file. Each is printed
  // at once, as a line on standard error; if there were any, the exit status is 1. Any thread.
  std::function<void(std::string_view)> problem;
};

struct JobProgress {
  uint64_t items = 0;
  std::string what = "items";  // "files"
  uint64_t bytes = 0;          // 0: not counted
  uint64_t total_bytes = 0;    // 0: not known
};

// A graph and what belongs to it, made for one command.
class Job {
 public:
  virtual ~Job() = default;
  virtual Graph& graph() = 0;
  // Whether the flags allow a run; else what is missing, which becomes a message about the usage and the exit status 2.
  // A graph is drawn without, and checked without unless flags of its own are given.
  virtual absl::Status Ready() const { return absl::OkStatus(); }
  // The path that the result goes to, if a flag names it; "" and "-" are standard output. `run`
  // writes nothing of its own there.
  virtual std::string Output() const { return ""; }
  // The paths that are read, if flags name them; "-" is standard input. `run` refuses to write to
  // one of them.
  virtual std::vector<std::string> Inputs() const { return {}; }
  // Whether a part of the result is of use, so that `run --keep_partial` makes sense.
  virtual bool HasPartialResult() const { return true; }
  // How far the run is, of which `now` is a snapshot. By default, the items that its sources have sent.
  virtual JobProgress Progress(const Report& now) const;
};

using JobFactory = std::function<std::unique_ptr<Job>(const JobSetup&)>;

// Before Main; returns true, so that it can initialise a static. A name that is taken ends the process with a message.
bool RegisterJob(std::string_view name, std::string_view description, JobFactory factory,
                 const char* file = __builtin_FILE());

namespace internal {

class GraphJob final : public weir::Job {
 public:
  explicit GraphJob(std::string_view name) : graph_(name) {}
  Graph& graph() override { return graph_; }

 private:
  Graph graph_;
};

}  // namespace internal

// The same for a graph that needs nothing beside it: `fill(Graph&)`, or `fill(Graph&, const JobSetup&)`, adds its stages.
template <class F>
bool RegisterGraph(std::string_view name, std::string_view description, F fill,
                   const char* file = __builtin_FILE()) {
  return RegisterJob(
      name, description,
      [name = std::string(name),
       fill = std::move(fill)](const JobSetup& setup) -> std::unique_ptr<Job> {
        auto job = std::make_unique<internal::GraphJob>(name);
        if constexpr (std::is_invocable_v<const F&, Graph&, const JobSetup&>) {
          fill(job->graph(), setup);
        } else {
          fill(job->graph());
        }
        return job;
      },
      file);
}

// What `main` does. Exit status: 0; 1 if a run failed or left something out; 2 for a wrong command
// line; 130, 143 or 129 if it was ended by SIGINT, SIGTERM or SIGHUP. It installs handlers for
// these three, unless they are ignored, and ignores SIGPIPE and SIGXFSZ; nothing else in weir does.
// Once nobody reads standard output any more, as in `| head -1`, it cleans up and then ends by
// SIGPIPE without a message, as other programs do (a shell calls that status 141); where SIGPIPE
// was ignored when the program began, a write that fails so is an error like another.
int Main(int argc, char** argv);

}  // namespace weir
