#include "weir/stages/files.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <ranges>
#include <string>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "tests/files/temp_dir.h"
#include "weir/core/simulator.h"
#include "weir/testing.h"
#include "weir/weir.h"

namespace weir::testing {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using Strings = std::vector<std::string>;

class FilesTest : public EveryEngineTest {
 protected:
  // What a source gives, or the report of the run that failed.
  template <class Source>
  Report Collect(Source source, Strings& into) {
    Graph& graph = NewGraph();
    From(graph, "source", std::move(source)).Collect("collect", into);
    return RunToEnd(engine(), graph);
  }
  template <class Source>
  Strings All(Source source) {
    Strings all;
    const Report report = Collect(std::move(source), all);
    EXPECT_TRUE(report.ok()) << report.status;
    return all;
  }
  template <class Source>
  absl::Status ErrorOf(Source source) {
    Strings none;
    return Collect(std::move(source), none).status;
  }
  // Paths without the directory of the test.
  Strings Walk(Strings roots) {
    for (std::string& root : roots) root = dir_.Path(root);
    Strings paths = All(WalkFiles(roots));
    for (std::string& path : paths) path = path.substr(dir_.path().size() + 1);
    return paths;
  }
  absl::Status WriteAll(const Strings& lines, const std::string& path) {
    Graph& graph = NewGraph();
    From(graph, "lines", FromVector(lines)).WriteLines("write", path);
    return RunToEnd(engine(), graph).status;
  }

  TempDir dir_;
};
WEIR_ON_EVERY_ENGINE(FilesTest);

// --- ReadLines ---

TEST_P(FilesTest, ReadLines_GivesLinesWithoutTheirNewlines) {
  EXPECT_THAT(All(ReadLines(dir_.Write("f", "one\n\ntwo\r\nlast"))),
              ElementsAre("one", "", "two\r", "last"));
  EXPECT_THAT(All(ReadLines(dir_.Write("f", "a\n"))), ElementsAre("a"));
  EXPECT_THAT(All(ReadLines(dir_.Write("f", ""))), IsEmpty());
}

TEST_P(FilesTest, ReadLines_LinesAcrossChunks_AreWhole) {
  Strings lines;
  for (int i = 0; i < 2000; ++i)
    lines.push_back(std::string(i % 37, static_cast<char>('a' + i % 26)));
  const std::string path = dir_.Write("f", absl::StrJoin(lines, "\n") + "\n");
  EXPECT_EQ(All(ReadLines(path, {.chunk_size = 100})), lines);
}

TEST_P(FilesTest, ReadLines_MissingFile_IsNotFoundAndNamed) {
  const absl::Status error = ErrorOf(ReadLines(dir_.Path("none")));
  EXPECT_EQ(error.code(), absl::StatusCode::kNotFound);
  EXPECT_EQ(error.message(), absl::StrCat("stage 'source': cannot read '", dir_.Path("none"),
                                          "': No such file or directory"));
}

TEST_P(FilesTest, ReadLines_TakeStopsIt) {
  const std::string path = dir_.Write("f", "1\n2\n3\n4\n");
  Strings taken;
  Graph& graph = NewGraph();
  From(graph, "read", ReadLines(path)).Take("take", 2).Collect("collect", taken);
  EXPECT_TRUE(RunToEnd(engine(), graph).ok());
  EXPECT_THAT(taken, ElementsAre("1", "2"));
}

// --- ReadChunks ---

TEST_P(FilesTest, ReadChunks_NoRecordStraddlesTwo) {
  std::string text;
  for (int i = 0; i < 500; ++i) absl::StrAppend(&text, std::string(i % 19, 'x'), ";");
  text += "tail";
  const std::string path = dir_.Write("f", text);
  for (size_t chunk_size : {1, 2, 7, 16, 1000, 100000}) {
    ReadOptions options;
    options.chunk_size = chunk_size;
    options.is_boundary = [](char c) { return c == ';'; };
    const Strings chunks = All(ReadChunks(path, options));
    EXPECT_EQ(absl::StrJoin(chunks, ""), text);
    for (size_t i = 0; i + 1 < chunks.size(); ++i) {
      ASSERT_FALSE(chunks[i].empty());
      EXPECT_EQ(chunks[i].back(), ';');
      EXPECT_LE(chunks[i].size(),
                std::max<size_t>(chunk_size, 2 * 19));  // the longest record has 19
    }
  }
}

TEST_P(FilesTest, ReadChunks_RecordAsLongAsAllowed_Passes) {
  const std::string text = std::string(64, 'a') + "\n" + std::string(64, 'b');
  EXPECT_EQ(absl::StrJoin(
                All(ReadChunks(dir_.Write("f", text), {.chunk_size = 16, .max_record = 64})), ""),
            text);
  EXPECT_EQ(absl::StrJoin(
                All(ReadChunks(dir_.Write("f", text), {.chunk_size = 1000, .max_record = 64})), ""),
            text);
}

TEST_P(FilesTest, ReadChunks_RecordTooLong_IsNamedWithFileAndOffset) {
  for (const char* end : {"", "\n", "\nmore\n"}) {
    for (size_t chunk_size : {16, 1000}) {
      const std::string path = dir_.Write("f", "short\n" + std::string(65, 'a') + end);
      const absl::Status error =
          ErrorOf(ReadChunks(path, {.chunk_size = chunk_size, .max_record = 64}));
      EXPECT_EQ(error.code(), absl::StatusCode::kInvalidArgument);
      EXPECT_THAT(std::string(error.message()), HasSubstr(path));
      EXPECT_THAT(std::string(error.message()),
                  HasSubstr("the record that begins at byte 6 is longer than 64 bytes"));
    }
  }
}

TEST_P(FilesTest, ReadChunks_ZeroSizes_AreRefused) {
  const std::string path = dir_.Write("f", "a");
  EXPECT_EQ(ErrorOf(ReadChunks(path, {.chunk_size = 0})).code(),
            absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(ErrorOf(ReadChunks(path, {.max_record = 0})).code(),
            absl::StatusCode::kInvalidArgument);
}

TEST_P(FilesTest, ReadChunks_Directory_IsAnErrorThatSaysSo) {
  EXPECT_THAT(std::string(ErrorOf(ReadChunks(dir_.path())).message()),
              HasSubstr("': Is a directory"));
}

TEST_P(FilesTest, ReadChunksOf_SeveralWorkers_ReadEveryFileOnce) {
  Strings paths, contents;
  for (int i = 0; i < 200; ++i) {
    contents.push_back(absl::StrCat("content of ", i, "\n"));
    paths.push_back(dir_.Write(absl::StrCat("f", i), contents.back()));
  }
  Strings chunks;
  Graph& graph = NewGraph();
  From(graph, "paths", FromVector(paths))
      .ReadChunksOf("read", {}, {.workers = 3})
      .Collect("collect", chunks);
  EXPECT_TRUE(RunToEnd(engine(), graph).ok());
  EXPECT_THAT(chunks, ::testing::UnorderedElementsAreArray(contents));
}

TEST_P(FilesTest, ReadChunksOf_OneWorker_KeepsTheOrder) {
  Strings paths, contents;
  for (int i = 0; i < 100; ++i) {
    contents.push_back(absl::StrCat(i, ";"));
    paths.push_back(dir_.Write(absl::StrCat("f", i), contents.back()));
  }
  Strings chunks;
  Graph& graph = NewGraph();
  From(graph, "paths", FromVector(paths)).ReadChunksOf("read", {}).Collect("collect", chunks);
  EXPECT_TRUE(RunToEnd(engine(), graph).ok());
  EXPECT_EQ(chunks, contents);
}

TEST_P(FilesTest, ReadChunksOf_HandlerSaysOk_GoesOnWithTheNextFile) {
  const Strings paths = {dir_.Write("a", "A"), dir_.Path("none"), dir_.path(),
                         dir_.Write("b", "B")};
  Strings failed, chunks;
  ReadOptions options;
  options.on_error = [&failed](const std::string& path, const absl::Status& error) {
    EXPECT_FALSE(error.ok());
    failed.push_back(path);
    return absl::OkStatus();
  };
  Graph& graph = NewGraph();
  From(graph, "paths", FromVector(paths)).ReadChunksOf("read", options).Collect("collect", chunks);
  EXPECT_TRUE(RunToEnd(engine(), graph).ok());
  EXPECT_THAT(chunks, ElementsAre("A", "B"));
  EXPECT_THAT(failed, ElementsAre(dir_.Path("none"), dir_.path()));
}

TEST_P(FilesTest, ReadChunksOf_WithoutHandler_FirstErrorFailsTheRun) {
  Graph& graph = NewGraph();
  From(graph, "paths", FromVector(Strings{dir_.Path("none")}))
      .ReadChunksOf("read", {})
      .Ignore("ignore");
  EXPECT_EQ(RunToEnd(engine(), graph).status.code(), absl::StatusCode::kNotFound);
}

// --- WalkFiles ---

TEST_P(FilesTest, WalkFiles_ByteOrderOfWholePaths) {
  for (const char* name :
       {"t/a/x", "t/a.txt", "t/a", "t/B", "t/a-b/y", "t/\xff", "t/c/d/e/f", "t/c.d"}) {
    if (std::string(name) != "t/a") dir_.Write(name, "");
  }
  EXPECT_THAT(Walk({"t"}),
              ElementsAre("t/B", "t/a-b/y", "t/a.txt", "t/a/x", "t/c.d", "t/c/d/e/f", "t/\xff"));
}

TEST_P(FilesTest, WalkFiles_DoesNotFollowLinks_ButARootThatIsOne) {
  dir_.Write("t/file", "");
  dir_.Write("elsewhere/other", "");
  std::filesystem::create_symlink(dir_.Path("elsewhere"), dir_.Path("t/dirlink"));
  std::filesystem::create_symlink(dir_.Path("elsewhere/other"), dir_.Path("t/filelink"));
  std::filesystem::create_symlink(dir_.Path("nowhere"), dir_.Path("t/dangling"));
  EXPECT_THAT(Walk({"t"}), ElementsAre("t/file"));
  EXPECT_THAT(Walk({"t/dirlink"}), ElementsAre("t/dirlink/other"));
  EXPECT_THAT(Walk({"t/filelink"}), ElementsAre("t/filelink"));
  // Not reached by the walk of t: a root of its own.
  EXPECT_THAT(Walk({"t", "t/dirlink"}),
              ::testing::UnorderedElementsAre("t/file", "t/dirlink/other"));
}

TEST_P(FilesTest, WalkFiles_Roots_AreOrderedAndWalkedOnce) {
  for (const char* name : {"b/2", "b/1", "a/3", "ab/4", "c"}) dir_.Write(name, "");
  EXPECT_THAT(Walk({"c", "b", "a/", "ab", "b", "b/2", "a/3"}),
              ElementsAre("a/3", "ab/4", "b/1", "b/2", "c"));
}

TEST_P(FilesTest, WalkFiles_EmptyDirectory_GivesNothing) {
  std::filesystem::create_directories(dir_.Path("t/u/v"));
  EXPECT_THAT(Walk({"t"}), IsEmpty());
}

TEST_P(FilesTest, WalkFiles_MissingRoot_FailsOrIsSkipped) {
  const absl::Status error = ErrorOf(WalkFiles({dir_.Path("none")}));
  EXPECT_EQ(error.code(), absl::StatusCode::kNotFound);
  dir_.Write("t/f", "");
  Strings failed, paths;
  WalkOptions options;
  options.on_error = [&failed](const std::string& path, const absl::Status&) {
    failed.push_back(path);
    return absl::OkStatus();
  };
  EXPECT_TRUE(Collect(WalkFiles({dir_.Path("none"), dir_.Path("t")}, options), paths).ok());
  EXPECT_THAT(failed, ElementsAre(dir_.Path("none")));
  EXPECT_THAT(paths, ElementsAre(dir_.Path("t/f")));
}

TEST_P(FilesTest, WalkFiles_WhatIsBeingWritten_IsPassedBy) {
  std::filesystem::create_directory(dir_.Path("d"));
  OutputFile file, abandoned;
  ASSERT_TRUE(file.Open(dir_.Path("d/out")).ok());
  ASSERT_TRUE(abandoned.Open(dir_.Path("d/other")).ok());
  const std::string staged = std::filesystem::path(file.staged_path()).filename();
  dir_.Write("d/e/" + staged, "of the same name");
  EXPECT_EQ(Walk({"d"}), (Strings{"d/e/" + staged}));
  EXPECT_TRUE(file.Commit().ok());
  abandoned.Abandon();
  EXPECT_EQ(Walk({"d"}), (Strings{"d/e/" + staged, "d/out"}));
}

// --- WriteLines ---

TEST_P(FilesTest, WriteLines_WritesEachLineAndLeavesNothingElse) {
  EXPECT_TRUE(WriteAll({"one", "", "two\nthree"}, dir_.Path("out")).ok());
  EXPECT_EQ(TempDir::Read(dir_.Path("out")), "one\n\ntwo\nthree\n");
  EXPECT_THAT(dir_.Names(), ElementsAre("out"));
}

TEST_P(FilesTest, WriteLines_EmptyInput_GivesAnEmptyFile) {
  EXPECT_TRUE(WriteAll({}, dir_.Path("out")).ok());
  EXPECT_THAT(dir_.Names(), ElementsAre("out"));
}

TEST_P(FilesTest, WriteLines_MoreThanItsBuffer) {
  const Strings lines(5000, std::string(200, 'x'));
  EXPECT_TRUE(WriteAll(lines, dir_.Path("out")).ok());
  EXPECT_EQ(TempDir::Read(dir_.Path("out")), absl::StrJoin(lines, "\n") + "\n");
}

TEST_P(FilesTest, WriteLines_ReplacesTheFileAndKeepsItsPermissionsAndLinks) {
  const std::string path = dir_.Write("real/out", "before");
  ::chmod(path.c_str(), 0640);
  std::filesystem::create_symlink(path, dir_.Path("link"));
  EXPECT_TRUE(WriteAll({"after"}, dir_.Path("link")).ok());
  EXPECT_TRUE(std::filesystem::is_symlink(dir_.Path("link")));
  EXPECT_EQ(TempDir::Read(path), "after\n");
  struct stat found;
  ASSERT_EQ(::stat(path.c_str(), &found), 0);
  EXPECT_EQ(found.st_mode & 07777, 0640u);
}

TEST_P(FilesTest, WriteLines_ALinkToWhatIsNotThereYet_MakesItThere) {
  std::filesystem::create_directory(dir_.Path("there"));
  std::filesystem::create_symlink("there/link", dir_.Path("link"));
  std::filesystem::create_symlink("real", dir_.Path("there/link"));
  EXPECT_TRUE(WriteAll({"new"}, dir_.Path("link")).ok());
  EXPECT_TRUE(std::filesystem::is_symlink(dir_.Path("link")));
  EXPECT_EQ(TempDir::Read(dir_.Path("there/real")), "new\n");
  EXPECT_EQ(OutputFile::TargetOf(dir_.Path("link")), OutputFile::TargetOf(dir_.Path("there/real")));
}

TEST_P(FilesTest, WriteLines_RunFails_TargetStaysAsItWas) {
  dir_.Write("out", "before");
  Graph& graph = NewGraph();
  From(graph, "numbers", FromRange(std::views::iota(0, 100000)))
      .Map("fail",
           [](int n) -> absl::StatusOr<std::string> {
             if (n == 99999) return absl::DataLossError("the last one is broken");
             return std::string(50, 'x');
           })
      .WriteLines("write", dir_.Path("out"));
  const Report report = RunToEnd(engine(), graph);
  EXPECT_EQ(report.status.code(), absl::StatusCode::kDataLoss);
  EXPECT_EQ(TempDir::Read(dir_.Path("out")), "before");
  EXPECT_THAT(dir_.Names(), ElementsAre("out"));
}

TEST_P(FilesTest, WriteLines_FullDisk_IsResourceExhausted) {
  const absl::Status error = WriteAll({"line"}, "/dev/full");
  EXPECT_EQ(error.code(), absl::StatusCode::kResourceExhausted);
  EXPECT_EQ(error.message(), "stage 'write': cannot write '/dev/full': No space left on device");
}

TEST_P(FilesTest, WriteLines_CannotBeWritten_IsNamed) {
  EXPECT_EQ(WriteAll({}, dir_.Path("none/out")).code(), absl::StatusCode::kNotFound);
  EXPECT_THAT(std::string(WriteAll({}, dir_.path()).message()), HasSubstr("': Is a directory"));
}

TEST_P(FilesTest, SeveralWorkers_AreRefused_WhereTheyCannotShare) {
  const auto refused = [&](std::unique_ptr<Stage> stage) {
    Graph& graph = NewGraph();
    graph.Add("stage", std::move(stage)).set_workers(2);
    const absl::Status status = graph.Check();
    return absl::StrContains(status.message(), "workers, who cannot share");
  };
  EXPECT_TRUE(refused(WriteLines(dir_.Path("out"))));
  EXPECT_TRUE(refused(ReadLines(dir_.Path("in"))));
  EXPECT_TRUE(refused(ReadChunks(dir_.Path("in"))));
  EXPECT_TRUE(refused(WalkFiles({dir_.path()})));
  EXPECT_FALSE(refused(ReadChunksOf()));
}

TEST_P(FilesTest, RemoveTemporaries_LeavesWhatIsCommitted) {
  OutputFile committed, begun;
  ASSERT_TRUE(committed.Open(dir_.Path("committed")).ok());
  ASSERT_TRUE(begun.Open(dir_.Path("begun")).ok());
  EXPECT_TRUE(committed.Commit().ok());
  internal::RemoveTemporaries();
  EXPECT_EQ(dir_.Names(), Strings{"committed"});
  EXPECT_FALSE(begun.Commit().ok());
}

TEST_P(FilesTest, OutputFile_StagedPath_IsWhereItCanBeReadBeforeTheCommit) {
  OutputFile file;
  ASSERT_TRUE(file.Open(dir_.Path("out")).ok());
  ASSERT_TRUE(file.Write("text").ok());
  EXPECT_EQ(TempDir::Read(file.staged_path()), "text");
  ASSERT_TRUE(file.Commit().ok());
  EXPECT_EQ(file.staged_path(), "");
  OutputFile direct;
  ASSERT_TRUE(direct.Open("/dev/null").ok());
  EXPECT_EQ(direct.staged_path(), "");
}

TEST_P(FilesTest, WalkFiles_ARootBesideAnother_ByDotDot_IsWalked) {
  dir_.Write("a/x", "");
  dir_.Write("b/y", "");
  EXPECT_THAT(Walk({"a", "a/../b"}), ElementsAre("a/x", "a/../b/y"));
}

TEST_P(FilesTest, WalkFiles_ARootThatIsAPipeWithoutAName_IsGiven) {
  int ends[2];
  ASSERT_EQ(::pipe(ends), 0);
  const std::string path = "/dev/fd/" + std::to_string(ends[0]);
  EXPECT_THAT(All(WalkFiles({path})), ElementsAre(path));
  ::close(ends[0]);
  ::close(ends[1]);
}

// However they are spelled.
TEST_P(FilesTest, WalkFiles_ARootWithinAnother_AddsNothing) {
  dir_.Write("a/x", "");
  dir_.Write("b", "");
  EXPECT_THAT(Walk({".", "a", "a/x", "b", "./b"}), ElementsAre("./a/x", "./b"));
  EXPECT_THAT(Walk({"a/../a", "a", "./a/x"}), ElementsAre("a/x"));
  EXPECT_THAT(Walk({"./b", "b"}), ElementsAre("./b"));
  std::filesystem::create_symlink(dir_.Path("a"), dir_.Path("link"));
  EXPECT_THAT(Walk({"link", "link/x"}), ElementsAre("link/x"));
}

// --- Once, not on every engine ---

// On real threads: in simulation nothing else can happen while a call waits.
class SilentPipeTest : public WeirTest {
 protected:
  SilentPipeTest() {
    EXPECT_EQ(::pipe(ends_), 0);
    EXPECT_EQ(::write(ends_[1], "a\nb\n", 4), 4);
    path_ = "/dev/fd/" + std::to_string(ends_[0]);
  }
  ~SilentPipeTest() override {
    ::close(ends_[0]);
    ::close(ends_[1]);
  }
  int ends_[2];
  std::string path_;
  Strings first_;
};

TEST_F(SilentPipeTest, ReadLines_NobodyWantsMore_Ends) {
  Graph& graph = NewGraph();
  From(graph, "read", ReadLines(path_)).Take("take", 1).Collect("into", first_);
  EXPECT_TRUE(RunToEnd(Threaded(), graph).ok());
  EXPECT_THAT(first_, ElementsAre("a"));
}

TEST_F(SilentPipeTest, ReadChunksOf_NobodyWantsMore_Ends) {
  Graph& graph = NewGraph();
  From(graph, "paths", FromVector(Strings{path_}))
      .ReadChunksOf("read", {})
      .Take("take", 1)
      .Collect("into", first_);
  EXPECT_TRUE(RunToEnd(Threaded(), graph).ok());
  EXPECT_THAT(first_, ElementsAre("a\nb\n"));
}

class LargeTreeTest : public WeirTest {};

TEST_F(LargeTreeTest, WalkFiles_MoreThanOneCallGives) {
  TempDir dir;
  Strings expected;
  for (int i = 0; i < 600; ++i) expected.push_back(absl::StrCat("f", 1000 + i));
  std::string deep = "z";
  for (int i = 0; i < 300; ++i) deep += "/d";
  expected.push_back(deep + "/end");
  for (std::string& name : expected) name = dir.Write(name, "");
  for (Engine* engine : {&Simulated(), &Threaded()}) {
    Strings paths;
    Graph& graph = NewGraph();
    From(graph, "walk", WalkFiles({dir.path()})).Collect("collect", paths);
    EXPECT_TRUE(RunToEnd(*engine, graph).ok());
    EXPECT_EQ(paths, expected);
  }
}

// --- Cut off anywhere ---

class CutOffTest : public WeirTest {
 protected:
  TempDir dir_;
};

// Cancels at every step of a simulated run: what stands there afterwards is the whole result or what was there before.
TEST_F(CutOffTest, WriteLines_CancelledAtAnyStep_CommitsAllOrNothing) {
  for (int i = 0; i < 5; ++i) dir_.Write(absl::StrCat("t/f", i), absl::StrCat("line ", i, "\n"));
  const std::string whole = "line 0\nline 1\nline 2\nline 3\nline 4\n";
  bool completed = false;
  for (uint64_t step = 1; !completed; ++step) {
    dir_.Write("out", "before");
    Graph& graph = NewGraph();
    From(graph, "walk", WalkFiles({dir_.Path("t")}))
        .ReadChunksOf("read", {})
        .Map("cut", [](std::string line) { return line.substr(0, line.size() - 1); })
        .WriteLines("write", dir_.Path("out"));
    Engine& engine = Simulated(step % 7);
    Run* run = nullptr;
    engine.simulator()->OnStep([&](uint64_t now) {
      if (now == step && run != nullptr) run->Cancel();
    });
    run = &Start(engine, graph);
    const Report report = Wait(*run);
    completed = report.ok();
    const std::string result = TempDir::Read(dir_.Path("out"));
    if (completed) {
      EXPECT_EQ(result, whole);
    } else {
      EXPECT_TRUE(result == "before" || result == whole) << "step " << step << ": " << result;
    }
    EXPECT_EQ(dir_.Names().size(), 2u) << "a temporary file is left";
    ASSERT_LT(step, 5000u);
  }
}

TEST_F(CutOffTest, Drain_SourcesEndAndWhatWasReadIsWritten) {
  for (int i = 0; i < 5; ++i) dir_.Write(absl::StrCat("t/f", i), absl::StrCat(i));
  Graph& graph = NewGraph();
  From(graph, "walk", WalkFiles({dir_.Path("t")}))
      .ReadChunksOf("read", {})
      .WriteLines("write", dir_.Path("out"));
  Run& run = Start(Simulated(), graph);
  run.Drain();
  const Report report = Wait(run);
  EXPECT_TRUE(report.ok()) << report.status;
  EXPECT_TRUE(report.drained);
  EXPECT_EQ(TempDir::Read(dir_.Path("out")), "");
}

}  // namespace
}  // namespace weir::testing
