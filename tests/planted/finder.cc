// Runs schedules of generated graphs until one of them shows a bug: 24 of each graph, so that many graphs have their turn.
//
//   finder SCHEDULES [FIRST_GRAPH_SEED [GRAPHS]]
//
// The last line is `found after N schedules: <graph seed, engine seed>: <what is wrong>`, with exit status 1, or `nothing found in
// N schedules`. A crash, a failed assertion and a loop without end are findings too: which are told by signals.
#include <sys/time.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <string>

#include "tests/simulation/campaign.h"

namespace {

using weir::testing::Campaign;

constexpr uint64_t kSchedulesEach = 24;
// One graph's schedules take a fraction of a second. What takes so much of processor time spins, and what has not gone on for so
// long waits for itself.
constexpr int kProcessorSeconds = 5;
constexpr int kSeconds = 30;

void Found(const std::string& what) {
  std::printf("found after %llu schedules: %s\n",
              static_cast<unsigned long long>(Campaign::schedules()), what.c_str());
  std::fflush(stdout);
}

void OnSignal(int signal) {
  char line[512];
  const int length =
      std::snprintf(line, sizeof(line), "found after %llu schedules: %s: %s\n",
                    static_cast<unsigned long long>(Campaign::schedules()), Campaign::current(),
                    signal == SIGVTALRM ? "spins without end"
                    : signal == SIGALRM ? "waits for itself"
                                        : "ends the process");
  if (write(STDOUT_FILENO, line, std::min<size_t>(length, sizeof(line) - 1)) < 0) _exit(2);
  _exit(1);
}

}  // namespace

int main(int argc, char** argv) {
  const uint64_t schedules = argc > 1 ? std::strtoull(argv[1], nullptr, 10) : 10'000;
  const uint64_t first = argc > 2 ? std::strtoull(argv[2], nullptr, 10) : 1;
  const uint64_t graphs = argc > 3 ? std::strtoull(argv[3], nullptr, 10) : UINT64_MAX;
  for (int signal : {SIGABRT, SIGSEGV, SIGBUS, SIGILL, SIGFPE, SIGVTALRM, SIGALRM}) {
    std::signal(signal, OnSignal);
  }
  for (uint64_t graph = first; graph - first < graphs; ++graph) {
    const itimerval limit = {{0, 0}, {kProcessorSeconds, 0}};
    setitimer(ITIMER_VIRTUAL, &limit, nullptr);
    alarm(kSeconds);
    Campaign campaign(graph);
    std::string wrong = campaign.Begin();
    for (uint64_t i = 0; i < kSchedulesEach && wrong.empty(); ++i) {
      if (Campaign::schedules() >= schedules) {
        std::printf("nothing found in %llu schedules\n",
                    static_cast<unsigned long long>(Campaign::schedules()));
        return 0;
      }
      wrong = campaign.Run(i);
    }
    if (!wrong.empty()) {
      std::fprintf(stderr, "%s\n", wrong.c_str());
      Found(wrong.substr(0, wrong.find('\n')));
      return 1;
    }
  }
  std::printf("nothing found in %llu schedules\n",
              static_cast<unsigned long long>(Campaign::schedules()));
  return 0;
}
