// The only door to oneTBB: an arena that runs a function on one of N threads.
//
// Its .cc alone includes oneTBB, and is built without ThreadSanitizer: Debian's oneTBB is not instrumented, and what the
// sanitizer sees of it is noise in which real races drown. The hand-over of `context` from Enqueue to `run` is announced to
// the sanitizer by hand.
#pragma once

#include <memory>

namespace weir::internal {

class TbbArena {
 public:
  // Raises the process's limit of oneTBB threads so that all arenas together with the host's own parallelism fit.
  explicit TbbArena(int threads);
  TbbArena(const TbbArena&) = delete;
  TbbArena& operator=(const TbbArena&) = delete;
  ~TbbArena();  // nothing may be running any more

  // Runs `run(context)` soon on one of the arena's threads; while other arenas are busy it may be seconds later, or when this arena
  // is gone. Allocates inside oneTBB. False if that has failed, for want of memory or of a thread: then it may run or may not.
  bool Enqueue(void (*run)(void*), void* context);

  // How many threads the arena really gets: fewer where the host program has set a lower limit.
  int width() const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace weir::internal
