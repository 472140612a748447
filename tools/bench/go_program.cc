#include "tools/bench/go_program.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/types.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cinttypes>
#include <cstdint>
#include <filesystem>
#include <fstream>
#include <functional>
#include <stdexcept>
#include <string>
#include <system_error>
#include <vector>

#include "absl/strings/str_cat.h"
#include "tools/bench/bench.h"

namespace weir::bench {
namespace {

constexpr char kSource[] =
#include "tools/bench/go_source.inc"
    ;

constexpr int kNotFound = 127;  // the status of a child that could not become the program

class TemporaryFolder {
 public:
  TemporaryFolder() {
    const char* parent = getenv("TMPDIR");
    path_ = absl::StrCat(parent != nullptr ? parent : "/tmp", "/weir-bench-go-XXXXXX");
    if (mkdtemp(path_.data()) == nullptr) throw std::runtime_error("cannot create " + path_);
  }
  ~TemporaryFolder() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }
  TemporaryFolder(const TemporaryFolder&) = delete;
  TemporaryFolder& operator=(const TemporaryFolder&) = delete;

  std::string File(const char* name) const { return absl::StrCat(path_, "/", name); }

 private:
  std::string path_;
};

// Forks, and lets `become` turn the child into another program; if that returns, it has failed.
pid_t StartChild(const std::function<void()>& become) {
  fflush(nullptr);
  const pid_t child = fork();
  if (child < 0) throw std::runtime_error(absl::StrCat("cannot fork: ", strerror(errno)));
  if (child > 0) return child;
  prctl(PR_SET_PDEATHSIG, SIGKILL);  // a sample that is given up does not run on
  become();
  _exit(kNotFound);
}

// The child's exit status, or -1 if a signal has ended it.
int WaitFor(pid_t child) {
  int status = 0;
  while (waitpid(child, &status, 0) < 0 && errno == EINTR) {
  }
  return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

void Exec(const std::vector<std::string>& arguments) {
  std::vector<char*> argv;
  for (const std::string& argument : arguments) argv.push_back(const_cast<char*>(argument.c_str()));
  argv.push_back(nullptr);
  execvp(argv[0], argv.data());
}

// The built program, as a file that has no name any more: it is gone when the last process that
// has it open ends, however it ends.
int Build() {
  const TemporaryFolder folder;
  const std::string source = folder.File("chan.go");
  const std::string program = folder.File("chan");
  if (!(std::ofstream(source) << kSource).flush()) {
    throw std::runtime_error("cannot write " + source);
  }
  const int status = WaitFor(StartChild([&] {
    setenv("GOCACHE", folder.File("cache").c_str(), 1);
    setenv("GOPATH", folder.File("path").c_str(), 1);
    setenv("GOENV", "off", 1);
    setenv("GOPROXY", "off", 1);
    setenv("GOTOOLCHAIN", "local", 1);
    unsetenv("GOFLAGS");
    Exec({"go", "build", "-o", program, source});
  }));
  if (status == kNotFound) {
    throw std::runtime_error("there is no `go` on the PATH (Debian: apt-get install golang-go)");
  }
  if (status != 0) throw std::runtime_error("`go build` failed; what it said is above");
  const int file = open(program.c_str(), O_RDONLY | O_CLOEXEC);
  if (file < 0) throw std::runtime_error("cannot open " + program);
  return file;
}

// The built program's file, or -1.
int Program() {
  static const int file = [] {
    try {
      return Build();
    } catch (const std::exception& error) {
      fprintf(stderr, "bench: Go's channels are left out: %s\n", error.what());
      return -1;
    }
  }();
  return file;
}

std::string ReadAll(int file) {
  std::string text;
  char buffer[256];
  for (;;) {
    const ssize_t got = read(file, buffer, sizeof(buffer));
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0) return text;
    text.append(buffer, static_cast<size_t>(got));
  }
}

}  // namespace

bool HasGoProgram() { return Program() >= 0; }

GoResult RunGoProgram(const Params& params, int64_t warm_up_items) {
  int ends[2];
  if (pipe2(ends, O_CLOEXEC) != 0) throw std::runtime_error("cannot open a pipe");
  const pid_t child = StartChild([&] {
    dup2(ends[1], STDOUT_FILENO);
    Exec({absl::StrCat("/proc/self/fd/", Program()),
          absl::StrCat(params.workload, "/", params.variant), absl::StrCat(params.stages),
          absl::StrCat(params.capacity), absl::StrCat(params.threads), absl::StrCat(params.items),
          absl::StrCat(WithItems(params, warm_up_items).items)});
  });
  close(ends[1]);
  const std::string line = ReadAll(ends[0]);
  close(ends[0]);
  const int status = WaitFor(child);

  GoResult result;
  const int fields = sscanf(line.c_str(), "%" SCNd64 " %" SCNd64 " %" SCNu64 " %" SCNu64,
                            &result.wall_ns, &result.cpu_ns, &result.checksum, &result.overtaken);
  if (status != 0 || fields != 4) {
    throw std::runtime_error(
        absl::StrCat("the Go program ended with status ", status, " and printed '", line, "'"));
  }
  return result;
}

}  // namespace weir::bench
