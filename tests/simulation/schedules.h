// How many schedules a suite explores.
#pragma once

#include <cstdint>
#include <cstdlib>

#include "absl/strings/numbers.h"

namespace weir::testing {

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
inline constexpr bool kSanitized = true;
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
inline constexpr bool kSanitized = true;
#else
inline constexpr bool kSanitized = false;
#endif
#else
inline constexpr bool kSanitized = false;
#endif

// Over all graphs and all kinds of schedules of a suite together; WEIR_SCHEDULES asks for another number. A sanitizer makes
// them some twenty times slower.
inline uint64_t Schedules(uint64_t by_default) {
  const char* wanted = std::getenv("WEIR_SCHEDULES");
  uint64_t schedules = 0;
  if (wanted != nullptr && absl::SimpleAtoi(wanted, &schedules)) return schedules;
  return kSanitized ? by_default / 25 : by_default;
}

}  // namespace weir::testing
