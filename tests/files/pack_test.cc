#include "weir/graphs/pack.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zstd.h>

#include <cstdlib>
#include <memory>
#include <optional>
#include <random>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "tests/files/temp_dir.h"
#include "weir/core/simulator.h"
#include "weir/graphs/buffer_pool.h"
#include "weir/graphs/content_digest.h"
#include "weir/graphs/zstd_check.h"
#include "weir/graphs/zstd_frame.h"
#include "weir/testing.h"

namespace weir::testing {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::UnorderedElementsAre;

// --- Inputs ---

// Words, the frequent ones short, as in text.
std::string Text(size_t bytes) {
  std::mt19937 random(3);
  std::string text;
  while (text.size() < bytes) {
    const uint32_t below = 1u << (random() % 16);
    for (uint32_t word = random() % below + 1; word > 0; word /= 20)
      text += static_cast<char>('a' + word % 20);
    text += random() % 12 == 0 ? '\n' : ' ';
  }
  text.resize(bytes);
  return text;
}

std::string Noise(size_t bytes) {
  std::mt19937_64 random(4);
  std::string noise;
  while (noise.size() < bytes) {
    const uint64_t word = random();
    noise.append(reinterpret_cast<const char*>(&word), sizeof(word));
  }
  noise.resize(bytes);
  return noise;
}

Content ContentOf(const std::string& text) {
  ContentDigest digest;
  digest.Update(text.data(), text.size());
  return {text.size(), digest.value()};
}

// libzstd's own way, whole; nothing if it finds an error.
std::optional<std::string> Decompressed(const std::string& packed, size_t expected) {
  std::string text(expected + 1, '\0');
  const size_t size = ZSTD_decompress(text.data(), text.size(), packed.data(), packed.size());
  if (ZSTD_isError(size)) return std::nullopt;
  text.resize(size);
  return text;
}

int Shell(const std::string& command) { return std::system(command.c_str()); }

// --- The graph ---

template <class Fixture>
class PackFixture : public Fixture {
 protected:
  absl::Status PackFile(Engine& engine, PackOptions options) {
    if (options.input.empty()) options.input = dir_.Path("in");
    if (options.output.empty()) options.output = Out();
    options.sync = false;
    jobs_.push_back(std::make_unique<Pack>(options));
    EXPECT_TRUE(job().graph().Check().ok());
    return this->RunToEnd(engine, job().graph()).status;
  }
  // What is packed, after it has been unpacked in both ways.
  std::string Packed(Engine& engine, const std::string& text, PackOptions options = {}) {
    dir_.Write("in", text);
    const absl::Status status = PackFile(engine, options);
    EXPECT_TRUE(status.ok()) << status;
    EXPECT_EQ(job().bytes(), text.size());
    const std::string packed = TempDir::Read(Out());
    EXPECT_TRUE(Decompressed(packed, text.size()) == text);
    EXPECT_EQ(Shell(absl::StrCat("zstd -q -d -c ", Out(), " | cmp - ", dir_.Path("in"))), 0);
    EXPECT_EQ(ZSTD_getFrameContentSize(packed.data(), packed.size()),
              text.empty() ? ZSTD_CONTENTSIZE_UNKNOWN : text.size());
    return packed;
  }
  std::string Out() const { return dir_.Path("out.zst"); }
  Pack& job() { return *jobs_.back(); }
  // The fixture looks at what the runs have left when the test is over.
  void TearDown() override {
    Fixture::TearDown();
    jobs_.clear();
  }

  TempDir dir_;
  std::vector<std::unique_ptr<Pack>> jobs_;
};

class PackTest : public PackFixture<EveryEngineTest> {
 protected:
  absl::Status PackFile(PackOptions options) { return PackFixture::PackFile(engine(), options); }
  std::string Packed(const std::string& text, PackOptions options = {}) {
    return PackFixture::Packed(engine(), text, options);
  }
};
WEIR_ON_EVERY_ENGINE(PackTest);

TEST_P(PackTest, EmptyInput_GivesAFrame) { EXPECT_EQ(Packed("").size(), 13u); }

TEST_P(PackTest, SmallInputs) {
  Packed("x");
  Packed("to be or not to be");
  Packed(Text(700));
  Packed(Text(200'000));
}

TEST_P(PackTest, Check_OfWhatIsRight_IsSilent) {
  Packed(Text(10'000), {.check = true});
  Packed("", {.check = true});
  EXPECT_THAT(dir_.Names(), UnorderedElementsAre("in", "out.zst"));
}

TEST_P(PackTest, RunsAgain_WithTheSameResult) {
  const std::string once = Packed(Text(1000));
  ::unlink(Out().c_str());
  EXPECT_TRUE(RunToEnd(engine(), job().graph()).ok());
  EXPECT_EQ(TempDir::Read(Out()), once);
}

TEST_P(PackTest, InputThatCannotBeRead_IsNamed_AndTheOutputStays) {
  dir_.Write("out.zst", "before");
  EXPECT_EQ(PackFile({.input = dir_.Path("none")}),
            absl::NotFoundError(absl::StrCat("stage 'read': cannot read '", dir_.Path("none"),
                                             "': No such file or directory")));
  EXPECT_THAT(std::string(PackFile({.input = dir_.path()}).message()),
              HasSubstr(absl::StrCat("cannot read '", dir_.path(), "': Is a directory")));
  EXPECT_EQ(TempDir::Read(Out()), "before");
  EXPECT_THAT(dir_.Names(), ElementsAre("out.zst"));
}

TEST_P(PackTest, OutputThatCannotBeWritten_IsNamed) {
  dir_.Write("in", "text");
  EXPECT_EQ(PackFile({.output = "/dev/full"}).code(), absl::StatusCode::kResourceExhausted);
  EXPECT_EQ(PackFile({.output = dir_.Path("none/out")}).code(), absl::StatusCode::kNotFound);
  EXPECT_THAT(std::string(PackFile({.output = dir_.path()}).message()),
              HasSubstr("': Is a directory"));
}

TEST_P(PackTest, OptionsThatCannotBe_AreRefused) {
  dir_.Write("in", "text");
  for (const int level : {-1, 0, 20}) {
    const absl::Status status = PackFile({.level = level});
    EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
    EXPECT_THAT(std::string(status.message()),
                HasSubstr(absl::StrCat("the level is ", level, "; choose one from 1 to 19")));
  }
  for (const int workers : {-1, 0, 257})
    EXPECT_EQ(PackFile({.workers = workers}).code(), absl::StatusCode::kInvalidArgument);
  EXPECT_THAT(std::string(PackFile({.output = "/dev/null", .check = true}).message()),
              HasSubstr("cannot be read again to check it"));
  EXPECT_THAT(dir_.Names(), ElementsAre("in"));
}

// --- Several chunks: on some engines, since they are of 2 MiB and more ---

class PackChunksTest : public PackFixture<WeirTest> {
 protected:
  std::vector<Engine*> Engines() { return {&Simulated(3), &Threaded(1), &Threaded(8)}; }
  static std::string ThreeChunks() { return Text(FramePlan(1, 16 << 20).chunk * 5 / 2); }
};

TEST_F(PackChunksTest, Borders_AtEachOfThem) {
  const size_t chunk = FramePlan(1, 8 << 20).chunk;
  const std::string text = Text(2 * chunk + 1);
  for (const size_t bytes : {chunk - 1, chunk, chunk + 1, 2 * chunk, 2 * chunk + 1})
    Packed(Threaded(), text.substr(0, bytes), {.level = 1});
}

TEST_F(PackChunksTest, NoiseAndZeros) {
  const size_t chunk = FramePlan(1, 8 << 20).chunk;
  const size_t bytes = chunk + chunk / 3;
  // Noise grows by 3 bytes in 128 KiB.
  EXPECT_LT(Packed(Threaded(), Noise(bytes), {.level = 1}).size(), bytes + bytes / 4096 + 64);
  EXPECT_LT(Packed(Threaded(), std::string(bytes, '\0'), {.level = 1}).size(), 1024u);
}

TEST_F(PackChunksTest, ContentThatLooksLikeADictionary_IsContent) {
  // The magic number of a dictionary where the end of a chunk begins that overlaps into the next.
  const FramePlan plan(1, 4 << 20);
  std::string text = Text(plan.chunk + 1000);
  text.replace(plan.chunk - plan.overlap, 4, "\x37\xa4\x30\xec");
  Packed(Threaded(), text, {.level = 1});
}

TEST_F(PackChunksTest, SameBytes_WhateverTheNumberOfWorkers) {
  const std::string text = ThreeChunks();
  const std::string one = Packed(Threaded(), text, {.level = 1, .workers = 1});
  for (Engine* engine : Engines()) {
    for (const int workers : {1, 2, 3, 8}) {
      EXPECT_TRUE(Packed(*engine, text, {.level = 1, .workers = workers}) == one) << workers;
    }
  }
}

TEST_F(PackChunksTest, Check_OfWhatIsRight_IsSilent) {
  for (Engine* engine : Engines()) Packed(*engine, ThreeChunks(), {.level = 1, .check = true});
}

// --- Beside zstd ---

class PackBesideZstdTest : public WeirTest {};

TEST_F(PackBesideZstdTest, SizeIsThatOfItsThreads) {
  TempDir dir;
  const std::string in = dir.Write("in", Text(12'000'000)), out = dir.Path("out"),
                    theirs = dir.Path("theirs");
  for (const int level : {1, 3, 9}) {
    Pack pack({.input = in, .output = out, .level = level, .check = true, .sync = false});
    EXPECT_TRUE(RunToEnd(Threaded(), pack.graph()).ok());
    ASSERT_EQ(Shell(absl::StrCat("zstd -q -f -T2 -", level, " ", in, " -o ", theirs)), 0);
    const auto size = static_cast<double>(std::filesystem::file_size(out));
    EXPECT_NEAR(size / static_cast<double>(std::filesystem::file_size(theirs)), 1, 0.01) << level;
    EXPECT_EQ(Shell(absl::StrCat("zstd -q -t ", out)), 0);
  }
}

TEST_F(PackBesideZstdTest, EveryLevel_IsUnpacked) {
  TempDir dir;
  const std::string text = Text(300'000);
  const std::string in = dir.Write("in", text), out = dir.Path("out");
  for (int level = 1; level <= 19; ++level) {
    Pack pack({.input = in, .output = out, .level = level, .check = true, .sync = false});
    const Report report = RunToEnd(Threaded(), pack.graph());
    EXPECT_TRUE(report.ok()) << level << ": " << report.status;
    EXPECT_TRUE(Decompressed(TempDir::Read(out), text.size()) == text) << level;
  }
}

// --- Runs that are cut off, in simulation ---

class PackCutOffTest : public WeirTest {
 protected:
  void SetUp() override { in_ = dir_.Write("in", Text(FramePlan(1, 8 << 20).chunk * 5 / 2)); }
  // Runs it, calling `on_step` with the number of each step.
  Report PackWith(bool check, std::function<void(Run&, uint64_t step)> on_step) {
    pack_ = std::make_unique<Pack>(
        PackOptions{.input = in_, .output = Out(), .level = 1, .check = check, .sync = false});
    Engine& engine = Simulated(5);
    Run* run = nullptr;
    engine.simulator()->OnStep([&](uint64_t step) {
      if (run != nullptr) on_step(*run, step);
    });
    run = &Start(engine, pack_->graph());
    Report report = Wait(*run);
    engine.simulator()->OnStep(nullptr);
    return report;
  }
  std::string Out() const { return dir_.Path("out.zst"); }
  void TearDown() override {
    WeirTest::TearDown();
    pack_.reset();
  }

  TempDir dir_;
  std::string in_;
  std::unique_ptr<Pack> pack_;
};

TEST_F(PackCutOffTest, Cancelled_LeavesTheOutputAsItWas) {
  uint64_t steps = 0;
  EXPECT_TRUE(PackWith(true, [&](Run&, uint64_t step) { steps = step; }).ok());
  const std::string whole = TempDir::Read(Out());
  for (uint64_t at = 1; at <= steps; at += 1 + steps / 16) {
    dir_.Write("out.zst", "before");
    const Report report = PackWith(true, [at](Run& run, uint64_t step) {
      if (step == at) run.Cancel();
    });
    const std::string result = TempDir::Read(Out());
    EXPECT_TRUE(result == "before" || (report.ok() && result == whole)) << "step " << at;
    EXPECT_THAT(dir_.Names(), UnorderedElementsAre("in", "out.zst")) << "step " << at;
    pack_.reset();
  }
}

TEST_F(PackCutOffTest, Drained_HalfAFileIsNoResult) {
  const Report report = PackWith(false, [](Run& run, uint64_t) { run.Drain(); });
  EXPECT_EQ(report.status.code(), absl::StatusCode::kAborted);
  EXPECT_THAT(std::string(report.status.message()), HasSubstr("stage 'read': stopped after "));
  EXPECT_THAT(dir_.Names(), ElementsAre("in"));
}

TEST_F(PackCutOffTest, InputBecomesShorter_IsToldAndNothingIsWritten) {
  const Report report = PackWith(false, [this](Run&, uint64_t) {
    if (pack_->bytes() == 0) return;
    ASSERT_EQ(::truncate(in_.c_str(), 100), 0);
  });
  EXPECT_EQ(report.status.code(), absl::StatusCode::kAborted);
  EXPECT_THAT(std::string(report.status.message()), HasSubstr("became shorter while it was read"));
  EXPECT_THAT(dir_.Names(), ElementsAre("in"));
}

TEST_F(PackCutOffTest, InputGrows_IsTakenAsItWas) {
  const std::string text = TempDir::Read(in_);
  const Report report = PackWith(true, [this](Run&, uint64_t) {
    if (pack_->bytes() > 0) std::ofstream(in_, std::ios::app) << "more";
  });
  EXPECT_TRUE(report.ok()) << report.status;
  EXPECT_TRUE(Decompressed(TempDir::Read(Out()), text.size()) == text);
}

TEST_F(PackCutOffTest, Check_FindsWhatAnotherHasChangedOnTheDisk) {
  dir_.Write("out.zst", "before");
  const Report report = PackWith(true, [this](Run&, uint64_t) {
    for (const std::string& name : dir_.Names()) {
      if (name.front() != '.') continue;
      const int file = ::open(dir_.Path(name).c_str(), O_WRONLY | O_CLOEXEC);
      struct stat found;
      ASSERT_EQ(::fstat(file, &found), 0);
      if (found.st_size > 5000) {
        ASSERT_EQ(::pwrite(file, "corrupted", 9, 4000), 9);
      }
      ::close(file);
    }
  });
  EXPECT_EQ(report.status.code(), absl::StatusCode::kDataLoss);
  EXPECT_THAT(std::string(report.status.message()),
              HasSubstr("out.zst' does not decompress to what was compressed: "));
  EXPECT_EQ(TempDir::Read(Out()), "before");
  EXPECT_THAT(dir_.Names(), UnorderedElementsAre("in", "out.zst"));
}

// --- The check by itself ---

class CheckZstdFileTest : public ::testing::Test {
 protected:
  static std::string Compress(const std::string& text) {
    std::string packed(ZSTD_compressBound(text.size()), '\0');
    packed.resize(
        ZSTD_compress(packed.data(), packed.size(), text.data(), text.size(), /*level=*/3));
    return packed;
  }
  absl::Status Check(const std::string& packed) {
    return CheckZstdFile(dir_.Write("f", packed), "f", ContentOf(text_));
  }
  void ExpectDifference(const std::string& packed, const std::string& what) {
    const absl::Status status = Check(packed);
    EXPECT_EQ(status.code(), absl::StatusCode::kDataLoss) << what;
    EXPECT_THAT(std::string(status.message()), HasSubstr(what));
  }

  TempDir dir_;
  const std::string text_ = Text(1'000'000);
};

TEST_F(CheckZstdFileTest, SameContent_IsFine) {
  EXPECT_EQ(Check(Compress(text_)), absl::OkStatus());
}

TEST_F(CheckZstdFileTest, EveryDifference_IsFound) {
  const std::string packed = Compress(text_);
  std::string other = text_;
  other[500'000] ^= 1;
  ExpectDifference(Compress(other), "the bytes are others");
  ExpectDifference(Compress(text_ + "x"), "it gives 1000001 bytes, and 1000000 were read");
  ExpectDifference(packed.substr(0, packed.size() / 2), "it is cut off, after ");
  ExpectDifference("", "it is cut off, after 0 bytes");
  ExpectDifference(packed + packed, "something follows the end of the frame");
  ExpectDifference("no frame at all", "after 0 bytes");
}

TEST_F(CheckZstdFileTest, FileThatIsNotThere_IsNotFound) {
  EXPECT_EQ(CheckZstdFile(dir_.Path("none"), "none", {}),
            absl::NotFoundError("cannot read 'none' to check it: No such file or directory"));
}

TEST_F(CheckZstdFileTest, Cancelled_Stops) {
  EXPECT_EQ(CheckZstdFile(dir_.Write("f", "x"), "f", {}, [] { return true; }).code(),
            absl::StatusCode::kCancelled);
}

// --- Buffers ---

TEST(BufferPoolTest, MemoryIsUsedAgain) {
  auto pool = std::make_shared<BufferPool>(1000);
  std::optional<Buffer> first = pool->Take();
  const char* const memory = first->data();
  const Buffer second = pool->Take();
  EXPECT_NE(second.data(), memory);
  first.reset();
  EXPECT_EQ(pool->Take().data(), memory);
}

TEST(BufferPoolTest, BuffersOutliveTheirPoolsOwner) {
  auto pool = std::make_shared<BufferPool>(1000);
  Buffer buffer = pool->Take();
  pool.reset();
  buffer.data()[999] = 'x';
  EXPECT_EQ(buffer.pool().Take().capacity(), 1000u);
}

}  // namespace
}  // namespace weir::testing
