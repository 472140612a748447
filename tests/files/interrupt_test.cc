// What signals do to a run of the `weir` command: it ends soon whatever it waits for, and what was
// cut short does not take the place of a complete result.
#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <atomic>
#include <string>
#include <thread>
#include <vector>

#include "absl/strings/str_cat.h"
#include "tests/files/command.h"

namespace weir::testing {
namespace {

using ::testing::AnyOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;
using ::testing::StartsWith;
using ::testing::UnorderedElementsAre;

class InterruptTest : public ProcessTest {
 protected:
  void TearDown() override {
    CloseInput();
    ProcessTest::TearDown();
  }
  std::string Pipe(const std::string& name) {
    const std::string path = dir_.Path(name);
    EXPECT_EQ(::mkfifo(path.c_str(), 0600), 0);
    return path;
  }
  // A run that has opened the pipe "fifo" and has read all of `text` from it.
  void BeginToRead(const std::string& graph, const std::vector<std::string>& flags,
                   const std::string& text = "word ", const std::string& more = "") {
    const std::string fifo = Pipe("fifo");
    std::vector<std::string> command = {kWeir, "run", graph, "--threads=1",
                                        absl::StrCat("--input=", fifo, more)};
    command.insert(command.end(), flags.begin(), flags.end());
    Begin(command);
    fifo_ = ::open(fifo.c_str(), O_WRONLY | O_CLOEXEC);  // returns when the run has opened it
    ASSERT_GE(fifo_, 0);
    ASSERT_EQ(::write(fifo_, text.data(), text.size()), static_cast<ssize_t>(text.size()));
    for (int left = 1; left > 0; std::this_thread::yield())
      ASSERT_EQ(::ioctl(fifo_, FIONREAD, &left), 0);
  }
  void CloseInput() {
    if (fifo_ >= 0) ::close(fifo_);
    fifo_ = -1;
  }
  std::string Output() const { return absl::StrCat("--output=", dir_.Path("counts")); }
  // Whether the run can be asked to stop.
  bool CatchesSignals() const {
    const std::string status = TempDir::Read(absl::StrCat("/proc/", child_, "/status"));
    const size_t at = status.find("SigCgt:");
    return at != std::string::npos &&
           (std::stoull(status.substr(at + 8, 16), nullptr, 16) & (1u << (SIGINT - 1))) != 0;
  }
  void Signal(int signal, const std::string& answer) {
    ::kill(child_, signal);
    EXPECT_THAT(NextLine(), StartsWith(answer));
  }

  int fifo_ = -1;
};

// --- One: no more input is read ---

TEST_F(InterruptTest, One_ThoughThePipeSaysNothing_LeavesTheLastResult) {
  dir_.Write("counts", "complete");
  for (const char* graph : {"word_count", "file_digest"}) {
    BeginToRead(graph, {Output()});
    Signal(SIGTERM, "weir: stopping");
    EXPECT_THAT(NextLine(), AllOf(HasSubstr("ABORTED: stage 'write': the run was interrupted"),
                                  HasSubstr("/counts' is left as it was")));
    EXPECT_EQ(Wait(), 143);
    EXPECT_EQ(TempDir::Read(dir_.Path("counts")), "complete");
    EXPECT_THAT(dir_.Names(), UnorderedElementsAre("counts", "fifo"));
    CloseInput();
    ::close(errors_);
    ::unlink(dir_.Path("fifo").c_str());
  }
}

TEST_F(InterruptTest, One_KeepPartial_ThePartTakesTheName) {
  dir_.Write("counts", "complete");
  BeginToRead("word_count", {Output(), "--keep_partial"});
  Signal(SIGINT, "weir: stopping");
  EXPECT_THAT(NextLine(), HasSubstr("was interrupted: the result covers what had been read"));
  EXPECT_EQ(Wait(), 130);
  EXPECT_EQ(TempDir::Read(dir_.Path("counts")), "1\tword\n");
}

TEST_F(InterruptTest, One_KeepPartial_LeavesOutFilesThatItHasNotRead) {
  for (int i = 0; i < 1000; ++i) dir_.Write(absl::StrCat("many/", i), "");
  BeginToRead("file_digest", {Output(), "--keep_partial"}, "word ",
              absl::StrCat(",", dir_.Path("many")));
  Signal(SIGINT, "weir: stopping");
  EXPECT_THAT(NextLine(), HasSubstr("was interrupted: the result covers what had been read"));
  EXPECT_EQ(Wait(), 130);
  const std::string digests = TempDir::Read(dir_.Path("counts"));
  EXPECT_THAT(digests, Not(HasSubstr("/fifo\n"))) << "it is half a file";
  EXPECT_THAT(digests, Not(HasSubstr("many/999")));
}

TEST_F(InterruptTest, KeepPartial_WhereAPartIsOfNoUse_IsRefused) {
  ExpectError(absl::StrCat("run pack --keep_partial --input=", dir_.Write("f", "text")), 2,
              "pack: --keep_partial: a part of its result is of no use");
}

TEST_F(InterruptTest, One_AllInputHadBeenRead_TheResultIsComplete) {
  const std::string in = dir_.Write("in", "word"), out = Pipe("out");
  Begin({kWeir, "run", "word_count", "--input=" + in, "--output=" + out});
  // The counts are in the pipe, and the run waits for nothing any more but room for the last:
  // nobody reads but us.
  const int reader = ::open(out.c_str(), O_RDONLY | O_CLOEXEC);
  char read[8];
  ASSERT_EQ(::read(reader, read, sizeof(read)), 7);
  EXPECT_EQ(Wait(), 0);
  ::close(reader);
}

TEST_F(InterruptTest, One_AnEndlessPipe_IsLeft) {
  for (const char* graph : {"word_count", "file_digest", "pack"}) {
    BeginToRead(graph, {Output()});
    ::signal(SIGPIPE, SIG_IGN);
    std::atomic<uint64_t> written{0};
    std::thread writer([&] {
      std::string words;
      while (words.size() < 4000) words += "word ";
      while (::write(fifo_, words.data(), words.size()) > 0) written += words.size();
    });
    while (written < 1'000'000) std::this_thread::yield();
    Signal(SIGINT, "weir: stopping");
    EXPECT_THAT(NextLine(), HasSubstr("ABORTED: stage '")) << graph;
    EXPECT_EQ(Wait(), 130);
    writer.join();
    CloseInput();
    ::close(errors_);
    ::unlink(dir_.Path("fifo").c_str());
  }
}

TEST_F(InterruptTest, One_Pack_EndsThoughThePipeSaysNothing) {
  BeginToRead("pack", {Output()});
  Signal(SIGINT, "weir: stopping");
  EXPECT_THAT(NextLine(), HasSubstr("ABORTED: stage 'read': stopped after "));
  EXPECT_EQ(Wait(), 130);
  EXPECT_THAT(dir_.Names(), UnorderedElementsAre("fifo"));
}

TEST_F(InterruptTest, One_APipeThatNobodyWrites_IsLeft) {
  for (const char* graph : {"word_count", "file_digest", "pack"}) {
    const std::string in = Pipe("in");
    Begin({kWeir, "run", graph, "--input=" + in, Output()});
    // The temporary file is there once the run has begun.
    while (dir_.Names().size() < 2) std::this_thread::yield();
    Signal(SIGINT, "weir: stopping");
    EXPECT_THAT(NextLine(), HasSubstr("ABORTED: stage '")) << graph;
    EXPECT_EQ(Wait(), 130);
    ::close(errors_);
    ::unlink(in.c_str());
    EXPECT_THAT(dir_.Names(), IsEmpty());
  }
}

TEST_F(InterruptTest, DrainTimeout_ADrainThatDoesNotEnd_IsCancelled) {
  const std::string in = dir_.Write("in", "word"), out = Pipe("out");
  for (const char* graph : {"word_count", "file_digest", "pack"}) {
    Begin({kWeir, "run", graph, "--input=" + in, "--output=" + out, "--drain_timeout=10ms"});
    while (!CatchesSignals()) std::this_thread::yield();
    // It waits for somebody to read the pipe, which no drain ends. It may not have come so far:
    // then it waits later.
    Signal(SIGTERM, "weir: stopping");
    EXPECT_THAT(NextLine(), AnyOf(HasSubstr("DEADLINE_EXCEEDED: the run did not drain before"),
                                  HasSubstr("ABORTED")));
    EXPECT_EQ(Wait(), 143);
    ::close(errors_);
  }
}

TEST_F(InterruptTest, DrainTimeout_MustBeADuration) {
  ExpectError("run word_count --input=x --drain_timeout=0", 2,
              "--drain_timeout=0: must be a duration");
  ExpectError("run word_count --input=x --drain_timeout=soon", 2, "must be a duration");
}

// --- Two: cancelled ---

// A run that waits for a reader of its output; no drain ends that.
class WaitingForAReaderTest : public InterruptTest {
 protected:
  void BeginToWrite(const std::string& graph) {
    const std::string in = dir_.Write("in", "word"), out = Pipe("out");
    Begin({kWeir, "run", graph, "--input=" + in, "--output=" + out, "--drain_timeout=inf"});
    while (!CatchesSignals()) std::this_thread::yield();
  }
};

TEST_F(WaitingForAReaderTest, Two_Cancel) {
  for (const char* graph : {"word_count", "file_digest", "pack"}) {
    BeginToWrite(graph);
    Signal(SIGTERM, "weir: stopping");
    ::kill(child_, SIGTERM);
    EXPECT_THAT(NextLine(), AnyOf(StartsWith("weir: cancelling"), HasSubstr("ABORTED"))) << graph;
    EXPECT_THAT(NextLine(), AnyOf(HasSubstr("CANCELLED: cancelled by SIGTERM"), IsEmpty()))
        << "and not that it waits for the pipe";
    EXPECT_EQ(Wait(), 143);
    ::close(errors_);
    ::unlink(dir_.Path("out").c_str());
  }
}

TEST_F(WaitingForAReaderTest, ATerminalThatIsClosed_EndsARunAsSIGTERMDoes) {
  BeginToWrite("word_count");
  Signal(SIGHUP, "weir: stopping");
  Signal(SIGHUP, "weir: cancelling");
  EXPECT_THAT(NextLine(), HasSubstr("CANCELLED: cancelled by SIGHUP"));
  EXPECT_EQ(Wait(), 129);
}

TEST_F(InterruptTest, Two_AFullPipe_IsLeft) {
  int ends[2];
  ASSERT_EQ(::pipe2(ends, O_CLOEXEC), 0);
  out_ = ends[1];
  Begin({kSquares, "run", "squares", "--count=40000", "--drain_timeout=inf"});
  // Until it can write no more.
  int before = -1;
  for (int there = 0; there < 60'000 || there != before; std::this_thread::yield()) {
    before = there;
    ASSERT_EQ(::ioctl(ends[0], FIONREAD, &there), 0);
  }
  Signal(SIGINT, "squares: stopping");
  Signal(SIGINT, "squares: cancelling");
  EXPECT_THAT(NextLine(), HasSubstr("CANCELLED: cancelled by Ctrl-C"));
  EXPECT_EQ(Wait(), 130);
  for (int end : ends) ::close(end);
}

TEST_F(InterruptTest, AFullPipe_IsLeftBySimulateToo) {
  int ends[2];
  ASSERT_EQ(::pipe2(ends, O_CLOEXEC), 0);
  out_ = ends[1];
  ASSERT_EQ(::fcntl(ends[1], F_SETPIPE_SZ, 4096), 4096);  // a trace is short
  Begin({kSquares, "simulate", "squares", "--count=20000", "--seed=1", "--trace"});
  for (int there = 0; there < 4096; std::this_thread::yield())
    ASSERT_EQ(::ioctl(ends[0], FIONREAD, &there), 0);
  ::kill(child_, SIGINT);
  EXPECT_EQ(Wait(), 130);
  for (int end : ends) ::close(end);
}

TEST_F(InterruptTest, AReportThatNobodyReads_IsLeft) {
  const std::string in = dir_.Write("in", "word"), report = Pipe("report");
  Begin({kWeir, "run", "word_count", "--input=" + in, "--report=" + report});
  while (!CatchesSignals()) std::this_thread::yield();
  ::kill(child_, SIGINT);
  EXPECT_EQ(Wait(), 130);
}

// --- A call that does not end ---

class StuckTest : public ProcessTest {
 protected:
  void SetUp() override {
    Begin({kSquares, "run", "sticks", "--file=" + dir_.Path("file")});
    ASSERT_EQ(NextLine(), "stuck");
    ASSERT_THAT(dir_.Names(), ElementsAre(StartsWith(".file.weir-")));
  }
};

TEST_F(StuckTest, Two_AreTheStatus_AndNothingIsLeft) {
  for (const char* answer : {"squares: stopping", "squares: cancelling"}) {
    ::kill(child_, SIGINT);
    EXPECT_THAT(NextLine(), StartsWith(answer));
  }
  std::string last;
  for (std::string line = NextLine(); !line.empty(); line = NextLine()) last = line;
  EXPECT_THAT(last, HasSubstr("has not stopped: still busy: stick"));
  EXPECT_EQ(Wait(), 130);
  EXPECT_THAT(dir_.Names(), IsEmpty());
}

TEST_F(StuckTest, Three_EndTheProcessAtOnce_AndNothingIsLeft) {
  for (const char* answer : {"squares: stopping", "squares: cancelling; once more ends"}) {
    ::kill(child_, SIGTERM);
    EXPECT_THAT(NextLine(), StartsWith(answer));
  }
  ::kill(child_, SIGTERM);
  EXPECT_EQ(NextLine(), "");
  EXPECT_EQ(Wait(), 143);
  EXPECT_THAT(dir_.Names(), IsEmpty());
}

// --- Ignored ---

// As nohup and a script's `&` start it: whoever ignored a signal for it goes on ignoring.
TEST_F(InterruptTest, Ignored_StaysIgnored) {
  inherited_ = SIG_IGN;
  BeginToRead("word_count", {Output()});
  ::kill(child_, SIGHUP);
  ::kill(child_, SIGINT);
  CloseInput();
  EXPECT_EQ(NextLine(), "");
  EXPECT_EQ(Wait(), 0);
  EXPECT_EQ(TempDir::Read(dir_.Path("counts")), "1\tword\n");
}

// --- Killed ---

TEST_F(InterruptTest, WhatAKilledRunLeavesBehind_TheNextRunRemoves) {
  const std::string in = dir_.Write("in", "word");
  BeginToRead("word_count", {Output()});
  ::kill(child_, SIGKILL);
  EXPECT_EQ(Wait(), -SIGKILL);
  EXPECT_THAT(dir_.Names(), UnorderedElementsAre("in", "fifo", StartsWith(".counts.weir-")));
  EXPECT_EQ(Weir(absl::StrCat("run word_count --input=", in, " ", Output())).status, 0);
  EXPECT_THAT(dir_.Names(), UnorderedElementsAre("in", "fifo", "counts", "out", "err"));
}

}  // namespace
}  // namespace weir::testing
