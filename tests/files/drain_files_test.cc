// Stages that read and write files, in runs that are drained: what reads hears it, and a part of a
// result is not taken for the whole.
#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <memory>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "tests/files/temp_dir.h"
#include "weir/core/simulator.h"
#include "weir/graphs/file_digest.h"
#include "weir/graphs/word_count.h"
#include "weir/testing.h"
#include "weir/weir.h"

namespace weir::testing {
namespace {

using ::testing::StartsWith;
using Strings = std::vector<std::string>;

class DrainFilesTest : public WeirTest {
 protected:
  // Runs it in simulation and drains it at `step`.
  Report RunAndDrain(Graph& graph, uint64_t seed, uint64_t step, Partial partial) {
    Engine& engine = Simulated(seed);
    Run* run = nullptr;
    engine.simulator()->OnStep([&](uint64_t now) {
      if (now == step && run != nullptr) run->Drain(absl::InfiniteDuration(), partial);
    });
    run = &Start(engine, graph);
    Report report = Wait(*run);
    engine.simulator()->OnStep(nullptr);
    return report;
  }
  TempDir dir_;
};

// The paths are all there when the run begins: no source is left to hear of the drain.
TEST_F(DrainFilesTest, ReadChunksOf_HearsIt_ThoughItIsNoSource) {
  Strings lines;
  for (int i = 0; i < 5000; ++i) lines.push_back(absl::StrCat("line ", i));
  const std::string whole = absl::StrJoin(lines, "\n");
  const std::string path = dir_.Write("f", whole);
  int cut = 0;
  for (uint64_t step = 1; step < 200; step += 3) {
    Strings chunks;
    Graph& graph = NewGraph();
    From(graph, "paths", FromVector(Strings{path}))
        .ReadChunksOf("read", {.chunk_size = 100})
        .Collect("collect", chunks);
    const Report report = RunAndDrain(graph, step % 7, step, Partial::kKeep);
    EXPECT_TRUE(report.ok()) << report.status;
    const std::string got = absl::StrJoin(chunks, "");
    EXPECT_THAT(whole, StartsWith(got));
    if (got != whole) {
      EXPECT_TRUE(report.input_cut) << "step " << step;
    }
    cut += got != whole && !got.empty();
  }
  EXPECT_GT(cut, 10);
}

// A pipe that has said something, and then nothing more.
class SilentPipeTest : public WeirTest {
 protected:
  void SetUp() override {
    ASSERT_EQ(::mkfifo(path_.c_str(), 0600), 0);
    pipe_ = ::open(path_.c_str(), O_RDWR | O_CLOEXEC);
    ASSERT_EQ(::write(pipe_, "one\ntwo\n", 8), 8);
  }
  void TearDown() override {
    WeirTest::TearDown();
    ::close(pipe_);
  }
  TempDir dir_;
  const std::string path_ = dir_.Path("fifo");
  int pipe_ = -1;
};

TEST_F(SilentPipeTest, IsLeft_OnceNobodyWantsMore) {
  for (int kind = 0; kind < 3; ++kind) {
    if (kind > 0) {
      ASSERT_EQ(::write(pipe_, "one\ntwo\n", 8), 8);
    }
    Graph& graph = NewGraph();
    Strings got;
    auto lines = kind == 0 ? From(graph, "read", ReadLines(path_))
                 : kind == 1
                     ? From(graph, "read", ReadChunks(path_))
                     : From(graph, "paths", FromVector(Strings{path_})).ReadChunksOf("read", {});
    lines.Take("take", 1).Collect("collect", got);
    const Report report = RunToEnd(Threaded(), graph);
    EXPECT_TRUE(report.ok()) << report.status;
    EXPECT_FALSE(report.input_cut) << "it was not drained";
    EXPECT_EQ(got.size(), 1u);
  }
}

// Whether the result is of a part or not is known exactly, at every step.
TEST_F(DrainFilesTest, WriteLines_AtAnyStep_ReplacesTheFileByTheWholeAlone) {
  for (int i = 0; i < 5; ++i) dir_.Write(absl::StrCat("t/f", i), absl::StrCat("line ", i));
  const std::string whole = "line 0\nline 1\nline 2\nline 3\nline 4\n";
  int kept = 0;
  bool drained = true;
  for (uint64_t step = 1; drained; ++step) {
    dir_.Write("out", "before");
    Graph& graph = NewGraph();
    From(graph, "walk", WalkFiles({dir_.Path("t")}))
        .ReadChunksOf("read", {})
        .WriteLines("write", dir_.Path("out"));
    const Report report = RunAndDrain(graph, step % 7, step, Partial::kDiscard);
    drained = report.drained;
    EXPECT_EQ(report.ok(), !report.input_cut) << "step " << step << ": " << report.status;
    if (!report.ok()) {
      EXPECT_EQ(report.status.code(), absl::StatusCode::kAborted);
    }
    kept += !report.ok();
    EXPECT_EQ(TempDir::Read(dir_.Path("out")), report.ok() ? whole : "before") << "step " << step;
    EXPECT_EQ(dir_.Names().size(), 2u) << "a temporary file is left";
    ASSERT_LT(step, 5000u);
  }
  EXPECT_GT(kept, 5);
}

TEST_F(DrainFilesTest, WordCountAndFileDigest_AtAnyStep_GiveTheWholeOrFail) {
  for (int i = 0; i < 5; ++i) dir_.Write(absl::StrCat("t/f", i), absl::StrCat("word of ", i));
  const auto check = [&](auto make) {
    std::string whole;
    bool drained = true;
    int kept = 0;
    constexpr uint64_t kNever = 1'000'000;  // to begin with, for the whole
    for (uint64_t step = kNever; drained; step = step == kNever ? 1 : step + 1) {
      dir_.Write("out", "before");
      auto job = make();
      const Report report = RunAndDrain(job->graph(), step % 7, step, Partial::kDiscard);
      drained = report.drained || step == kNever;
      const std::string result = TempDir::Read(dir_.Path("out"));
      if (whole.empty()) whole = result;
      EXPECT_EQ(result, report.ok() ? whole : "before") << "step " << step << ": " << report.status;
      kept += !report.ok();
    }
    EXPECT_GT(kept, 5);
  };
  check([&] {
    return std::make_unique<WordCount>(
        WordCountOptions{.inputs = {dir_.Path("t")}, .output = dir_.Path("out")});
  });
  check([&] {
    return std::make_unique<FileDigest>(
        FileDigestOptions{.inputs = {dir_.Path("t")}, .output = dir_.Path("out")});
  });
}

}  // namespace
}  // namespace weir::testing
