// Printable: names and messages as they may be shown, whatever bytes are in them.
#pragma once

#include <string>
#include <string_view>

namespace weir::internal {

// Returns `text` with each character escaped that a terminal would obey or an XML document may not
// contain, and each byte that is no UTF-8: a newline as "\n", ESC as "\x1b". All else stays as it
// is.
std::string Printable(std::string_view text);

}  // namespace weir::internal
