// A text to count the words of: generated, the same on every machine, with words as unevenly
// distributed as in real text.

#pragma once

#include <cstdint>
#include <string>

namespace weir::bench {

// Writes about `megabytes` of text to a temporary file (in $TMPDIR, or /tmp) and returns a path to
// read it by. The file has no name any more, so nothing is left behind however the process ends;
// the path works in this process and its children.
//
// The k-th most frequent word appears in proportion to 1/k (Zipf). The vocabulary grows with the
// text, 8192 words a megabyte, so that 500 MB have 4 million distinct words at most. Some words are
// capitalised; digits and punctuation separate some. Throws std::system_error if the file cannot be
// written.
std::string WriteCorpus(int64_t megabytes);

}  // namespace weir::bench
