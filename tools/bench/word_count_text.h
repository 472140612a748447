// What every implementation of `word_count` shares, so that they differ in how they move and divide
// the work and in nothing else: how a file is cut into chunks, what a word is, the map that counts,
// and the checksum of a result.

#pragma once

#include <cstddef>
#include <cstdint>
#include <fstream>
#include <string>

#include "absl/container/flat_hash_map.h"
#include "absl/strings/string_view.h"

namespace weir::bench {

// `c` in lower case if it is an ASCII letter, otherwise 0. Locales play no part.
constexpr char LetterOrZero(char c) {
  if (c >= 'a' && c <= 'z') return c;
  if (c >= 'A' && c <= 'Z') return static_cast<char>(c - 'A' + 'a');
  return 0;
}

// Reads a file in chunks that end where a word does. One thread at a time.
class ChunkReader {
 public:
  static constexpr size_t kChunkBytes = 256 * 1024;

  // Throws std::runtime_error if `path` cannot be opened.
  explicit ChunkReader(const std::string& path);

  // Replaces `chunk` by the next one; false at the end of the file. A chunk is longer than
  // kChunkBytes only by the length of the word that the chunk before it left over.
  bool Next(std::string& chunk);

 private:
  std::ifstream file_;
  std::string tail_;  // the letters behind the last chunk's end
};

// Calls `use(absl::string_view)` for each maximal run of letters in `chunk`, lower-cased in place.
template <typename Use>
void ForEachWord(std::string& chunk, Use use) {
  size_t begin = 0;
  const size_t size = chunk.size();
  while (begin < size) {
    size_t end = begin;
    while (end < size) {
      const char letter = LetterOrZero(chunk[end]);
      if (letter == 0) break;
      chunk[end++] = letter;
    }
    if (end > begin) use(absl::string_view(chunk.data() + begin, end - begin));
    begin = end + 1;
  }
}

// The number of times that each word was seen. Debian's Abseil has a string_view of its own, and
// only that one can be looked up. Looking a known word up does not allocate.
using WordCounts = absl::flat_hash_map<std::string, uint64_t>;

void CountWords(std::string& chunk, WordCounts& counts);

// Adds `from` to `into`, and leaves `from` empty.
void MergeCounts(WordCounts&& from, WordCounts& into);

struct WordTotals {
  uint64_t checksum = 0;
  int64_t words = 0;
};

// The checksum is a sum over the (word, count) pairs of a hash of each: two results have the same
// one exactly where their sorted lists agree (but for a chance of 2^-64), and no list has to be
// made, whose memory would count as the implementation's.
WordTotals TotalsOf(const WordCounts& counts);

}  // namespace weir::bench
