#include "weir/graphs/file_digest.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "tests/files/temp_dir.h"
#include "weir/testing.h"

namespace weir::testing {
namespace {

using ::testing::ElementsAre;

// FIPS 180-2's examples.
constexpr const char* kOfNothing =
    "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
constexpr const char* kOfAbc = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
constexpr const char* kOfMillionAs =
    "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0";

class FileDigestTest : public EveryEngineTest {
 protected:
  std::string Digest(const std::vector<std::string>& inputs, int workers = 3) {
    FileDigestOptions options;
    options.inputs = inputs;
    options.output = dir_.Path("out");
    options.workers = workers;
    job_ = std::make_unique<FileDigest>(options);
    EXPECT_TRUE(job_->graph().Check().ok());
    report_ = RunToEnd(engine(), job_->graph());
    return TempDir::Read(dir_.Path("out"));
  }
  void TearDown() override {
    EveryEngineTest::TearDown();
    job_.reset();
  }

  TempDir dir_;
  std::unique_ptr<FileDigest> job_;
  Report report_;
};
WEIR_ON_EVERY_ENGINE(FileDigestTest);

TEST_P(FileDigestTest, LinesAsOfSha256sum_InOrderOfPaths) {
  dir_.Write("t/b", "abc");
  dir_.Write("t/a/empty", "");
  dir_.Write("t/a.long", std::string(1000000, 'a'));
  EXPECT_EQ(Digest({dir_.Path("t")}),
            absl::StrCat(kOfMillionAs, "  ", dir_.Path("t/a.long"), "\n",  //
                         kOfNothing, "  ", dir_.Path("t/a/empty"), "\n",   //
                         kOfAbc, "  ", dir_.Path("t/b"), "\n"));
  EXPECT_TRUE(report_.ok()) << report_.status;
  EXPECT_EQ(job_->bytes(), 1000003u);
}

TEST_P(FileDigestTest, NamesAreEscapedAsOfSha256sum) {
  dir_.Write("t/back\\slash", "abc");
  dir_.Write("t/new\nline", "abc");
  dir_.Write("t/re\rturn", "abc");
  EXPECT_EQ(Digest({dir_.Path("t")}),
            absl::StrCat("\\", kOfAbc, "  ", dir_.path(), "/t/back\\\\slash\n",  //
                         "\\", kOfAbc, "  ", dir_.path(), "/t/new\\nline\n",     //
                         "\\", kOfAbc, "  ", dir_.path(), "/t/re\\rturn\n"));
}

TEST_P(FileDigestTest, ManyFiles_StayInOrder) {
  std::string expected;
  for (int i = 0; i < 300; ++i) {
    const std::string path = dir_.Write(absl::StrCat("t/", 1000 + i), "abc");
    absl::StrAppend(&expected, kOfAbc, "  ", path, "\n");
  }
  EXPECT_EQ(Digest({dir_.Path("t")}, 4), expected);
}

TEST_P(FileDigestTest, UnreadableInput_IsCounted_AndTheRestIsDone) {
  const std::string path = dir_.Write("f", "abc");
  EXPECT_EQ(Digest({path, dir_.Path("none")}), absl::StrCat(kOfAbc, "  ", path, "\n"));
  EXPECT_TRUE(report_.ok()) << report_.status;
  EXPECT_EQ(job_->problems(), 1u);
}

TEST_P(FileDigestTest, NoInputCanBeRead_FailsAndWritesNothing) {
  Digest({dir_.Path("none")});
  EXPECT_EQ(report_.status.code(), absl::StatusCode::kNotFound);
  EXPECT_THAT(dir_.Names(), ::testing::IsEmpty());
}

}  // namespace
}  // namespace weir::testing
