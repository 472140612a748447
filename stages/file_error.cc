#include "weir/stages/file_error.h"

#include <cstring>
#include <string>

#include "absl/strings/str_cat.h"

namespace weir::internal {

absl::Status FileError(std::string_view what, std::string_view path, int error) {
  return NamedError(what, absl::StrCat("'", std::string(path), "'"), error);
}

absl::Status NamedError(std::string_view what, std::string_view name, int error) {
  absl::StatusCode code = absl::ErrnoToStatusCode(error);
  if (code == absl::StatusCode::kOutOfRange) code = absl::StatusCode::kResourceExhausted;  // EFBIG
  if (code == absl::StatusCode::kCancelled) code = absl::StatusCode::kUnknown;
  return absl::Status(code, absl::StrCat(std::string(what), " ", std::string(name), ": ",
                                         ::strerrordesc_np(error)));
}

}  // namespace weir::internal
