// A run can end without memory: what only tells of it is left out then.
#pragma once

#include <new>
#include <utility>

#include "absl/status/status.h"

namespace weir::internal {

// With the text that `message()` makes, or none.
template <class Message>
absl::Status Spelled(absl::StatusCode code, Message&& message) {
  try {
    return absl::Status(code, message());
  } catch (const std::bad_alloc&) {
    return absl::Status(code, "");
  }
}

template <class List, class Entry>
void AppendIfRoom(List& list, Entry&& entry) {
  try {
    list.push_back(std::forward<Entry>(entry));
  } catch (const std::bad_alloc&) {
  }
}

}  // namespace weir::internal
