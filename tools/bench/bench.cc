#include "tools/bench/bench.h"

#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <cassert>
#include <cstdint>
#include <fstream>
#include <string>

#include "absl/strings/str_cat.h"
#include "absl/time/time.h"

namespace weir::bench {
namespace {

int64_t Now(clockid_t clock) {
  timespec now;
  clock_gettime(clock, &now);
  return int64_t{now.tv_sec} * 1'000'000'000 + now.tv_nsec;
}

}  // namespace

std::string PointName(const Params& params) {
  std::string name = params.workload;
  if (params.work_ns > 0) {
    absl::StrAppend(&name, "/w=", absl::FormatDuration(absl::Nanoseconds(params.work_ns)));
  }
  if (params.rate > 0) absl::StrAppend(&name, "/rate=", params.rate);
  if (params.item_bytes > 0) absl::StrAppend(&name, "/size=", params.item_bytes);
  if (!params.variant.empty()) absl::StrAppend(&name, "/", params.variant);
  if (params.stages > 0) absl::StrAppend(&name, "/stages=", params.stages);
  if (params.workers > 0) absl::StrAppend(&name, "/workers=", params.workers);
  if (params.capacity > 0) absl::StrAppend(&name, "/capacity=", params.capacity);
  return name;
}

bool IsOrdered(const Params& params) { return params.variant == kOrdered; }

Params WithItems(Params params, int64_t items) {
  params.items = std::min(params.items, items);
  return params;
}

void Sample::AddFigure(const char* name, double value) {
  for (Figure& figure : figures) {
    if (figure.name != nullptr) continue;
    figure = {.name = name, .value = value};
    return;
  }
  assert(false && "more figures than a Sample has room for");
}

int64_t PeakRssKb() {
  rusage usage = {};
  getrusage(RUSAGE_SELF, &usage);
  return usage.ru_maxrss;
}

int64_t ResidentKb() {
  int64_t size = 0, resident = 0;  // in pages
  std::ifstream("/proc/self/statm") >> size >> resident;
  return resident * (sysconf(_SC_PAGESIZE) / 1024);
}

// The CPU clock is read outside the wall clock's interval, so that its system call does not count
// as wall time.
Stopwatch::Stopwatch() : wall_start_ns_(0), cpu_start_ns_(Now(CLOCK_PROCESS_CPUTIME_ID)) {
  wall_start_ns_ = Now(CLOCK_MONOTONIC);
}

Sample Stopwatch::Stop(int64_t units) const {
  Sample sample;
  sample.wall_ns = Now(CLOCK_MONOTONIC) - wall_start_ns_;
  sample.cpu_ns = Now(CLOCK_PROCESS_CPUTIME_ID) - cpu_start_ns_;
  sample.units = units;
  return sample;
}

}  // namespace weir::bench
