// What the file stages say when a system call fails.
#pragma once

#include <string_view>

#include "absl/status/status.h"

namespace weir::internal {

// "cannot read '/etc/shadow': Permission denied", with the code that fits `error`, an errno: NOT_FOUND, PERMISSION_DENIED,
// RESOURCE_EXHAUSTED (a full disk), ... Never OUT_OF_RANGE or CANCELLED, by which a Work says that it has not failed.
absl::Status FileError(std::string_view what, std::string_view path, int error);

// The same with a name that is no path: "cannot write standard output: Broken pipe".
absl::Status NamedError(std::string_view what, std::string_view name, int error);

}  // namespace weir::internal
