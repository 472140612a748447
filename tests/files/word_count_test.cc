#include "weir/graphs/word_count.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <random>
#include <string>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "tests/files/temp_dir.h"
#include "weir/testing.h"

namespace weir::testing {
namespace {

using ::testing::ElementsAre;

// The slow and obvious way.
std::string Reference(const std::vector<std::string>& texts) {
  std::map<std::string, int> counts;
  for (const std::string& text : texts) {
    std::string word;
    for (const char c : text + " ") {
      if (absl::ascii_isalpha(static_cast<unsigned char>(c))) {
        word += absl::ascii_tolower(static_cast<unsigned char>(c));
      } else if (!word.empty()) {
        ++counts[std::exchange(word, "")];
      }
    }
  }
  std::vector<std::pair<int, std::string>> ranked;
  for (const auto& [word, count] : counts) ranked.emplace_back(-count, word);
  std::sort(ranked.begin(), ranked.end());
  std::string lines;
  for (const auto& [count, word] : ranked) absl::StrAppend(&lines, -count, "\t", word, "\n");
  return lines;
}

class WordCountTest : public EveryEngineTest {
 protected:
  std::string Count(const std::vector<std::string>& inputs, int workers = 2) {
    WordCountOptions options;
    options.inputs = inputs;
    options.output = dir_.Path("out");
    options.workers = workers;
    options.problem = [this](std::string_view problem) {
      problems_.push_back(std::string(problem));
    };
    job_ = std::make_unique<WordCount>(options);
    EXPECT_TRUE(job_->graph().Check().ok());
    report_ = RunToEnd(engine(), job_->graph());
    return TempDir::Read(dir_.Path("out"));
  }
  // The fixture looks at what the run has left when the test is over.
  void TearDown() override {
    EveryEngineTest::TearDown();
    job_.reset();
  }

  TempDir dir_;
  std::vector<std::string> problems_;
  std::unique_ptr<WordCount> job_;
  Report report_;
};
WEIR_ON_EVERY_ENGINE(WordCountTest);

TEST_P(WordCountTest, HighestCountFirst_ThenByWord) {
  const std::string path = dir_.Write("f", "the cat and THE dog; a Cat's life, the-end\n");
  EXPECT_EQ(Count({path}), "3\tthe\n2\tcat\n1\ta\n1\tand\n1\tdog\n1\tend\n1\tlife\n1\ts\n");
  EXPECT_TRUE(report_.ok()) << report_.status;
}

TEST_P(WordCountTest, WordsDoNotRunAcrossFiles) {
  dir_.Write("t/a", "sea");
  dir_.Write("t/b", "side");
  EXPECT_EQ(Count({dir_.Path("t")}), "1\tsea\n1\tside\n");
}

TEST_P(WordCountTest, EmptyInput_GivesAnEmptyFile) {
  EXPECT_EQ(Count({dir_.Write("f", "")}), "");
  EXPECT_TRUE(report_.ok());
  EXPECT_EQ(Count({dir_.Write("g", "123 --- \xc3\xa9\n")}), "");
  EXPECT_TRUE(report_.ok());
}

TEST_P(WordCountTest, WordsOfEveryLength_AtEveryPlace) {
  // Words of 16 letters and fewer, and longer ones, are kept in different ways; the end of a chunk is a place of its own.
  std::vector<std::string> texts;
  for (size_t length = 1; length <= 40; ++length) {
    texts.push_back(absl::StrCat(std::string(length, 'z'), " ", std::string(length, 'A'), ".",
                                 std::string(length - 1, 'z'), "y"));
    dir_.Write(absl::StrCat("t/", length), texts.back());
  }
  EXPECT_EQ(Count({dir_.Path("t")}, 3), Reference(texts));
}

TEST_P(WordCountTest, RandomBytes_AsTheReference) {
  std::mt19937 random(11);
  std::vector<std::string> texts(4);
  for (size_t i = 0; i < texts.size(); ++i) {
    for (int n = 0; n < 20000; ++n) texts[i] += static_cast<char>(random() % (i == 0 ? 256 : 128));
    dir_.Write(absl::StrCat("t/", i), texts[i]);
  }
  EXPECT_EQ(Count({dir_.Path("t")}, 2), Reference(texts));
}

TEST_P(WordCountTest, MoreWordsThanACounterHolds) {
  std::mt19937 random(12);
  std::string text;
  for (int n = 0; n < 60000; ++n) {
    const int length = 1 + static_cast<int>(random() % 24);
    for (int i = 0; i < length; ++i) text += static_cast<char>('a' + random() % 26);
    text += ' ';
  }
  EXPECT_EQ(Count({dir_.Write("f", text)}, 4), Reference({text}));
}

TEST_P(WordCountTest, UnreadableFile_IsToldAndCounted_AndTheRestIsDone) {
  const std::string path = dir_.Write("f", "word");
  EXPECT_EQ(Count({path, dir_.Path("none")}), "1\tword\n");
  EXPECT_TRUE(report_.ok()) << report_.status;
  EXPECT_EQ(job_->problems(), 1u);
  EXPECT_THAT(problems_, ElementsAre(absl::StrCat("cannot read '", dir_.Path("none"),
                                                  "': No such file or directory")));
}

TEST_P(WordCountTest, NoInputCanBeRead_FailsAndWritesNothing) {
  Count({dir_.Path("none")});
  EXPECT_EQ(report_.status.code(), absl::StatusCode::kNotFound);
  EXPECT_THAT(dir_.Names(), ::testing::IsEmpty());
}

TEST_P(WordCountTest, RunsAgain_WithTheSameResult) {
  const std::string once = Count({dir_.Write("f", "a b a")});
  EXPECT_TRUE(RunToEnd(engine(), job_->graph()).ok());
  EXPECT_EQ(TempDir::Read(dir_.Path("out")), once);
}

}  // namespace
}  // namespace weir::testing
