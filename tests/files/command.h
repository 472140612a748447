// The `weir` command, and a user's own program with its command line, as a user meets them: as
// processes.
#pragma once

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdlib>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "tests/files/temp_dir.h"

namespace weir::testing {

inline constexpr const char* kWeir = "tools/cli/weir";
inline constexpr const char* kSquares = "tests/files/squares";

struct Outcome {
  int status = -1;
  std::string out;
  std::string err;
};

class CliTest : public ::testing::Test {
 protected:
  // Whatever started the test may ignore them, and what we start would go on ignoring.
  CliTest() {
    for (int signal : {SIGINT, SIGTERM, SIGHUP, SIGPIPE}) ::signal(signal, SIG_DFL);
  }
  // Through the shell, for its redirections; `program` and `arguments` as they are.
  Outcome Shell(const std::string& command) {
    const int ended = std::system(
        absl::StrCat("(", command, ") >", dir_.Path("out"), " 2>", dir_.Path("err")).c_str());
    Outcome outcome;
    outcome.status = WIFEXITED(ended) ? WEXITSTATUS(ended) : -WTERMSIG(ended);
    outcome.out = TempDir::Read(dir_.Path("out"));
    outcome.err = TempDir::Read(dir_.Path("err"));
    return outcome;
  }
  Outcome Weir(const std::string& arguments) { return Shell(absl::StrCat(kWeir, " ", arguments)); }

  // One clear line on standard error, nothing on standard output, and this exit status.
  void ExpectError(const std::string& arguments, int status, const std::string& text) {
    const Outcome outcome = Weir(arguments);
    EXPECT_EQ(outcome.status, status) << arguments;
    EXPECT_EQ(outcome.out, "") << arguments;
    EXPECT_THAT(outcome.err, ::testing::MatchesRegex("weir: [^\n]*\n")) << arguments;
    EXPECT_THAT(outcome.err, ::testing::HasSubstr(text)) << arguments;
  }

  TempDir dir_;
};

// A process; what it says on standard error comes to us line by line.
class ProcessTest : public CliTest {
 protected:
  void Begin(const std::vector<std::string>& command) {
    int errors[2];
    ASSERT_EQ(::pipe2(errors, O_CLOEXEC), 0);
    std::vector<char*> arguments;
    for (const std::string& word : command) arguments.push_back(const_cast<char*>(word.c_str()));
    arguments.push_back(nullptr);
    child_ = ::fork();
    ASSERT_GE(child_, 0);
    if (child_ == 0) {
      ::dup2(errors[1], STDERR_FILENO);
      if (out_ >= 0) ::dup2(out_, STDOUT_FILENO);
      for (int signal : {SIGINT, SIGTERM, SIGHUP}) ::signal(signal, inherited_);
      ::execv(arguments[0], arguments.data());
      ::_exit(127);
    }
    ::close(errors[1]);
    errors_ = errors[0];
  }
  // It does not outlive the test.
  void TearDown() override {
    if (child_ > 0) {
      ::kill(child_, SIGKILL);
      ::waitpid(child_, nullptr, 0);
    }
    ::close(errors_);
  }
  std::string NextLine() {
    std::string line;
    char c;
    while (::read(errors_, &c, 1) == 1 && c != '\n') line += c;
    return line;
  }
  int Wait() {
    int ended = 0;
    EXPECT_EQ(::waitpid(child_, &ended, 0), child_);
    child_ = -1;
    return WIFEXITED(ended) ? WEXITSTATUS(ended) : -WTERMSIG(ended);
  }

  int out_ = -1;                      // what the process has as standard output; ours by default
  void (*inherited_)(int) = SIG_DFL;  // what the process finds that signals do
  pid_t child_ = -1;
  int errors_ = -1;
};

}  // namespace weir::testing
