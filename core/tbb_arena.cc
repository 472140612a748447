#include "weir/core/tbb_arena.h"

#include <algorithm>
#include <mutex>
#include <thread>

#define TBB_PREVIEW_GLOBAL_CONTROL 1
#include <oneapi/tbb/global_control.h>
#include <oneapi/tbb/task_arena.h>

// Defined by the sanitizer's runtime where there is one; null otherwise, so that one object serves every build.
extern "C" {
__attribute__((weak)) void __tsan_acquire(void* address);
__attribute__((weak)) void __tsan_release(void* address);
}

namespace weir::internal {
namespace {

// One limit for the whole process: oneTBB takes the lowest of all controls, so there must be one of ours, and it is only
// ever raised: to the sum of all engines' threads and what the host had for itself.
class ThreadLimit {
 public:
  static ThreadLimit& Get() {
    static ThreadLimit* limit =
        new ThreadLimit;  // never destroyed: engines may outlive main's statics
    return *limit;
  }
  void Add(int threads) {
    std::lock_guard lock(mutex_);
    sum_ += threads;
    const size_t wanted = static_cast<size_t>(sum_ + host_);
    if (wanted <= set_) return;
    auto raised =
        std::make_unique<tbb::global_control>(tbb::global_control::max_allowed_parallelism, wanted);
    control_ = std::move(raised);
    set_ = wanted;
  }
  void Subtract(int threads) {
    std::lock_guard lock(mutex_);
    sum_ -= threads;
  }

 private:
  std::mutex mutex_;
  const int host_ = std::max<int>(
      1, static_cast<int>(std::min<size_t>(
             std::thread::hardware_concurrency(),
             tbb::global_control::active_value(tbb::global_control::max_allowed_parallelism))));
  int sum_ = 0;
  size_t set_ = 0;
  std::unique_ptr<tbb::global_control> control_;
};

}  // namespace

struct TbbArena::Impl {
  explicit Impl(int threads) : threads(threads), arena(threads, 0) { arena.initialize(); }
  const int threads;
  tbb::task_arena arena;
};

TbbArena::TbbArena(int threads) {
  ThreadLimit::Get().Add(threads);
  impl_ = std::make_unique<Impl>(threads);
}

TbbArena::~TbbArena() {
  const int threads = impl_->threads;
  impl_.reset();
  ThreadLimit::Get().Subtract(threads);
}

bool TbbArena::Enqueue(void (*run)(void*), void* context) {
  if (__tsan_release) __tsan_release(context);
  try {
    impl_->arena.enqueue([run, context] {
      if (__tsan_acquire) __tsan_acquire(context);
      run(context);
    });
  } catch (...) {
    return false;
  }
  return true;
}

int TbbArena::width() const {
  const size_t allowed =
      tbb::global_control::active_value(tbb::global_control::max_allowed_parallelism);
  return std::max(1, std::min<int>(impl_->threads, static_cast<int>(allowed) - 1));
}

}  // namespace weir::internal
