#include "weir/stages/output_file.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <filesystem>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "tests/files/temp_dir.h"

namespace weir::testing {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::UnorderedElementsAre;

constexpr const char* kAcl = "system.posix_acl_access";
constexpr const char* kDefaultAcl = "system.posix_acl_default";

class OutputFileTest : public ::testing::Test {
 protected:
  // There, so that names lead to it for users that may not pass by the directories on the way.
  void SetUp() override {
    before_ = std::filesystem::current_path();
    std::filesystem::current_path(dir_.path());
  }
  void TearDown() override { std::filesystem::current_path(before_); }
  // Replaces the file, or says why not.
  static absl::Status Replace(const std::string& path) {
    OutputFile file;
    absl::Status status = file.Open(path);
    if (status.ok()) status = file.Write("after");
    if (status.ok()) status = file.Commit(/*sync=*/false);
    return status;
  }
  static struct stat StatOf(const std::string& path) {
    struct stat found {};
    EXPECT_EQ(::lstat(path.c_str(), &found), 0) << path;
    return found;
  }
  std::string Make(const std::string& name, uid_t owner, gid_t group, mode_t mode) {
    const std::string path = dir_.Write(name, "before");
    EXPECT_EQ(::chown(path.c_str(), owner, group), 0);
    EXPECT_EQ(::chmod(path.c_str(), mode), 0);
    return path;
  }
  static void ExpectIs(const std::string& path, uid_t owner, gid_t group, mode_t mode) {
    const struct stat found = StatOf(path);
    EXPECT_EQ(found.st_uid, owner);
    EXPECT_EQ(found.st_gid, group);
    EXPECT_EQ(found.st_mode & 07777, mode) << std::oct << found.st_mode;
    EXPECT_EQ(TempDir::Read(path), "after");
  }

  // An access control list as the kernel has it: `user` may read and write, beside rw-r----- for
  // others.
  static std::string AclWith(uint32_t user) {
    std::string list("\2\0\0\0", 4);
    const auto add = [&list](uint16_t tag, uint16_t permissions, uint32_t id) {
      for (uint32_t value : {uint32_t{tag} | uint32_t{permissions} << 16, id})
        for (int i = 0; i < 4; ++i) list += static_cast<char>(value >> (8 * i));
    };
    constexpr uint32_t kNobody = 0xffffffff;
    add(0x01, 6, kNobody);
    add(0x02, 6, user);
    add(0x04, 4, kNobody);
    add(0x10, 6, kNobody);
    add(0x20, 0, kNobody);
    return list;
  }
  static std::string AclOf(const std::string& path) {
    std::string list(1000, '\0');
    const ssize_t size = ::getxattr(path.c_str(), kAcl, list.data(), list.size());
    list.resize(static_cast<size_t>(std::max<ssize_t>(size, 0)));
    return list;
  }

  // Replaces the file as another user.
  static absl::Status ReplaceAs(uid_t user, gid_t group, const std::string& path) {
    const gid_t before = ::getegid();
    EXPECT_EQ(::setegid(group), 0);
    EXPECT_EQ(::seteuid(user), 0);
    const absl::Status status = Replace(path);
    EXPECT_EQ(::seteuid(0), 0);
    EXPECT_EQ(::setegid(before), 0);
    return status;
  }

  TempDir dir_;
  std::filesystem::path before_;
};

// --- What a file that is replaced keeps ---

TEST_F(OutputFileTest, ByRoot_OwnerAndItsBitsAreKept) {
  if (::geteuid() != 0) GTEST_SKIP() << "for root alone";
  const std::string path = Make("f", 1000, 1001, 04755);
  EXPECT_EQ(Replace(path), absl::OkStatus());
  ExpectIs(path, 1000, 1001, 04755);
}

TEST_F(OutputFileTest, ByAnother_TheBitsThatGiveTheOwnersRightsAreDropped) {
  if (::geteuid() != 0) GTEST_SKIP() << "for root alone";
  ASSERT_EQ(::chmod(dir_.path().c_str(), 0777), 0);
  const std::string theirs = Make("theirs", 1000, 1001, 06777);
  const std::string own = Make("own", 1002, 1003, 04755);
  EXPECT_EQ(ReplaceAs(1002, 1003, "theirs"), absl::OkStatus());
  EXPECT_EQ(ReplaceAs(1002, 1003, "own"), absl::OkStatus());
  EXPECT_EQ(StatOf(theirs).st_uid, 1002u) << "only root can give it to its owner";
  EXPECT_EQ(StatOf(theirs).st_mode & 07777, 0777u);
  EXPECT_EQ(StatOf(own).st_mode & 07777, 0755u) << "as when it is written to";
}

TEST_F(OutputFileTest, AnotherGroup_GetsNoMoreThanEverybodyHad) {
  if (::geteuid() != 0) GTEST_SKIP() << "for root alone";
  ASSERT_EQ(::chmod(dir_.path().c_str(), 0777), 0);
  const std::string path = Make("f", 1002, 1001, 0664);
  EXPECT_EQ(ReplaceAs(1002, 1003, "f"), absl::OkStatus());
  ExpectIs(path, 1002, 1003, 0644);
}

TEST_F(OutputFileTest, AccessControlList_IsKept) {
  const std::string path = dir_.Write("f", "before");
  const std::string list = AclWith(1234);
  if (::setxattr(path.c_str(), kAcl, list.data(), list.size(), 0) != 0)
    GTEST_SKIP() << "the file system has none";
  EXPECT_EQ(Replace(path), absl::OkStatus());
  EXPECT_EQ(AclOf(path), list);
  EXPECT_EQ(StatOf(path).st_mode & 0777, 0660u);
}

TEST_F(OutputFileTest, AccessControlListOfTheDirectory_IsForNewFilesAlone) {
  const std::string path = dir_.Write("f", "before");
  ASSERT_EQ(::chmod(path.c_str(), 0640), 0);
  const std::string list = AclWith(1234);
  if (::setxattr(dir_.path().c_str(), kDefaultAcl, list.data(), list.size(), 0) != 0)
    GTEST_SKIP() << "the file system has none";
  EXPECT_EQ(Replace(path), absl::OkStatus());
  EXPECT_EQ(AclOf(path), "");
  EXPECT_EQ(StatOf(path).st_mode & 0777, 0640u);
  EXPECT_EQ(Replace(dir_.Path("new")), absl::OkStatus());
  EXPECT_NE(AclOf(dir_.Path("new")), "");
}

TEST_F(OutputFileTest, WhatIsWritten_IsNotForEyesThatCouldNotReadWhatWasThere) {
  const std::string path = dir_.Write("f", "before");
  ASSERT_EQ(::chmod(path.c_str(), 0600), 0);
  OutputFile file;
  ASSERT_EQ(file.Open(path), absl::OkStatus());
  EXPECT_EQ(StatOf(file.staged_path()).st_mode & 0777, 0600u);
}

// --- What cannot be replaced is found by Open ---

TEST_F(OutputFileTest, MountPoint_IsFoundByOpen) {
  const std::string path = dir_.Write("f", "before"), other = dir_.Write("other", "");
  // In a process of its own, whose mounts are nobody else's.
  const pid_t child = ::fork();
  if (child == 0) {
    ::execlp("unshare", "unshare", "-m", "sh", "-c",
             absl::StrCat("mount --bind ", other, " ", path, " || exit 99; ", before_.string(),
                          "/tools/cli/weir run pack --input=", dir_.Write("in", "text"),
                          " --output=", path, " 2>", dir_.Path("err"))
                 .c_str(),
             nullptr);
    ::_exit(99);
  }
  int ended = 0;
  ASSERT_EQ(::waitpid(child, &ended, 0), child);
  if (!WIFEXITED(ended) || WEXITSTATUS(ended) == 99) GTEST_SKIP() << "it may not mount";
  EXPECT_EQ(WEXITSTATUS(ended), 1);
  EXPECT_THAT(TempDir::Read(dir_.Path("err")), HasSubstr("f': it is a mount point"));
  EXPECT_EQ(TempDir::Read(path), "before");
}

TEST_F(OutputFileTest, AnothersInAStickyDirectory_IsFoundByOpen) {
  if (::geteuid() != 0) GTEST_SKIP() << "for root alone";
  ASSERT_EQ(::chmod(dir_.path().c_str(), 01777), 0);
  Make("f", 1000, 1001, 0666);
  OutputFile file;
  ASSERT_EQ(::seteuid(1002), 0);
  const absl::Status opened = file.Open("f");
  ASSERT_EQ(::seteuid(0), 0);
  EXPECT_EQ(opened.code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_THAT(std::string(opened.message()), HasSubstr("it is another user's"));
  EXPECT_THAT(dir_.Names(), ElementsAre("f"));
}

// --- What killed processes have left ---

class LeftBehindTest : public OutputFileTest {
 protected:
  std::string Temporary(pid_t maker, int number) const {
    return absl::StrCat(".f.weir-", maker, "-", number);
  }
  // A process that is gone.
  static pid_t Gone() {
    const pid_t child = ::fork();
    if (child == 0) ::_exit(0);
    EXPECT_EQ(::waitpid(child, nullptr, 0), child);
    return child;
  }
};

TEST_F(LeftBehindTest, OfAProcessThatIsGone_IsRemoved) {
  dir_.Write(Temporary(Gone(), 0), "half");
  dir_.Write(Temporary(Gone(), 17), "");
  EXPECT_EQ(Replace(dir_.Path("f")), absl::OkStatus());
  EXPECT_THAT(dir_.Names(), ElementsAre("f"));
}

TEST_F(LeftBehindTest, OfOneThatHadOurNumber_IsRemoved) {
  dir_.Write(Temporary(::getpid(), 1'000'000), "half");
  EXPECT_EQ(Replace(dir_.Path("f")), absl::OkStatus());
  EXPECT_THAT(dir_.Names(), ElementsAre("f"));
}

TEST_F(LeftBehindTest, WhatIsBeingWritten_Stays) {
  OutputFile ours;
  ASSERT_EQ(ours.Open(dir_.Path("f")), absl::OkStatus());
  const std::string of_parent = Temporary(::getppid(), 0), of_container = Temporary(Gone(), 1);
  dir_.Write(of_parent, "");
  // Whose maker we do not see, as it is in another container; it holds the lock.
  const int locked = ::open(dir_.Write(of_container, "").c_str(), O_WRONLY | O_CLOEXEC);
  ASSERT_EQ(::flock(locked, LOCK_EX), 0);
  EXPECT_EQ(Replace(dir_.Path("f")), absl::OkStatus());
  const std::string staged = std::filesystem::path(ours.staged_path()).filename();
  EXPECT_THAT(dir_.Names(), UnorderedElementsAre("f", staged, of_parent, of_container));
  ::close(locked);
}

TEST_F(LeftBehindTest, OthersFiles_Stay) {
  const std::string gone = absl::StrCat(Gone());
  const std::vector<std::string> others = {
      absl::StrCat(".g.weir-", gone, "-0"),   absl::StrCat(".f.weir-", gone, "-x"),
      absl::StrCat(".f.weir-", gone),         absl::StrCat("f.weir-", gone, "-0"),
      absl::StrCat(".f.weir-", gone, "-0.x"), ".f.weir--1-0"};
  for (const std::string& name : others) dir_.Write(name, "");
  dir_.Write(".f.weir-1-0/file", "");
  EXPECT_EQ(Replace(dir_.Path("f")), absl::OkStatus());
  EXPECT_EQ(dir_.Names().size(), others.size() + 2);
}

// --- Pipes ---

TEST_F(OutputFileTest, APipeWithoutAReader_IsLeftWhenAsked) {
  const std::string path = dir_.Path("fifo");
  ASSERT_EQ(::mkfifo(path.c_str(), 0600), 0);
  OutputFile file;
  int asked = 0;
  EXPECT_EQ(file.Open(path, [&asked] { return ++asked == 3; }).code(),
            absl::StatusCode::kCancelled);
  EXPECT_EQ(asked, 3);
}

TEST_F(OutputFileTest, AFullPipe_IsLeftWhenAsked) {
  const std::string path = dir_.Path("fifo");
  ASSERT_EQ(::mkfifo(path.c_str(), 0600), 0);
  const int reader = ::open(path.c_str(), O_RDONLY | O_NONBLOCK | O_CLOEXEC);
  OutputFile file;
  ASSERT_EQ(file.Open(path), absl::OkStatus());
  int asked = 0;
  EXPECT_EQ(file.Write(std::string(1 << 20, 'x'), [&asked] { return ++asked == 2; }).code(),
            absl::StatusCode::kCancelled);
  EXPECT_EQ(asked, 2);
  ::close(reader);
}

}  // namespace
}  // namespace weir::testing
