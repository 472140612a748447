// Odd environments, a process each: a system that gives few threads or none, little memory, and a fork. A run works with what there
// is, or is refused with one status that says why; no process ends by a signal, and none hangs.
#include <gtest/gtest.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdint>
#include <cstdio>
#include <fstream>
#include <functional>
#include <optional>
#include <ranges>
#include <string>

#include "weir/weir.h"

namespace weir {
namespace {

constexpr unsigned kSeconds = 60;  // after which a process that hangs is ended

// Runs `body` in a child process. Returns what it returns, or 1000 and the signal that ended it.
int InChild(const std::function<int()>& body) {
  std::fflush(nullptr);
  const pid_t child = fork();
  if (child == 0) {
    alarm(kSeconds);
    _exit(body());
  }
  int status = 0;
  if (child < 0 || waitpid(child, &status, 0) != child) return -1;
  return WIFSIGNALED(status) ? 1000 + WTERMSIG(status) : WEXITSTATUS(status);
}

// 0 if all is well: the numbers are added up right, or both the engine and the run say with RESOURCE_EXHAUSTED what is missing.
int RunNumbers(int threads) {
  uint64_t sum = 0;
  Graph graph("numbers");
  From(graph, "numbers", FromRange(std::views::iota(1, 20'001)))
      .Map("square", [](uint64_t n) { return n * n; }, {.workers = 4})
      .Filter("odd", [](uint64_t n) { return n % 2 == 1; })
      .ForEach("add", [&](uint64_t n) { sum += n; });
  Engine engine({.threads = threads, .log = [](std::string_view) {}});
  const Report report = Run(engine, graph).Wait();
  if (!engine.status().ok()) {
    std::fprintf(stderr, "refused: %s\n", report.status.ToString().c_str());
    return absl::IsResourceExhausted(engine.status()) && report.status == engine.status() ? 0 : 2;
  }
  if (!report.ok()) std::fprintf(stderr, "failed: %s\n", report.status.ToString().c_str());
  return report.ok() && sum == 1'333'333'330'000 ? 0 : 1;
}

bool LimitThreads(rlim_t threads) {
  const rlimit limit{threads, threads};
  // The limit does not concern root. It is of all the processes of a user: of this one there are no others.
  constexpr uid_t kUser = 64'999;
  return setrlimit(RLIMIT_NPROC, &limit) == 0 && setuid(kUser) == 0;
}

TEST(OddEnvironment, FewThreads_OrNone) {
  if (getuid() != 0) GTEST_SKIP() << "the number of threads is limited for each user, and to be another takes root";
  for (rlim_t threads = 1; threads <= 7; ++threads) {
    for (const int wanted : {1, 4}) {
      EXPECT_EQ(InChild([&] { return LimitThreads(threads) ? RunNumbers(wanted) : 3; }), 0)
          << threads << " threads, and the engine is to have " << wanted;
    }
  }
}

TEST(OddEnvironment, FewThreads_ForCallsThatBlock) {
  if (getuid() != 0) GTEST_SKIP();
  for (rlim_t threads = 2; threads <= 6; ++threads) {
    const auto body = [threads] {
      if (!LimitThreads(threads)) return 3;
      int count = 0;
      Graph graph("blocking");
      From(graph, "numbers", FromRange(std::views::iota(0, 100)))
          .Map("blocks", [](int n) { return n; }, {.workers = 3, .blocking = true})
          .ForEach("count", [&](int) { ++count; });
      Engine engine({.threads = 2, .log = [](std::string_view) {}});
      const Report report = weir::Run(engine, graph).Wait();
      return (report.ok() && count == 100) || absl::IsResourceExhausted(report.status) ? 0 : 1;
    };
    EXPECT_EQ(InChild(body), 0) << threads << " threads";
  }
}

TEST(OddEnvironment, LittleAddressSpace) {
  for (const rlim_t mebibytes : {4, 12, 20, 40, 100}) {
    const auto body = [mebibytes] {
      size_t pages = 0;
      std::ifstream("/proc/self/statm") >> pages;
      const rlim_t bytes = pages * sysconf(_SC_PAGESIZE) + (mebibytes << 20);
      const rlimit limit{bytes, bytes};
      if (setrlimit(RLIMIT_AS, &limit) != 0) return 3;
      try {
        return RunNumbers(4);
      } catch (const std::bad_alloc&) {  // as is documented
        return 0;
      }
    };
    EXPECT_EQ(InChild(body), 0) << mebibytes << " MiB";
  }
}

// --- Forks ---

Graph& Numbers(Graph& graph) {
  From(graph, "numbers", FromRange(std::views::iota(0, 10))).Ignore("ignore");
  return graph;
}

TEST(OddEnvironment, Fork_TheParentsEngine_IsRefusedInTheChild) {
  const auto parent = [] {
    Engine engine({.threads = 2});
    Graph graph("numbers"), sleeping("sleeping");
    Numbers(graph);
    if (!weir::Run(engine, graph).Wait().ok()) return 1;
    From(sleeping, "never", Generate([]() -> std::optional<int> { return std::nullopt; })).Ignore("ignore");
    auto& input = sleeping.Add<Input<int>>("open");
    Flow(sleeping, input.out).Ignore("ignore_too");
    std::optional<weir::Run> active;
    active.emplace(engine, sleeping);
    const int child = InChild([&] {
      const Report refused = weir::Run(engine, graph).Wait();
      if (!absl::IsFailedPrecondition(refused.status)) return 11;
      if (refused.status.message().find("fork") == absl::string_view::npos) return 12;
      if (!absl::IsFailedPrecondition(active->Wait().status)) return 13;
      if (!absl::IsFailedPrecondition(input.Send(1))) return 14;
      active.reset();  // neither hangs nor ends the process
      return 0;
    });
    if (child != 0) return child;
    // The parent's goes on.
    if (!weir::Run(engine, graph).Wait().ok()) return 2;
    input.Close();
    return active->Wait().ok() ? 0 : 3;
  };
  EXPECT_EQ(InChild(parent), 0);
}

TEST(OddEnvironment, Fork_AnEngineOfTheChilds_Works) {
  const auto parent = [] {
    Engine engine({.threads = 2});
    Graph graph("numbers");
    Numbers(graph);
    if (!weir::Run(engine, graph).Wait().ok()) return 1;
    return InChild([] { return RunNumbers(2); });
  };
  EXPECT_EQ(InChild(parent), 0);
}

TEST(OddEnvironment, Fork_TheChildReturns_WithoutAnEnd) {
  const auto parent = [] {
    Engine engine({.threads = 2});
    return InChild([&] {
      // As if the child returned from the function that had made the engine.
      engine.~Engine();
      return 0;
    });
  };
  EXPECT_EQ(InChild(parent), 0);
}

}  // namespace
}  // namespace weir
