// The workload `word_count`: how often each word (a maximal run of ASCII letters, lower-cased)
// occurs in a file. Unlike `chain`, this is a job that someone might have: a serial reader,
// tokenizing and hashing on all threads, a merge at the end.
//
// The timed region begins with a file name and ends with one map of all counts. Times are per word
// of the text. Params::capacity is the number of chunks that may wait for a counter.

#pragma once

#include "tools/bench/bench.h"
#include "tools/bench/word_count_text.h"

namespace weir::bench {

// Stops the clock, and then compares `counts` with the reference.
Sample FinishWordCount(const Stopwatch& stopwatch, const Params& params, const WordCounts& counts);

}  // namespace weir::bench
