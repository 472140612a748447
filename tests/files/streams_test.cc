// Standard input, output and error of the `weir` command: pipes that are full, that nobody reads
// any more, or that do not wait; and files that are the same under two names.
#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <string>
#include <thread>

#include "absl/strings/str_cat.h"
#include "tests/files/command.h"

namespace weir::testing {
namespace {

using ::testing::HasSubstr;
using ::testing::MatchesRegex;

// --- Standard input ---

TEST_F(CliTest, StandardInput_IsReadByEveryGraph) {
  const std::string path = dir_.Write("f", "b a b\n");
  EXPECT_EQ(Weir(absl::StrCat("run word_count --input=- <", path)).out, "2\tb\n1\ta\n");
  EXPECT_EQ(Shell(absl::StrCat("cat ", path, " | ", kWeir, " run word_count --input=-,", path)).out,
            "4\tb\n2\ta\n");
  EXPECT_EQ(Weir(absl::StrCat("run file_digest --input=- <", path)).out,
            Shell(absl::StrCat("sha256sum - <", path)).out);
  EXPECT_EQ(Shell(absl::StrCat(kWeir, " run pack --input=- <", path, " | zstd -dc")).out,
            "b a b\n");
}

TEST_F(CliTest, StandardInput_IsClosed_IsNoEmptyInput) {
  for (const char* graph : {"word_count", "file_digest", "pack"})
    ExpectError(absl::StrCat("run ", graph, " --input=- --output=", dir_.Path("x"), " <&-"), 1,
                "cannot read standard input");
  EXPECT_FALSE(std::filesystem::exists(dir_.Path("x")));
}

// --- A reader that has seen enough ---

TEST_F(CliTest, ReaderOfThePipeIsGone_EndsItBySIGPIPE_WithoutAWord) {
  const std::string path = dir_.Write("f", "word");
  const std::string fifo = dir_.Path("fifo");
  ASSERT_EQ(::mkfifo(fifo.c_str(), 0600), 0);
  // A pipe whose reader has ended before the first write.
  const std::string gone = absl::StrCat("exec 3<>", fifo, " 4>", fifo, " 3>&-; ");
  for (const std::string& command :
       {absl::StrCat("run word_count --input=", path),
        absl::StrCat("run file_digest --input=", path), absl::StrCat("run pack --input=", path),
        std::string("list"), std::string("draw pack"), std::string("help")}) {
    const Outcome outcome = Shell(absl::StrCat(gone, kWeir, " ", command, " >&4; exit $?"));
    EXPECT_EQ(outcome.status, 128 + SIGPIPE) << command;
    EXPECT_THAT(outcome.err, ::testing::Not(HasSubstr("weir:"))) << command;
    // Whoever ignores the signal for it wants to hear of the error.
    const Outcome ignored =
        Shell(absl::StrCat("trap '' PIPE; ", gone, kWeir, " ", command, " >&4; exit $?"));
    EXPECT_EQ(ignored.status, 1) << command;
    EXPECT_THAT(ignored.err, MatchesRegex("weir: [^\n]*Broken pipe\n")) << command;
  }
}

TEST_F(CliTest, Head_TakesWhatItWants_AndTheRunEnds) {
  const Outcome outcome = Shell(absl::StrCat(
      kSquares, " run squares --count=40000 --report=", dir_.Path("report"), " | head -n 2"));
  EXPECT_EQ(outcome.status, 0);
  EXPECT_EQ(outcome.out, "0\n1\n");
  EXPECT_EQ(outcome.err, "");
  EXPECT_THAT(TempDir::Read(dir_.Path("report")), HasSubstr("\"over\": true"));
}

// --- Pipes that do not wait ---

class NonBlockingTest : public ProcessTest {
 protected:
  void SetUp() override {
    ASSERT_EQ(::pipe2(ends_, O_CLOEXEC | O_NONBLOCK), 0);
    ASSERT_EQ(::fcntl(ends_[0], F_SETFL, 0), 0);
  }
  // Reads nothing before the pipe is full, then all.
  std::string ReadAll() {
    // A write that does not fit into the rest of a page leaves it free.
    int there = 0, before = -1;
    for (int same = 0; there < 55'000 || same < 50; std::this_thread::yield()) {
      EXPECT_EQ(::ioctl(ends_[0], FIONREAD, &there), 0);
      same = there == before ? same + 1 : 0;
      before = there;
    }
    ::close(ends_[1]);
    std::string all;
    char buffer[4096];
    for (ssize_t got; (got = ::read(ends_[0], buffer, sizeof(buffer))) > 0;)
      all.append(buffer, static_cast<size_t>(got));
    ::close(ends_[0]);
    return all;
  }
  int ends_[2];
};

TEST_F(NonBlockingTest, StandardOutput_LosesNothing) {
  out_ = ends_[1];
  Begin({kSquares, "run", "squares", "--count=40000"});
  const std::string all = ReadAll();
  EXPECT_EQ(std::count(all.begin(), all.end(), '\n'), 40'000);
  EXPECT_EQ(Wait(), 0);
}

TEST_F(NonBlockingTest, StandardError_LosesNothing) {
  dir_.Write("f", "word");
  std::string inputs = "f";
  for (int i = 0; i < 2000; ++i) absl::StrAppend(&inputs, ",none", i);
  // Begin gives the process a standard error of its own: a shell gives it ours.
  out_ = ends_[1];
  Begin({"/bin/sh", "-c",
         absl::StrCat("weir=$PWD/", kWeir, "; cd ", dir_.path(),
                      "; exec $weir run word_count --output=/dev/null --input=", inputs, " 2>&1")});
  const std::string all = ReadAll();
  EXPECT_EQ(std::count(all.begin(), all.end(), '\n'), 2001);
  EXPECT_EQ(Wait(), 1);
}

// --- One file under two names ---

class SameFileTest : public CliTest {
 protected:
  void ExpectRefused(const std::string& command, const std::string& text = "are the same file") {
    const Outcome outcome = Weir(command);
    EXPECT_EQ(outcome.status, 2) << command << ": " << outcome.err;
    EXPECT_THAT(outcome.err, MatchesRegex("weir: [^\n]*\n")) << command;
    EXPECT_THAT(outcome.err, HasSubstr(text)) << command;
    EXPECT_EQ(TempDir::Read(path_), "text") << command;
  }
  const std::string path_ = dir_.Write("f", "text");
};

TEST_F(SameFileTest, OutputIsTheInput_IsRefused_WhateverItsName) {
  std::filesystem::create_symlink(path_, dir_.Path("link"));
  std::filesystem::create_hard_link(path_, dir_.Path("hard"));
  for (const char* graph : {"pack", "word_count", "file_digest"}) {
    for (const std::string& name :
         {path_, dir_.Path("./f"), dir_.Path("link"), dir_.Path("hard")}) {
      ExpectRefused(absl::StrCat("run ", graph, " --input=", path_, " --output=", name));
      ExpectRefused(absl::StrCat("run ", graph, " --input=", name, " --output=", path_));
      ExpectRefused(absl::StrCat("run ", graph, " --input=", name, " --report=", path_,
                                 " --output=/dev/null"));
      ExpectRefused(absl::StrCat("run ", graph, " --input=- --output=", name, " <", path_));
    }
    ExpectRefused(absl::StrCat("run ", graph, " --input=- <", path_, " >>", path_));
    ExpectRefused(absl::StrCat("run ", graph, " --input=", path_, " >>", path_));
    ExpectRefused(absl::StrCat("check ", graph, " --input=", path_, " --output=", path_));
    ExpectRefused(absl::StrCat("simulate ", graph, " --input=", path_, " --output=", path_));
  }
}

TEST_F(SameFileTest, ReportAndResult_AreTwoFiles) {
  const std::string in = dir_.Write("in", "word");
  std::filesystem::create_hard_link(path_, dir_.Path("hard"));
  ExpectRefused(absl::StrCat("run word_count --input=", in, " --output=", path_,
                             " --report=", dir_.Path("hard")));
  ExpectRefused(absl::StrCat("run word_count --input=", in, " --report=", path_, " >>", path_));
  ExpectRefused(
      absl::StrCat("run word_count --input=", in, " --output=", path_, " --report=- >>", path_));
  EXPECT_EQ(Weir(absl::StrCat("run word_count --input=", in, " --report=-")).status, 0);
  EXPECT_EQ(Weir(absl::StrCat("run word_count --input=/dev/null --output=/dev/null")).status, 0);
}

TEST_F(SameFileTest, ADrawing_DoesNotReplaceItsReport) {
  ExpectRefused(absl::StrCat("draw ", path_, " --output=", dir_.Path("./f")),
                "is where the drawing goes");
}

}  // namespace
}  // namespace weir::testing
