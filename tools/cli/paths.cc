#include "weir/tools/cli/paths.h"

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <system_error>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"

namespace weir::cli {
namespace {

bool IsStandardOutput(const std::string& path) {
  return path.empty() || path == "-" || path == "/dev/stdout";
}

std::string NameOf(const std::string& flag, const std::string& path) {
  return IsStandardOutput(path) ? "standard output" : absl::StrCat(flag, "=", path);
}

absl::Status Same(const std::string& one, const std::string& other, const std::string& what) {
  return absl::InvalidArgumentError(
      absl::StrCat(one, " and ", other, " are the same file: ", what, "; name another one"));
}

}  // namespace

absl::Status CheckFiles(const Job& job, const std::string& report) {
  const std::string output = job.Output();
  for (const std::string& input : job.Inputs()) {
    const std::string name = input == "-" ? "standard input" : absl::StrCat("--input=", input);
    if (OutputFile::IsSameFile(input, output))
      return Same(name, NameOf("--output", output), "the result would take the place of its input");
    if (!report.empty() && OutputFile::IsSameFile(input, report))
      return Same(name, NameOf("--report", report), "the report would take the place of the input");
  }
  // Both may go to standard output, one behind the other.
  if (report.empty() || (IsStandardOutput(report) && IsStandardOutput(output)))
    return absl::OkStatus();
  const std::string target = OutputFile::TargetOf(report);
  if (!target.empty() && target == OutputFile::TargetOf(output)) {
    return absl::InvalidArgumentError(absl::StrCat(
        "--report=", report, " is where the result goes; give the report another name"));
  }
  const bool same = IsStandardOutput(report) ? OutputFile::IsSameFile(output, report)
                                             : OutputFile::IsSameFile(report, output);
  if (same) {
    return Same(NameOf("--report", report), NameOf("--output", output),
                "one would take the place of the other");
  }
  return absl::OkStatus();
}

void GoWhereBazelsUserStands(Console& console) {
  const char* const folder = std::getenv("BUILD_WORKING_DIRECTORY");
  if (folder == nullptr) return;
  std::error_code error;
  const std::filesystem::path here = std::filesystem::current_path(error);
  const bool in_runfiles = std::any_of(here.begin(), here.end(), [](const auto& part) {
    return absl::EndsWith(part.string(), ".runfiles");
  });
  if (error || !in_runfiles || here == folder) return;
  std::filesystem::current_path(folder, error);
  if (error) {
    console.Line(absl::StrCat("cannot go to '", folder, "', where `bazel run` was called: ",
                              error.message(), "; paths are from '", here.string(), "'"));
  } else {
    console.Line(absl::StrCat("paths are from '", folder, "', where `bazel run` was called"));
  }
}

}  // namespace weir::cli
