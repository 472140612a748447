#include "weir/core/census.h"

#include "absl/strings/str_cat.h"

namespace weir {

std::string Census::ToString() const {
  std::string text;
  for (const CensusEntry& entry : works) {
    absl::StrAppend(&text, entry.graph, ".", entry.work, ": ", entry.waits);
    if (!entry.place.empty()) {
      absl::StrAppend(&text, ", at ", entry.place, ", for ", absl::FormatDuration(entry.age));
    }
    text += "\n";
  }
  if (timers > 0) absl::StrAppend(&text, timers, " timers are armed\n");
  return text;
}

}  // namespace weir
