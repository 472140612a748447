// `weir run` is killed with SIGKILL at random moments, before, while and after it writes: its output is absent or whole, and one
// that it was to replace is the old one or the new one. What a killed process may leave behind is a temporary file beside the
// output, under the name that output_file.h tells.
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <random>
#include <string>
#include <thread>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "tests/files/temp_dir.h"

namespace weir::testing {
namespace {

constexpr const char* kWeir = "tools/cli/weir";
constexpr int kKills = 60;  // of each graph

using Clock = std::chrono::steady_clock;

class KillTest : public ::testing::Test {
 protected:
  void SetUp() override {
    std::mt19937 random(1);
    std::string text;
    while (text.size() < 3'000'000) {
      for (uint64_t word = 1 + random() % 5000; word > 0; word /= 26) {
        text += static_cast<char>('a' + word % 26);
      }
      text += random() % 12 == 0 ? '\n' : ' ';
    }
    input_ = dir_.Write("input", text);
  }

  std::vector<std::string> Command(const std::string& graph, const std::string& output) const {
    return {kWeir, "run", graph, "--input=" + input_, "--output=" + output};
  }
  static pid_t Begin(const std::vector<std::string>& command) {
    const pid_t child = ::fork();
    if (child != 0) return child;
    std::vector<char*> arguments;
    for (const std::string& argument : command)
      arguments.push_back(const_cast<char*>(argument.c_str()));
    arguments.push_back(nullptr);
    if (std::freopen("/dev/null", "w", stdout) == nullptr ||
        std::freopen("/dev/null", "w", stderr) == nullptr) {
      ::_exit(126);
    }
    ::execv(arguments[0], arguments.data());
    ::_exit(127);
  }

  // Runs the graph to its end once, then kills it `kKills` times; `is_whole` says whether a file is what the run should write.
  template <class IsWhole>
  void Kill(const std::string& graph, IsWhole&& is_whole);

  TempDir dir_;
  std::string input_;
};

template <class IsWhole>
void KillTest::Kill(const std::string& graph, IsWhole&& is_whole) {
  const auto began = Clock::now();
  int status = 0;
  const pid_t first = Begin(Command(graph, dir_.Path("complete")));
  ASSERT_EQ(::waitpid(first, &status, 0), first);
  ASSERT_TRUE(WIFEXITED(status) && WEXITSTATUS(status) == 0);
  ASSERT_TRUE(is_whole(dir_.Path("complete")));
  const auto once = Clock::now() - began;

  std::mt19937_64 random(7);
  int before = 0, during = 0, after = 0;
  for (int i = 0; i < kKills; ++i) {
    TempDir place;
    const std::string output = place.Path("output");
    const bool replaces = i % 2 == 1;
    if (replaces) place.Write("output", "what was there");
    const pid_t child = Begin(Command(graph, output));
    // It is asserted nothing of the time; it only spreads the moments over the run, and a little beyond it.
    std::this_thread::sleep_for(once * (random() % 1200) / 1000);
    ::kill(child, SIGKILL);
    ASSERT_EQ(::waitpid(child, &status, 0), child);
    int temporaries = 0;
    bool there = false;
    for (const std::string& name : place.Names()) {
      if (name == "output") {
        there = true;
      } else {
        ++temporaries;
        EXPECT_TRUE(absl::StartsWith(name, ".output.weir-")) << name;
      }
    }
    EXPECT_LE(temporaries, 1);
    const bool old = replaces && there && TempDir::Read(output) == "what was there";
    if (replaces) {
      EXPECT_TRUE(there) << "what was to be replaced is gone";
    }
    if (there && !old) {
      EXPECT_TRUE(is_whole(output)) << "kill " << i << " left half a file";
      EXPECT_EQ(temporaries, 0);
      ++after;
    } else {
      ++(temporaries > 0 ? during : before);
    }
  }
  std::printf("%s: killed %d times before it wrote, %d while it wrote, %d once it had written\n",
              graph.c_str(), before, during, after);
  RecordProperty("before", std::to_string(before));
  RecordProperty("during", std::to_string(during));
  RecordProperty("after", std::to_string(after));
}

TEST_F(KillTest, WordCount_OutputIsAbsentOrWhole) {
  std::string complete;
  Kill("word_count", [&](const std::string& path) {
    if (complete.empty()) complete = TempDir::Read(path);
    return TempDir::Read(path) == complete &&
           std::count(complete.begin(), complete.end(), '\n') > 1000;
  });
}

TEST_F(KillTest, Pack_OutputIsAbsentOrWhole) {
  Kill("pack", [&](const std::string& path) {
    return std::system(
               absl::StrCat("zstd -q -dc < ", path, " 2>/dev/null | cmp -s - ", input_).c_str()) ==
           0;
  });
}

}  // namespace
}  // namespace weir::testing
