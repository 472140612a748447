// A user's own program: its graphs, of which some have something wrong, and the command line that comes with `//:weir_main`.
#include <unistd.h>

#include <csignal>
#include <cstdio>
#include <memory>
#include <ranges>
#include <string>

#include "absl/flags/flag.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "weir/main.h"

ABSL_FLAG(int, count, 3, "how many numbers to square");
ABSL_FLAG(bool, negative, false, "negates them");
ABSL_FLAG(std::string, file, "", "of sticks: what it begins to write");

static const bool kSquares = weir::RegisterGraph(
    "squares", "prints the squares of the first numbers", [](weir::Graph& graph) {
      const int sign = absl::GetFlag(FLAGS_negative) ? -1 : 1;
      weir::From(graph, "numbers", weir::FromRange(std::views::iota(0, absl::GetFlag(FLAGS_count))))
          .Map("square", [sign](int n) { return absl::StrCat(sign * n * n); })
          .WriteLines("write", "-");
    });

// A diamond that wedges: the first half goes left, the second right, and a join takes from both in turn.
static const bool kWedges = weir::RegisterGraph(
    "wedges", "pairs the first half of the numbers with the second", [](weir::Graph& graph) {
      const int count = absl::GetFlag(FLAGS_count);
      auto halves = weir::From(graph, "numbers", weir::FromRange(std::views::iota(0, count)))
                        .Partition("halve", 2, [count](int n) { return n < count / 2 ? 0 : 1; },
                                   {.capacity = 1});
      auto& zip = graph.Add("zip", weir::Zip<int, int>());
      halves[0].To(zip.first, {.capacity = 1});
      halves[1].To(zip.second, {.capacity = 1});
      weir::Flow(graph, zip.out).Ignore("ignore");
    });

// Begins a file, says so, and never comes back.
static const bool kSticks =
    weir::RegisterGraph("sticks", "waits for what does not come", [](weir::Graph& graph) {
      weir::From(graph, "numbers", weir::FromRange(std::views::iota(0, absl::GetFlag(FLAGS_count))))
          .ForEach("stick",
                   [](int) {
                     weir::OutputFile file;
                     (void)file.Open(absl::GetFlag(FLAGS_file));
                     std::fputs("stuck\n", stderr);
                     while (true) ::pause();
                   },
                   {.blocking = true});
    });

static const bool kNothing =
    weir::RegisterGraph("has_a_rather_long_name", "does nothing at all", [](weir::Graph&) {});

// Interrupts its own process, and goes on without end.
static const bool kRaises = weir::RegisterGraph("raises", "is interrupted", [](weir::Graph& graph) {
  weir::From(graph, "numbers", weir::FromRange(std::views::iota(0))).ForEach("raise", [](int n) {
    if (n == 0) ::kill(::getpid(), SIGINT);
  });
});

// Fails; and when that is looked into, interrupts its own process and goes on without end.
static const bool kTurns =
    weir::RegisterGraph("turns", "fails, and is interrupted then", [](weir::Graph& graph) {
      static int runs = 0;
      weir::From(graph, "numbers", weir::FromRange(std::views::iota(0)))
          .Map("turn",
               [](int n) -> absl::StatusOr<int> {
                 if (n > 0) return n;
                 if (++runs == 1) return absl::DataLossError("the first time");
                 ::kill(::getpid(), SIGINT);
                 return n;
               })
          .Ignore("ignore");
    });

// Adds up in a way that is wrong as soon as its two workers meet.
static const bool kLoses = weir::RegisterGraph(
    "loses", "counts the numbers, and fails if it has lost one", [](weir::Graph& graph) {
      class Counter final : public weir::Stage {
       public:
        weir::In<int> in{this, "in"};
        weir::Task<> Work(weir::Context& context) override {
          while (auto item = co_await in.Receive()) {
            const int read = total_;
            co_await context.Yield();
            if (total_ != read) co_return absl::DataLossError("an update was lost");
            total_ = read + 1;
          }
          co_return in.status();
        }

       private:
        int total_ = 0;
      };
      weir::From(graph, "numbers", weir::FromRange(std::views::iota(0, absl::GetFlag(FLAGS_count))))
          .To("count", std::make_unique<Counter>())
          .set_workers(2);
    });
