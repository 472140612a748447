// Runs a function in a child process and brings back its Sample, so that every sample starts from
// the same state: no thread, heap or thread pool of an earlier one, a crash that costs one sample,
// and a peak memory of its own.

#pragma once

#include <functional>

#include "tools/bench/bench.h"

namespace weir::bench {

// Forks, runs `measure` in the child, and waits for it. Requires that the calling process has only
// this thread, and keeps it so.
//
// The sample's `peak_rss_kb` is the child's, including what it shares with this process (a few MB,
// as long as this process itself holds no data). A child that throws, crashes or takes longer than
// `timeout_seconds` gives a sample that is not ok; the reason is printed to standard error.
Sample RunInChild(const std::function<Sample()>& measure, int timeout_seconds);

}  // namespace weir::bench
