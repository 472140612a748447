// The workload `pack` by the program that people use for it, as a process of its own.

#include <errno.h>
#include <spawn.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdint>
#include <string>
#include <system_error>

#include "absl/strings/str_cat.h"
#include "tools/bench/bench.h"
#include "tools/bench/pack.h"
#include "tools/bench/workloads.h"

namespace weir::bench {
namespace {

// Of all child processes that have been waited for.
int64_t ChildrenCpuNs() {
  rusage usage = {};
  getrusage(RUSAGE_CHILDREN, &usage);
  const auto ns = [](const timeval& time) {
    return int64_t{time.tv_sec} * 1'000'000'000 + int64_t{time.tv_usec} * 1'000;
  };
  return ns(usage.ru_utime) + ns(usage.ru_stime);
}

// True if it ended with status 0. Throws if it could not be started.
bool RunZstd(int threads, int level, std::string input, std::string output) {
  std::string on_threads = absl::StrCat("-T", threads), at_level = absl::StrCat("-", level);
  std::string program = "zstd", quiet = "-q", into = "-o";
  std::string force = "-f";  // the input is a link to a file without a name, the output exists
  char* arguments[] = {program.data(),    quiet.data(),    force.data(),
                       on_threads.data(), at_level.data(), input.data(),
                       into.data(),       output.data(),   nullptr};
  pid_t child = 0;
  const int error = posix_spawnp(&child, "zstd", nullptr, nullptr, arguments, environ);
  if (error != 0) {
    throw std::system_error(error, std::generic_category(),
                            "cannot run zstd (tools/setup.sh installs it)");
  }
  int status = 0;
  while (waitpid(child, &status, 0) < 0 && errno == EINTR) {
  }
  return WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

Sample Run(const Params& params) {
  const PackOutput output;
  const int level = PackLevel(params);
  {
    // The program is in the page cache then, and what it links.
    const PackOutput nothing;
    RunZstd(params.threads, level, nothing.path(), output.path());
  }

  const int64_t before = ChildrenCpuNs();
  const Stopwatch stopwatch;
  const bool ok = RunZstd(params.threads, level, params.input, output.path());
  Sample sample = stopwatch.Stop(params.items);
  sample.cpu_ns += ChildrenCpuNs() - before;
  VerifyPacked(params, output, sample);
  sample.ok = sample.ok && ok;
  return sample;
}

}  // namespace

void AddPackZstd(Suite& suite) {
  suite.implementations.push_back({.workload = "pack", .name = "zstd", .run = Run});
}

}  // namespace weir::bench
