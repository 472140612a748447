#include "tools/bench/isolate.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/types.h>
#include <sys/wait.h>
#include <unistd.h>

#include <exception>
#include <functional>
#include <type_traits>

#include "tools/bench/bench.h"

namespace weir::bench {
namespace {

static_assert(std::is_trivially_copyable_v<Sample>, "a Sample crosses the pipe as bytes");
static_assert(sizeof(Sample) <= 512, "POSIX writes and reads this much through a pipe at once");

// Ends the child without running destructors or flushing buffers that it shares with its parent.
[[noreturn]] void RunAndExit(const std::function<Sample()>& measure, int timeout_seconds,
                             int write_end) {
  alarm(timeout_seconds);
  Sample sample;
  try {
    sample = measure();
  } catch (const std::exception& error) {
    fprintf(stderr, "bench: the sample failed: %s\n", error.what());
  }
  const bool written = write(write_end, &sample, sizeof(sample)) == ssize_t{sizeof(sample)};
  _exit(written ? 0 : 1);
}

}  // namespace

Sample RunInChild(const std::function<Sample()>& measure, int timeout_seconds) {
  int ends[2];
  if (pipe(ends) != 0) {
    fprintf(stderr, "bench: cannot open a pipe: %s\n", strerror(errno));
    return {};
  }
  fflush(nullptr);  // or the child would own a second copy of what is buffered
  const pid_t child = fork();
  if (child == 0) {
    close(ends[0]);
    RunAndExit(measure, timeout_seconds, ends[1]);
  }
  close(ends[1]);
  Sample sample;
  if (child < 0) {
    fprintf(stderr, "bench: cannot start a process: %s\n", strerror(errno));
    close(ends[0]);
    return sample;
  }
  // The read ends with the child, whatever becomes of it; no partial read is possible at this size.
  ssize_t got;
  do {
    got = read(ends[0], &sample, sizeof(sample));
  } while (got < 0 && errno == EINTR);
  close(ends[0]);

  int status = 0;
  rusage usage = {};
  while (wait4(child, &status, 0, &usage) < 0 && errno == EINTR) {
  }
  if (got != ssize_t{sizeof(sample)}) sample = Sample{};
  sample.peak_rss_kb = usage.ru_maxrss;
  if (WIFSIGNALED(status)) {
    const int number = WTERMSIG(status);
    fprintf(stderr, "bench: the sample was ended by signal %d (%s)\n", number,
            number == SIGALRM ? "it took too long" : strsignal(number));
    sample.ok = false;
  }
  return sample;
}

}  // namespace weir::bench
