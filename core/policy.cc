#include "weir/core/policy.h"

namespace weir {

const char* WhenFullName(WhenFull when_full) {
  switch (when_full) {
    case WhenFull::kBlock: return "block";
    case WhenFull::kFail: return "fail";
    case WhenFull::kDropNewest: return "drop_newest";
    case WhenFull::kDropOldest: return "drop_oldest";
    case WhenFull::kDivert: return "divert";
  }
  return "unknown";
}

WhenFull WhenFullFromName(std::string_view name) {
  for (const WhenFull when_full :
       {WhenFull::kFail, WhenFull::kDropNewest, WhenFull::kDropOldest, WhenFull::kDivert}) {
    if (name == WhenFullName(when_full)) return when_full;
  }
  return WhenFull::kBlock;
}

}  // namespace weir
