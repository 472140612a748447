// What ThreadSanitizer has to know of Debian's libraries, which are not instrumented. Empty in every other build.
#if defined(__SANITIZE_THREAD__)
#define WEIR_TSAN 1
#elif defined(__has_feature)
#if __has_feature(thread_sanitizer)
#define WEIR_TSAN 1
#endif
#endif

#ifdef WEIR_TSAN
#include "absl/status/status.h"

// oneTBB recycles its own small objects by atomic operations that the sanitizer cannot see, so the memset and the like that
// it calls look like races. Accesses *called from* it are left out; what weir and its users do, with oneTBB on the stack or
// not, is watched as before, and tests/races proves it. (A `race:` suppression would silence whatever has oneTBB on its stack,
// which is everything.)
extern "C" const char* __tsan_default_suppressions();
extern "C" const char* __tsan_default_suppressions() { return "called_from_lib:libtbb.so\n"; }

// Who drops the last reference to a Status' message frees it, on any thread. The counting is an atomic operation inside of the
// library; here it is again, where the sanitizer sees it. It stands in for the library's own.
namespace absl {
ABSL_NAMESPACE_BEGIN
void Status::UnrefNonInlined(uintptr_t rep) {
  status_internal::StatusRep* counted = RepToPointer(rep);
  if (counted->ref.fetch_sub(1, std::memory_order_acq_rel) == 1) delete counted;
}
ABSL_NAMESPACE_END
}  // namespace absl
#endif
