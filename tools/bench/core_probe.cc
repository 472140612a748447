#include "tools/bench/core_probe.h"

#include <fcntl.h>
#include <sched.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>
#include <system_error>
#include <unordered_map>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "tools/bench/spin.h"

namespace weir::bench {
namespace {

// A sample is disturbed if others had more than this part of the cores' time, or the host took it,
// or a core was slower than at best by this factor. The slack is what a machine at rest uses up,
// and what the kernel's clock ticks cannot tell.
constexpr double kMostOfTheCores = 0.02;
constexpr int64_t kOthersSlackNs = 2'000'000;
constexpr int64_t kStolenSlackNs = 10'000'000;
constexpr double kMostTimesSlower = 1.2;

constexpr double kSpinNs = 200'000;

int64_t Now() {
  return std::chrono::nanoseconds(std::chrono::steady_clock::now().time_since_epoch()).count();
}

// The least of several measurements, so that one interrupt does not count.
double NsOfSpin(int64_t rounds) {
  int64_t fastest = INT64_MAX;
  for (int i = 0; i < 3; ++i) {
    const int64_t begin = Now();
    volatile uint64_t keep = Spin(i, rounds);
    (void)keep;
    fastest = std::min(fastest, Now() - begin);
  }
  return static_cast<double>(fastest);
}

// The first number in a file, or 0. Without a stream, since there are hundreds of these files.
int64_t FirstNumberIn(const std::string& path) {
  const int file = open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (file < 0) return 0;
  char text[64];
  const ssize_t size = read(file, text, sizeof(text) - 1);
  close(file);
  if (size <= 0) return 0;
  text[size] = 0;
  return strtoll(text, nullptr, 10);
}

std::unordered_map<int, int64_t> CpuOfOthers() {
  std::unordered_map<int, int64_t> cpu_ns;
  std::error_code gone;  // processes and threads may end at any moment
  for (const auto& process : std::filesystem::directory_iterator("/proc", gone)) {
    int number = 0;
    if (!absl::SimpleAtoi(process.path().filename().string(), &number) || number == getpid()) {
      continue;
    }
    std::filesystem::directory_iterator thread(process.path() / "task", gone), end;
    while (!gone && thread != end) {
      int thread_number = 0;
      if (absl::SimpleAtoi(thread->path().filename().string(), &thread_number)) {
        cpu_ns[thread_number] = FirstNumberIn(absl::StrCat(thread->path().string(), "/schedstat"));
      }
      thread.increment(gone);
    }
  }
  return cpu_ns;
}

// The eighth figure of /proc/stat's first line.
int64_t StolenNs() {
  std::ifstream file("/proc/stat");
  std::string name;
  int64_t ticks = 0;
  file >> name;
  for (int i = 0; i < 8; ++i) file >> ticks;
  return file ? ticks * (1'000'000'000 / sysconf(_SC_CLK_TCK)) : 0;
}

}  // namespace

CoreProbe::CoreProbe() {
  const SpinCalibration calibration = CalibrateSpin(kSpinNs);
  rounds_ = calibration.rounds;
  fastest_ns_ = calibration.ns;
}

CoreProbe::Reading CoreProbe::Read() {
  Reading reading;
  cpu_set_t all;
  if (sched_getaffinity(0, sizeof(all), &all) == 0) {
    for (int core = 0; core < CPU_SETSIZE; ++core) {
      if (!CPU_ISSET(core, &all)) continue;
      cpu_set_t one;
      CPU_ZERO(&one);
      CPU_SET(core, &one);
      if (sched_setaffinity(0, sizeof(one), &one) != 0) continue;
      const double ns = NsOfSpin(rounds_);
      fastest_ns_ = std::min(fastest_ns_, ns);
      reading.cores.push_back({.spin_ns = ns, .fastest_ns = fastest_ns_});
    }
    sched_setaffinity(0, sizeof(all), &all);
  }
  reading.stolen_ns = StolenNs();
  reading.others_cpu_ns = CpuOfOthers();
  reading.at_ns = Now();
  return reading;
}

std::string Disturbance(const CoreProbe::Reading& before, const CoreProbe::Reading& after) {
  const double cores = std::max<double>(1, static_cast<double>(after.cores.size()));
  const double available_ns = static_cast<double>(after.at_ns - before.at_ns) * cores;
  const auto ms = [](double ns) { return absl::StrFormat("%.1f ms", ns / 1e6); };

  double others_ns = 0;
  for (const auto& [thread, ns] : after.others_cpu_ns) {
    const auto earlier = before.others_cpu_ns.find(thread);
    const int64_t used = earlier == before.others_cpu_ns.end() ? ns : ns - earlier->second;
    others_ns += static_cast<double>(std::max<int64_t>(0, used));
  }
  if (others_ns > kOthersSlackNs + kMostOfTheCores * available_ns) {
    return absl::StrCat("other processes used ", ms(others_ns), " of ", ms(available_ns));
  }
  const auto stolen_ns = static_cast<double>(after.stolen_ns - before.stolen_ns);
  if (stolen_ns > kStolenSlackNs + kMostOfTheCores * available_ns) {
    return absl::StrCat("the host took ", ms(stolen_ns), " of ", ms(available_ns));
  }
  for (const CoreProbe::Reading* reading : {&before, &after}) {
    for (const CoreProbe::Core& core : reading->cores) {
      if (core.spin_ns > kMostTimesSlower * core.fastest_ns) {
        return absl::StrFormat("a core was %.2f times slower than at best",
                               core.spin_ns / core.fastest_ns);
      }
    }
  }
  return "";
}

}  // namespace weir::bench
