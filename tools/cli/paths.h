// What a command line may not do with its files, found before anything is written.
#pragma once

#include <string>

#include "absl/status/status.h"
#include "weir/main.h"
#include "weir/tools/cli/console.h"

namespace weir::cli {

// INVALID_ARGUMENT if two of what the job reads, what it writes, and `report` ("" if there is none)
// are the same file: the result would take the place of its own input, or of the report.
absl::Status CheckFiles(const Job& job, const std::string& report);

// Goes where the user stands if `bazel run` has started the program, and says so on `console`.
//
// `bazel run` starts a program in its folder of runfiles, and says in BUILD_WORKING_DIRECTORY where
// its user stands: paths are meant from there. A shell that `bazel run` has started hands the
// variable on to everything that is run in it, wherever that is by then. So the variable counts
// only where the current directory is within runfiles ("*.runfiles"): nobody goes there by hand.
void GoWhereBazelsUserStands(Console& console);

}  // namespace weir::cli
