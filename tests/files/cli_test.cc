// The `weir` command, and a user's own program with its command line, as a user meets them: as processes.
#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/stat.h>
#include <unistd.h>

#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "tests/files/command.h"

namespace weir::testing {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::MatchesRegex;
using ::testing::Not;
using ::testing::StartsWith;
using ::testing::UnorderedElementsAre;

// --- Paths ---

TEST_F(CliTest, BazelRun_PathsAreFromWhereItsUserStands_AndItSaysSo) {
  dir_.Write("text", "one two\n");
  const Outcome outcome = Shell(absl::StrCat("BUILD_WORKING_DIRECTORY=", dir_.Path("."), " ", kWeir,
                                             " run word_count --input=text"));
  EXPECT_EQ(outcome.out, "1\tone\n1\ttwo\n") << outcome.err;
  EXPECT_EQ(outcome.err, absl::StrCat("weir: paths are from '", dir_.Path("."),
                                      "', where `bazel run` was called\n"));
}

// As in a shell that an outer `bazel run` has started.
TEST_F(CliTest, BazelRun_ThatHasStartedSomethingElse_DoesNotRedirectPaths) {
  dir_.Write("here/text", "here\n");
  dir_.Write("there/text", "there\n");
  const Outcome outcome = Shell(absl::StrCat("weir=$PWD/", kWeir, "; cd ", dir_.Path("here"),
                                             "; PWD= BUILD_WORKING_DIRECTORY=", dir_.Path("there"),
                                             " \"$weir\" run word_count --input=text"));
  EXPECT_EQ(outcome.out, "1\there\n");
  EXPECT_EQ(outcome.err, "");
}

TEST_F(CliTest, BazelRun_FromAFolderThatIsGone_SaysSo) {
  const std::string path = dir_.Write("text", "one");
  const Outcome outcome = Shell(absl::StrCat("BUILD_WORKING_DIRECTORY=", dir_.Path("none"), " ",
                                             kWeir, " run word_count --input=", path));
  EXPECT_EQ(outcome.out, "1\tone\n");
  EXPECT_THAT(outcome.err, MatchesRegex("weir: cannot go to '[^\n]*No such file[^\n]*\n"));
}

// --- Help ---

TEST_F(CliTest, Help_NamesCommandsGraphsAndAnExample) {
  for (const char* arguments : {"", "--help", "help", "-h"}) {
    const Outcome outcome = Weir(arguments);
    EXPECT_EQ(outcome.status, 0);
    for (const char* text : {"list", "run GRAPH", "draw GRAPH|FILE.json", "check GRAPH",
                             "word_count", "file_digest", "pack", "example:"}) {
      EXPECT_THAT(outcome.out, HasSubstr(text));
    }
  }
}

TEST_F(CliTest, Help_OfEachCommand_HasAnExample) {
  for (const char* command : {"list", "run", "draw", "check"}) {
    for (const std::string& form :
         {absl::StrCat("help ", command), absl::StrCat(command, " --help")}) {
      const Outcome outcome = Weir(form);
      EXPECT_EQ(outcome.status, 0) << form;
      EXPECT_THAT(outcome.out, StartsWith(absl::StrCat("usage: weir ", command))) << form;
      EXPECT_THAT(outcome.out, HasSubstr(absl::StrCat("example:\n  weir ", command))) << form;
    }
  }
  EXPECT_THAT(Weir("run word_count --help").out, HasSubstr("--input=..."));
  EXPECT_THAT(Weir("help run file_digest").out, HasSubstr("--output=..."));
}

TEST_F(CliTest, Version_IsOneLine) {
  EXPECT_THAT(Weir("--version").out, MatchesRegex("weir [0-9]+\\.[0-9]+\\.[0-9]+[^\n]*\n"));
  EXPECT_EQ(Shell(absl::StrCat(kSquares, " --version")).out, Weir("--version").out);
}

TEST_F(CliTest, Columns_AreAsWideAsTheLongestName) {
  const std::string list = Shell(absl::StrCat(kSquares, " list")).out;
  const size_t column = list.find("does nothing at all") - list.find("has_a_rather_long_name");
  EXPECT_EQ(list.find("prints the squares") - list.find("squares "), column) << list;
}

TEST_F(CliTest, List_GivesALineForEachGraph) {
  EXPECT_THAT(Weir("list").out,
              MatchesRegex("file_digest  *digests [^\n]*\npack  *compresses [^\n]*\nword_count  "
                           "*counts [^\n]*\n"));
}

TEST_F(CliTest, Check_SaysThatAGraphIsFine) {
  EXPECT_THAT(Weir("check word_count").out,
              MatchesRegex("word_count: OK \\([0-9]+ stages, [0-9]+ channels\\)\n"));
}

TEST_F(CliTest, Check_WithFlags_SaysWhetherARunCouldBegin) {
  const std::string path = dir_.Write("f", "word");
  ExpectError("check pack --level=99 --input=" + path, 2, "choose one from 1 to 19");
  ExpectError("check word_count --level=5 --input=" + path, 2, "flags of pack alone");
  ExpectError("check pack --level=5", 2, "nothing to read");
  EXPECT_EQ(Weir(absl::StrCat("check pack --level=5 --input=", path)).status, 0);
}

// --- A wrong command line ---

TEST_F(CliTest, Unknown_NearestNameIsSuggested) {
  ExpectError("rnu", 2, "unknown command 'rnu'; did you mean 'run'?");
  ExpectError("word_count", 2, "did you mean 'run word_count'?");
  ExpectError("run word_cuont", 2, "unknown graph 'word_cuont'; did you mean 'word_count'?");
  ExpectError("run file_digets --input=x", 2,
              "unknown graph 'file_digets'; did you mean 'file_digest'?");
  ExpectError("run word_count --treads=2", 2, "unknown flag '--treads'; did you mean '--threads'?");
  ExpectError("run word_count --inptu=x", 2, "did you mean '--input'?");
  ExpectError("check word", 2, "did you mean 'word_count'?");
  ExpectError("check other", 2, "unknown graph 'other'; list shows those that there are");
  ExpectError("run word_count -x", 2, "unknown flag '-x'");
  ExpectError("simulate word_count --noseeds", 2, "unknown flag '--noseeds'");
  ExpectError("draw word_count --format=sgv", 2, "did you mean 'svg'?");
}

TEST_F(CliTest, WrongValues_AreNamed) {
  ExpectError("run word_count --threads=0 --input=x", 2,
              "--threads=0: must be a number from 1 to 256");
  ExpectError("run word_count --threads=1000 --input=x", 2,
              "--threads=1000: must be a number from 1 to 256");
  ExpectError("run word_count --threads=two --input=x", 2, "--threads=two");
  ExpectError("run word_count --deadline=0 --input=x", 2,
              "--deadline=0: must be a duration above zero");
  ExpectError("run word_count --deadline=soon --input=x", 2, "--deadline=soon");
  ExpectError("run word_count --simulate=x --input=x", 2, "--simulate=x");
  ExpectError("run word_count --input", 2, "'--input' needs a value");
  ExpectError("run word_count", 2, "name files or directories with --input=PATH[,PATH...]");
  ExpectError("run word_count /usr/share/doc", 2, "did you mean '--input=/usr/share/doc'?");
  ExpectError("run --input=x word_count", 2, "name the graph before its flags");
  ExpectError("run", 2, "which graph?");
  ExpectError("list more", 2, "unexpected argument 'more'");
}

// --- Runs ---

TEST_F(CliTest, Run_WritesTheResult_AndNothingElse) {
  const std::string path = dir_.Write("in/f", "b a b\n");
  Outcome outcome = Weir("run word_count --input=" + path);
  EXPECT_EQ(outcome.status, 0);
  EXPECT_EQ(outcome.out, "2\tb\n1\ta\n");
  EXPECT_EQ(outcome.err, "");
  outcome = Weir(absl::StrCat("run word_count --input ", path, " --output ", dir_.Path("counts")));
  EXPECT_EQ(outcome.status, 0);
  EXPECT_EQ(outcome.out, "");
  EXPECT_EQ(TempDir::Read(dir_.Path("counts")), "2\tb\n1\ta\n");
}

TEST_F(CliTest, Run_SameResultOnAnyNumberOfThreads_AndSimulated) {
  for (int i = 0; i < 50; ++i)
    dir_.Write(absl::StrCat("in/", i), absl::StrCat("word of file ", std::string(i % 20, 'x')));
  for (const char* graph : {"word_count", "file_digest"}) {
    const std::string expected =
        Weir(absl::StrCat("run ", graph, " --threads=1 --input=", dir_.Path("in"))).out;
    EXPECT_NE(expected, "");
    for (const char* flags : {"--threads=2", "--threads=8", "--threads=64", "--simulate=1",
                              "--simulate=2 --threads=3"}) {
      EXPECT_EQ(Weir(absl::StrCat("run ", graph, " ", flags, " --input=", dir_.Path("in"))).out,
                expected)
          << graph << flags;
    }
  }
}

TEST_F(CliTest, Run_ListFlagGivenTwice_Grows) {
  const std::string a = dir_.Write("a", "x"), b = dir_.Write("b", "y"), c = dir_.Write("c", "z");
  EXPECT_EQ(Weir(absl::StrCat("run word_count --input=", a, ",", b, " --input=", c)).out,
            "1\tx\n1\ty\n1\tz\n");
}

TEST_F(CliTest, Run_Problems_AreToldAndMakeTheStatus1) {
  const std::string path = dir_.Write("f", "word");
  const Outcome outcome =
      Weir(absl::StrCat("run word_count --input=", path, ",", dir_.Path("none")));
  EXPECT_EQ(outcome.status, 1);
  EXPECT_EQ(outcome.out, "1\tword\n");
  EXPECT_THAT(outcome.err, HasSubstr(absl::StrCat("weir: cannot read '", dir_.Path("none"),
                                                  "': No such file or directory\n")));
  EXPECT_THAT(outcome.err, HasSubstr("1 problem"));
}

TEST_F(CliTest, Run_AMissingInputThatIsNamedTwice_IsOneProblem) {
  const std::string path = dir_.Write("f", "word"), none = dir_.Path("none");
  for (const char* graph : {"word_count", "file_digest"}) {
    const Outcome outcome =
        Weir(absl::StrCat("run ", graph, " --input=", path, ",", none, ",", none));
    EXPECT_EQ(outcome.status, 1);
    EXPECT_THAT(outcome.out, Not(IsEmpty())) << "the result is lost";
    EXPECT_THAT(outcome.err, HasSubstr("1 problem,"));
  }
}

TEST_F(CliTest, Run_MissingInput_LeavesTheOutputAsItWas) {
  dir_.Write("counts", "before");
  ExpectError(
      absl::StrCat("run word_count --input=", dir_.Path("none"), " --output=", dir_.Path("counts")),
      1, "No such file or directory");
  EXPECT_EQ(TempDir::Read(dir_.Path("counts")), "before");
}

TEST_F(CliTest, Run_OutputThatCannotBeWritten_IsOneLine) {
  const std::string path = dir_.Write("f", "word");
  ExpectError(absl::StrCat("run word_count --output=/dev/full --input=", path), 1,
              "RESOURCE_EXHAUSTED");
  ExpectError(absl::StrCat("run file_digest --output=/dev/full --input=", path), 1,
              "No space left on device");
  ExpectError(absl::StrCat("run word_count --output=", dir_.path(), " --input=", path), 1,
              "Is a directory");
  ExpectError(absl::StrCat("run word_count --output=", dir_.Path("none/x"), " --input=", path), 1,
              "No such file");
  ExpectError(absl::StrCat("run word_count --report=", dir_.Path("none/x"), " --input=", path), 1,
              "--report: cannot write");
  ExpectError(absl::StrCat("run word_count --input=", path, " >&-"), 1,
              "cannot write standard output");
  ExpectError("list >/dev/full", 1, "No space left on device");
}

TEST_F(CliTest, Run_StandardInputIsClosed_IsNoEmptyInput) {
  const std::string output = dir_.Path("out.zst");
  ExpectError(absl::StrCat("run pack --input=- --output=", output, " <&-"), 1,
              "cannot read standard input");
  ExpectError("run word_count --input=/dev/stdin <&-", 1, "cannot read '/dev/stdin'");
  EXPECT_FALSE(std::filesystem::exists(output));
}

TEST_F(CliTest, Run_ReportAndResultOfOneName_AreRefused) {
  const std::string path = dir_.Write("f", "word"), x = dir_.Path("x");
  std::filesystem::create_directory(dir_.Path("d"));
  for (const std::string& report : {x, dir_.Path("./x"), dir_.Path("d/../x")}) {
    ExpectError(
        absl::StrCat("run word_count --input=", path, " --output=", x, " --report=", report), 2,
        "is where the result goes; give the report another name");
  }
  EXPECT_FALSE(std::filesystem::exists(x));
  EXPECT_EQ(
      Weir(absl::StrCat("run word_count --output=/dev/null --report=/dev/null --input=", path))
          .status,
      0);
}

TEST_F(CliTest, Run_OutputIsLongerThanUlimitAllows_IsOneLine) {
  std::string text;
  for (int i = 0; i < 10000; ++i)
    absl::StrAppend(&text, std::string(1 + i % 100, 'a' + i % 26), " ");
  const std::string path = dir_.Write("f", text);
  const std::string output = dir_.Write("d/counts", "before");
  const Outcome outcome = Shell(
      absl::StrCat("ulimit -f 1; ", kWeir, " run word_count --input=", path, " --output=", output));
  EXPECT_EQ(outcome.status, 1);
  EXPECT_THAT(outcome.err, HasSubstr("RESOURCE_EXHAUSTED: stage 'write': cannot write"));
  EXPECT_EQ(TempDir::Read(output), "before");
  EXPECT_EQ(Shell(absl::StrCat("ls -A ", dir_.Path("d"))).out, "counts\n") << "and nothing is left";
}

TEST_F(CliTest, Pack_FileAndPipe_AreReadByZstd) {
  std::string text;
  for (int i = 0; i < 100000; ++i) absl::StrAppend(&text, "line ", i * 7919 % 100000, "\n");
  const std::string path = dir_.Write("f", text), packed = dir_.Path("f.zst");
  Outcome outcome = Weir(absl::StrCat("run pack --input=", path, " --output=", packed,
                                      " --level=5 --workers=3 --check"));
  EXPECT_EQ(outcome.status, 0) << outcome.err;
  EXPECT_EQ(outcome.out + outcome.err, "");
  EXPECT_TRUE(Shell(absl::StrCat("zstd -q -d -c ", packed)).out == text);
  outcome = Shell(absl::StrCat("cat ", path, " | ", kWeir, " run pack --input=- | zstd -q -d -c"));
  EXPECT_EQ(outcome.err, "");
  EXPECT_TRUE(outcome.out == text);
}

TEST_F(CliTest, Pack_WhatCannotBe_IsNamed) {
  const std::string path = dir_.Write("f", "text");
  ExpectError("run pack", 2, "name a file with --input=FILE");
  ExpectError(absl::StrCat("run pack --input=", path, ",", path), 2, "--input names 2 files");
  ExpectError(absl::StrCat("run pack --level=20 --input=", path), 2, "choose one from 1 to 19");
  ExpectError(absl::StrCat("run pack --level=high --input=", path), 2, "--level=high");
  ExpectError(absl::StrCat("run pack --workers=1000 --input=", path), 2, "choose from 1 to 256");
  ExpectError(absl::StrCat("run pack --check --input=", path), 2,
              "standard output cannot be read again");
  ExpectError(absl::StrCat("run word_count --check --input=", path), 2, "flags of pack alone");
  ExpectError(absl::StrCat("run pack --input=", dir_.path()), 1, "Is a directory");
  ExpectError(
      absl::StrCat("run pack --input=", dir_.Path("none"), " --output=", dir_.Path("f.zst")), 1,
      "No such file or directory");
  EXPECT_FALSE(std::filesystem::exists(dir_.Path("f.zst")));
}

TEST_F(CliTest, Run_FailsAtOnce_SaysSo) {
  const std::string path = dir_.Write("f", "word");
  ExpectError(absl::StrCat("run word_count --simulate=1 --deadline=1ns --input=", path), 1,
              "word_count failed at once: DEADLINE_EXCEEDED");
}

TEST_F(CliTest, Run_Deadline_IsReportedAndNothingIsCommitted) {
  // A pipe that says nothing would be read for ever.
  const std::string fifo = dir_.Path("fifo");
  ASSERT_EQ(::mkfifo(fifo.c_str(), 0600), 0);
  const Outcome outcome = Shell(absl::StrCat("exec 3<>", fifo, "; yes word >&3 & ", kWeir,
                                             " run word_count --deadline=50ms --input=", fifo,
                                             " --output=", dir_.Path("counts"),
                                             " 3>&-; status=$?; kill $!; exit $status"));
  EXPECT_EQ(outcome.status, 1);
  EXPECT_THAT(outcome.err, HasSubstr("DEADLINE_EXCEEDED: the run's deadline of 50ms has passed"));
  EXPECT_FALSE(std::filesystem::exists(dir_.Path("counts")));
}

// --- Reports and drawings ---

TEST_F(CliTest, Draw_GraphAndReport) {
  EXPECT_THAT(Weir("draw word_count").out, StartsWith("digraph \"word_count\""));
  EXPECT_THAT(Weir("draw file_digest --format=json").out, HasSubstr("\"digest.in\""));
  const std::string path = dir_.Write("f", "word");
  const std::string report = dir_.Path("report.json");
  EXPECT_EQ(Weir(absl::StrCat("run word_count --input=", path, " --report=", report)).status, 0);
  EXPECT_THAT(Weir("draw " + report).out, HasSubstr("received"));
  const Outcome failed =
      Weir(absl::StrCat("run word_count --input=", dir_.Path("none"), " --report=", report));
  EXPECT_EQ(failed.status, 1);
  EXPECT_THAT(TempDir::Read(report), HasSubstr("NOT_FOUND"));
}

TEST_F(CliTest, Draw_Svg_OrSaysWhatIsMissing) {
  const Outcome missing = Shell(absl::StrCat("PATH= ", kWeir, " draw word_count --format=svg"));
  EXPECT_EQ(missing.status, 1);
  EXPECT_THAT(missing.err, HasSubstr("apt-get install graphviz"));
  if (std::system("dot -V >/dev/null 2>&1") == 0) {
    EXPECT_THAT(Weir("draw word_count --format=svg").out, HasSubstr("<svg"));
  }
}

TEST_F(CliTest, Draw_WhatIsNoReport_IsRefused) {
  ExpectError("draw none.json", 1, "cannot read 'none.json': No such file or directory");
  ExpectError("draw ./", 1, "cannot read './': Is a directory");
  ExpectError("draw " + dir_.Write("f.json", "{}"), 1, "this is no description of a graph: key");
  ExpectError("draw " + dir_.Write("g.json", "{"), 1, "of a graph: parse error at line 1");
}

// --- A user's own program ---

TEST_F(CliTest, OwnProgram_HasTheSameCommandLine) {
  EXPECT_EQ(Shell(absl::StrCat(kSquares, " run squares")).out, "0\n1\n4\n");
  EXPECT_EQ(Shell(absl::StrCat(kSquares, " run squares --count=2 --negative")).out, "0\n-1\n");
  EXPECT_EQ(Shell(absl::StrCat(kSquares, " run squares --count=2 --nonegative")).out, "0\n1\n");
  EXPECT_THAT(Shell(absl::StrCat(kSquares, " list")).out, HasSubstr("squares "));
  EXPECT_THAT(Shell(absl::StrCat(kSquares, " run squares --help")).out,
              HasSubstr("how many numbers to square (default: 3)"));
  const Outcome wrong = Shell(absl::StrCat(kSquares, " run squares --count=many"));
  EXPECT_EQ(wrong.status, 2);
  EXPECT_THAT(wrong.err, StartsWith("squares: run: --count=many"));
}

// --- simulate ---

TEST_F(CliTest, Simulate_WhatIsRight_PassesWithFaults) {
  dir_.Write("in", "to be or not to be\n");
  const Outcome outcome =
      Weir(absl::StrCat("simulate word_count --input=", dir_.Path("in"), " --seeds=200 --faults"));
  EXPECT_EQ(outcome.status, 0) << outcome.out << outcome.err;
  EXPECT_EQ(outcome.out, "word_count: 200 schedules, no failure\n");
  EXPECT_EQ(outcome.err, "");
}

TEST_F(CliTest, Simulate_SwitchesAreNegated) {
  dir_.Write("in", "word");
  EXPECT_EQ(
      Weir(absl::StrCat("simulate word_count --seeds=3 --faults --nofaults --notrace --input=",
                        dir_.Path("in")))
          .out,
      "word_count: 3 schedules, no failure\n");
}

TEST_F(CliTest, Simulate_TheOnlySchedule_IsTraced) {
  for (const char* which : {"--seed=17", "--choices=1,0*5,1"}) {
    const Outcome traced = Shell(absl::StrCat(kSquares, " simulate squares --trace ", which));
    EXPECT_EQ(traced.status, 0);
    EXPECT_THAT(traced.out, StartsWith("squares: 1 schedule, no failure\nstep, nanoseconds, what"));
    EXPECT_THAT(traced.out, HasSubstr(" run write#0\n"));
  }
}

TEST_F(CliTest, Simulate_AFailure_IsShortened_AndSeenAgain) {
  const Outcome found = Shell(absl::StrCat(kSquares, " simulate loses --count=10"));
  EXPECT_EQ(found.status, 1);
  EXPECT_THAT(found.out, HasSubstr("ended with DATA_LOSS: stage 'count': an update was lost"));
  const size_t replay =
      found.out.find("to see it again: squares simulate loses --count=10 --choices=");
  ASSERT_NE(replay, std::string::npos) << found.out;
  const size_t begin = found.out.find(" simulate", replay);
  const std::string again = found.out.substr(begin, found.out.find('\n', begin) - begin);
  const Outcome seen = Shell(absl::StrCat(kSquares, again));
  EXPECT_EQ(seen.status, 1);
  EXPECT_THAT(seen.out, HasSubstr("an update was lost"));
  EXPECT_THAT(seen.out, HasSubstr(" run count#1\n")) << "the trace";
}

TEST_F(CliTest, Simulate_ADeadlock_IsNamed_AndGrownAway) {
  const Outcome found = Shell(absl::StrCat(kSquares, " simulate wedges --count=10"));
  EXPECT_EQ(found.status, 1);
  EXPECT_THAT(found.out, HasSubstr("zip waits to receive from zip.second"));
  EXPECT_THAT(found.out, HasSubstr("to find a capacity that will do, add --grow"));
  const Outcome grown =
      Shell(absl::StrCat(kSquares, " simulate wedges --count=10 --grow --seeds=50"));
  EXPECT_EQ(grown.status, 0) << grown.out;
  EXPECT_THAT(grown.out, HasSubstr("no failure, with capacity "));
}

TEST_F(CliTest, Simulate_IsInterruptedWithinASchedule) {
  const Outcome many = Shell(absl::StrCat(kSquares, " simulate raises"));
  EXPECT_EQ(many.status, 130);
  EXPECT_EQ(many.out, "raises: 0 schedules, no failure\n");
  EXPECT_EQ(many.err, "squares: raises: interrupted after 0 schedules\n");
  const Outcome grown = Shell(absl::StrCat(kSquares, " simulate raises --grow"));
  EXPECT_EQ(grown.status, 130);
  const Outcome one = Shell(absl::StrCat(kSquares, " run raises --simulate=1"));
  EXPECT_EQ(one.status, 130);
  EXPECT_THAT(one.err, HasSubstr("squares: raises was interrupted: "));
}

TEST_F(CliTest, Simulate_IsInterruptedWhileItShortens_AndTellsTheFailureByItsSeed) {
  const Outcome outcome = Shell(absl::StrCat(kSquares, " simulate turns"));
  EXPECT_EQ(outcome.status, 130);
  EXPECT_THAT(outcome.out, StartsWith("turns: seed 1: the run of 'turns' ended with DATA_LOSS"));
  EXPECT_THAT(outcome.out, HasSubstr("squares simulate turns --seed=1 --trace\n"));
  EXPECT_EQ(outcome.err, "squares: turns: interrupted after 1 schedule\n");
}

TEST_F(ProcessTest, Simulate_IsInterruptedInAStepThatDoesNotEnd) {
  Begin({kSquares, "simulate", "sticks", "--file=" + dir_.Path("file")});
  ASSERT_EQ(NextLine(), "stuck");
  ::kill(child_, SIGINT);
  EXPECT_EQ(NextLine(),
            "squares: sticks: interrupted in a step that does not end, in schedule 1; the process "
            "is ended");
  EXPECT_EQ(Wait(), 130);
  EXPECT_THAT(dir_.Names(), IsEmpty());
}

TEST_F(ProcessTest, RunSimulated_IsInterruptedInAStepThatDoesNotEnd) {
  Begin({kSquares, "run", "sticks", "--simulate=1", "--file=" + dir_.Path("file")});
  ASSERT_EQ(NextLine(), "stuck");
  ::kill(child_, SIGTERM);
  EXPECT_THAT(NextLine(), StartsWith("squares: sticks was interrupted in a step"));
  EXPECT_EQ(Wait(), 143);
  EXPECT_THAT(dir_.Names(), IsEmpty());
}

TEST_F(CliTest, Simulate_WrongCommandLines) {
  ExpectError("simulate", 2, "which graph?");
  ExpectError("simulate word_cuont", 2, "did you mean 'word_count'?");
  ExpectError("simulate word_count", 2, "nothing to read");
  ExpectError("simulate word_count --input=- </dev/null", 2, "standard input can be read once");
  ExpectError("simulate word_count --input=x --seeds=0", 2, "above zero");
  ExpectError("simulate word_count --input=x --choices=1x2", 2, "--choices=1");
  ExpectError("simulate word_count --input=x --seed=1 --seeds=2", 2, "give one of them");
  ExpectError("simulate word_count --input=x --grow --faults", 2, "--grow goes without");
  ExpectError("simulate word_count --input=x --fault", 2, "did you mean '--faults'?");
}

}  // namespace
}  // namespace weir::testing
