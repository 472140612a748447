// The graphs of the `weir` command, and their flags.
#include <sys/stat.h>

#include <memory>
#include <string>
#include <vector>

#include "absl/flags/flag.h"
#include "weir/graphs/file_digest.h"
#include "weir/graphs/word_count.h"
#include "weir/main.h"

ABSL_FLAG(std::vector<std::string>, input, {},
          "files and directories, with all that is below them: PATH[,PATH...]");
ABSL_FLAG(std::string, output, "",
          "file for the result, which appears whole or not at all; standard output without it");

namespace weir {
namespace {

// The bytes in `paths` if all of them are files; else 0, for what is in a directory is not known before it has been read.
uint64_t TotalBytes(const std::vector<std::string>& paths) {
  uint64_t total = 0;
  for (const std::string& path : paths) {
    struct stat found;
    if (::stat(path.c_str(), &found) != 0 || !S_ISREG(found.st_mode)) return 0;
    total += static_cast<uint64_t>(found.st_size);
  }
  return total;
}

// A job that reads files: WordCount or FileDigest.
template <class G, class Options>
class FileJob final : public Job {
 public:
  explicit FileJob(Options options)
      : inputs_(options.inputs), total_(TotalBytes(inputs_)), job_(std::move(options)) {}

  Graph& graph() override { return job_.graph(); }
  absl::Status Ready() const override {
    return inputs_.empty()
               ? absl::InvalidArgumentError(
                     "nothing to read; name files or directories with --input=PATH[,PATH...]")
               : absl::OkStatus();
  }
  JobProgress Progress(const Report& now) const override {
    JobProgress progress = Job::Progress(now);
    progress.what = "files";
    progress.bytes = job_.bytes();
    progress.total_bytes = total_;
    return progress;
  }

 private:
  const std::vector<std::string> inputs_;
  const uint64_t total_;
  G job_;
};

template <class G, class Options>
std::unique_ptr<Job> MakeFileJob(const JobSetup& setup) {
  Options options;
  options.inputs = absl::GetFlag(FLAGS_input);
  options.output = absl::GetFlag(FLAGS_output);
  options.workers = setup.threads;
  options.problem = setup.problem;
  return std::make_unique<FileJob<G, Options>>(std::move(options));
}

const bool kWordCount = RegisterJob(
    "word_count", "counts the words in files: a line COUNT<TAB>WORD each, highest count first",
    &MakeFileJob<WordCount, WordCountOptions>);
const bool kFileDigest =
    RegisterJob("file_digest", "digests files with SHA-256: a line each, as of sha256sum, by path",
                &MakeFileJob<FileDigest, FileDigestOptions>);

}  // namespace
}  // namespace weir
