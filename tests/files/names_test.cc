// Names that are unusual, and many of them: what is in them is shown and not obeyed, and no length
// or number is too much.
#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <pty.h>
#include <sys/stat.h>
#include <unistd.h>

#include <string>

#include "absl/strings/str_cat.h"
#include "tests/files/command.h"

namespace weir::testing {
namespace {

using ::testing::EndsWith;
using ::testing::HasSubstr;
using ::testing::Not;

TEST_F(CliTest, ControlCharacters_DoNotReachTheTerminal) {
  // ESC, the bell, a control character of two bytes, and what is no UTF-8.
  const std::string name = "evil\x1b]0;title\x07\xc2\x9b\xff\n\t\xc3\xa9";
  const std::string path = dir_.Write("f", "word");
  for (const std::string& arguments :
       {absl::StrCat("run word_count --input=", path, ",'", dir_.Path(name), "'"),
        absl::StrCat("run '", name, "'"), absl::StrCat("draw './", name, "'"),
        absl::StrCat("run pack --input=", path, " --output='", dir_.Path("none/" + name), "'")}) {
    const Outcome outcome = Weir(arguments);
    EXPECT_NE(outcome.status, 0);
    EXPECT_THAT(outcome.err, HasSubstr("evil\\x1b]0;title\\x07\\xc2\\x9b\\xff")) << arguments;
    EXPECT_THAT(outcome.err, HasSubstr("\xc3\xa9")) << "and others are shown";
    for (const char* raw : {"\x1b", "\x07", "\xc2\x9b", "\xff", "\t"})
      EXPECT_THAT(outcome.err, Not(HasSubstr(raw))) << arguments;
  }
}

TEST_F(CliTest, ControlCharacters_DoNotReachTheTerminal_FromASimulation) {
  const Outcome outcome =
      Weir(absl::StrCat("simulate word_count --seeds=1 --input='", dir_.Path("evil\x1b[31m"), "'"));
  EXPECT_EQ(outcome.status, 1);
  EXPECT_THAT(outcome.out, HasSubstr("evil\\x1b[31m"));
  EXPECT_THAT(outcome.out + outcome.err, Not(HasSubstr("\x1b")));
}

class TerminalTest : public ProcessTest {};

TEST_F(TerminalTest, ControlCharactersInAResult_DoNotReachIt) {
  int terminal = -1;
  ASSERT_EQ(::openpty(&terminal, &out_, nullptr, nullptr, nullptr), 0);
  const std::string path = dir_.Write("evil\x1b[31m", "");
  Begin({kWeir, "run", "file_digest", "--input=" + path});
  ::close(out_);
  std::string shown;
  char buffer[4096];
  for (ssize_t got; (got = ::read(terminal, buffer, sizeof(buffer))) > 0;)
    shown.append(buffer, static_cast<size_t>(got));
  ::close(terminal);
  EXPECT_EQ(Wait(), 0);
  EXPECT_THAT(shown, HasSubstr("/evil\\x1b[31m\r\n"));
  EXPECT_THAT(shown, Not(HasSubstr("\x1b")));
}

// 16,000 took 48 s of CPU time when the list was put together anew for each.
TEST_F(CliTest, ManyInputs_AreNotQuadratic) {
  dir_.Write("f", "word");
  const Outcome outcome = Shell(
      absl::StrCat("ulimit -t 20; weir=$PWD/", kWeir, "; cd ", dir_.path(),
                   "; $weir run word_count $(for i in $(seq 16000); do echo --input=f; done)"));
  EXPECT_EQ(outcome.status, 0);
  EXPECT_EQ(outcome.out, "1\tword\n");
}

TEST_F(CliTest, AFileThatIsReadInPart_IsSaidToBe) {
  const std::string other = dir_.Write("other", "");
  const std::string path =
      dir_.Write("f", std::string(300'000, ' ') + "word " + std::string(17 << 20, 'x'));
  const Outcome outcome = Weir(absl::StrCat("run word_count --input=", path, ",", other));
  EXPECT_EQ(outcome.status, 1);
  EXPECT_EQ(outcome.out, "1\tword\n");
  EXPECT_THAT(outcome.err, HasSubstr("it is read in part, its first 300005 bytes\n"));
  EXPECT_THAT(outcome.err,
              HasSubstr("1 problem, listed above; the result lacks what could not be read"));
  EXPECT_THAT(outcome.err, Not(HasSubstr("leaves out")));
}

// Deeper than the system takes a path at once.
class DeepTest : public CliTest {
 protected:
  DeepTest() {
    int directory = ::open(dir_.path().c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    const auto go_down = [&](const std::string& name) {
      EXPECT_EQ(::mkdirat(directory, name.c_str(), 0700), 0);
      const int below = ::openat(directory, name.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
      ::close(directory);
      directory = below;
    };
    go_down("deep");
    deep_ = dir_.Path("deep");
    for (int i = 0; i < 60; ++i) {
      go_down(std::string(200, 'd'));
      absl::StrAppend(&deep_, "/", std::string(200, 'd'));
    }
    const int file = ::openat(directory, "file", O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
    EXPECT_EQ(::write(file, "word", 4), 4);
    ::close(file);
    ::close(directory);
  }
  ~DeepTest() override {
    const int removed = std::system(absl::StrCat("rm -rf ", dir_.Path("deep")).c_str());
    EXPECT_EQ(removed, 0);
  }
  std::string deep_;
};

TEST_F(DeepTest, FilesBeyondPathMax_AreRead) {
  for (const std::string& root : {dir_.Path("deep"), deep_, deep_ + "/file"}) {
    const Outcome counted = Weir(absl::StrCat("run word_count --input=", root));
    EXPECT_EQ(counted.out, "1\tword\n");
    EXPECT_EQ(counted.err, "");
    const Outcome digested = Weir(absl::StrCat("run file_digest --input=", root));
    EXPECT_EQ(digested.status, 0) << digested.err.substr(0, 200);
    EXPECT_THAT(digested.out, EndsWith(absl::StrCat("  ", deep_, "/file\n")));
  }
  EXPECT_EQ(Shell(absl::StrCat(kWeir, " run pack --input=", deep_, "/file | zstd -dc")).out,
            "word");
}

}  // namespace
}  // namespace weir::testing
