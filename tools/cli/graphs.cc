// The graphs of the `weir` command, and their flags.
#include <sys/stat.h>
#include <unistd.h>

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/flags/flag.h"
#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "weir/graphs/file_digest.h"
#include "weir/graphs/pack.h"
#include "weir/graphs/word_count.h"
#include "weir/main.h"

ABSL_FLAG(
    std::vector<std::string>, input, {},
    "files and directories, with all that is below them: PATH[,PATH...]; - is standard input; what "
    "has a comma in its name is named by a link to it, or by its directory");
ABSL_FLAG(std::string, output, "",
          "file for the result, which appears whole or not at all; standard output without it");
ABSL_FLAG(int, level, weir::PackOptions().level,
          "of pack: how hard to compress, from 1, the fastest, to 19, the smallest");
ABSL_FLAG(int, workers, 0, "of pack: how many compress at once; 0 is one for each thread");
ABSL_FLAG(bool, check, false,
          "of pack: decompress the output and compare it with the input before it takes its name");

namespace weir {
namespace {

// The bytes in `paths` if all of them are files; else 0, for what is in a directory is not known before it has been read.
uint64_t TotalBytes(const std::vector<std::string>& paths) {
  uint64_t total = 0;
  for (const std::string& path : paths) {
    struct stat found;
    if (path == "-") return 0;
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
    if (absl::GetFlag(FLAGS_level) != PackOptions().level || absl::GetFlag(FLAGS_workers) != 0 ||
        absl::GetFlag(FLAGS_check)) {
      return absl::InvalidArgumentError("--level, --workers and --check are flags of pack alone");
    }
    return inputs_.empty()
               ? absl::InvalidArgumentError(
                     "nothing to read; name files or directories with --input=PATH[,PATH...], or "
                     "standard input with --input=-")
               : absl::OkStatus();
  }
  std::string Output() const override { return absl::GetFlag(FLAGS_output); }
  std::vector<std::string> Inputs() const override { return inputs_; }
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
  if constexpr (requires { options.for_terminal; })
    options.for_terminal = OutputFile::TargetsTerminal(options.output);
  return std::make_unique<FileJob<G, Options>>(std::move(options));
}

class PackJob final : public Job {
 public:
  PackJob(std::vector<std::string> inputs, PackOptions options)
      : inputs_(std::move(inputs)),
        options_(Single(inputs_, std::move(options))),
        total_(TotalBytes(inputs_)),
        job_(options_) {}

  Graph& graph() override { return job_.graph(); }
  absl::Status Ready() const override {
    if (inputs_.empty()) {
      return absl::InvalidArgumentError(
          "nothing to read; name a file with --input=FILE, or standard input with --input=-");
    }
    if (inputs_.size() > 1) {
      return absl::InvalidArgumentError(absl::StrCat(
          "--input names ", inputs_.size(), " files, and one is compressed; join them with tar"));
    }
    const absl::Status valid = Pack::Validate(options_);
    if (!valid.ok()) return valid;
    if (OutputFile::TargetsTerminal(options_.output)) {
      return absl::InvalidArgumentError(
          "a terminal cannot show the result; name a file with --output=FILE");
    }
    return absl::OkStatus();
  }
  std::string Output() const override { return absl::GetFlag(FLAGS_output); }
  std::vector<std::string> Inputs() const override { return inputs_; }
  bool HasPartialResult() const override { return false; }  // half a file is none
  JobProgress Progress(const Report& now) const override {
    JobProgress progress = Job::Progress(now);
    progress.what = "chunks";
    progress.bytes = job_.bytes();
    progress.total_bytes = total_;
    return progress;
  }

 private:
  static PackOptions Single(const std::vector<std::string>& inputs, PackOptions options) {
    if (!inputs.empty()) options.input = inputs.front();
    return options;
  }

  const std::vector<std::string> inputs_;
  const PackOptions options_;
  const uint64_t total_;
  Pack job_;
};

std::unique_ptr<Job> MakePackJob(const JobSetup& setup) {
  const int workers = absl::GetFlag(FLAGS_workers);
  PackOptions options;
  options.output = absl::GetFlag(FLAGS_output);
  options.level = absl::GetFlag(FLAGS_level);
  options.workers = workers == 0 ? setup.threads : workers;
  options.check = absl::GetFlag(FLAGS_check);
  return std::make_unique<PackJob>(absl::GetFlag(FLAGS_input), std::move(options));
}

const bool kWordCount = RegisterJob(
    "word_count", "counts the words in files: a line COUNT<TAB>WORD each, highest count first",
    &MakeFileJob<WordCount, WordCountOptions>);
const bool kFileDigest =
    RegisterJob("file_digest", "digests files with SHA-256: a line each, as of sha256sum, by path",
                &MakeFileJob<FileDigest, FileDigestOptions>);
const bool kPack = RegisterJob(
    "pack", "compresses a file with zstd on all threads, to one frame that zstd -d reads",
    &MakePackJob);

}  // namespace
}  // namespace weir
