// A user's own program: one graph, and the command line that comes with `//:weir_main`.
#include <ranges>

#include "absl/flags/flag.h"
#include "absl/strings/str_cat.h"
#include "weir/main.h"

ABSL_FLAG(int, count, 3, "how many numbers to square");
ABSL_FLAG(bool, negative, false, "negates them");

static const bool kSquares = weir::RegisterGraph(
    "squares", "prints the squares of the first numbers", [](weir::Graph& graph) {
      const int sign = absl::GetFlag(FLAGS_negative) ? -1 : 1;
      weir::From(graph, "numbers", weir::FromRange(std::views::iota(0, absl::GetFlag(FLAGS_count))))
          .Map("square", [sign](int n) { return absl::StrCat(sign * n * n); })
          .WriteLines("write", "-");
    });
