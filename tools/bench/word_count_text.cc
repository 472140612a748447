#include "tools/bench/word_count_text.h"

#include <cstddef>
#include <cstdint>
#include <ios>
#include <stdexcept>
#include <string>
#include <utility>

#include "absl/strings/string_view.h"

namespace weir::bench {
namespace {

// FNV-1a over the word and a mixing step (of splitmix64) over both. Not absl::Hash, which differs
// from process to process.
uint64_t HashOf(absl::string_view word, uint64_t count) {
  uint64_t hash = 0xCBF29CE484222325;
  for (const char c : word) hash = (hash ^ static_cast<unsigned char>(c)) * 0x100000001B3;
  hash += count * 0x9E3779B97F4A7C15;
  hash = (hash ^ (hash >> 30)) * 0xBF58476D1CE4E5B9;
  hash = (hash ^ (hash >> 27)) * 0x94D049BB133111EB;
  return hash ^ (hash >> 31);
}

}  // namespace

ChunkReader::ChunkReader(const std::string& path) {
  file_.rdbuf()->pubsetbuf(nullptr, 0);  // chunks are read straight into place
  file_.open(path, std::ios::binary);
  if (!file_) throw std::runtime_error("cannot open " + path);
}

bool ChunkReader::Next(std::string& chunk) {
  chunk = std::move(tail_);
  tail_.clear();
  const size_t kept = chunk.size();
  chunk.resize(kept + kChunkBytes);
  file_.read(chunk.data() + kept, kChunkBytes);
  chunk.resize(kept + static_cast<size_t>(file_.gcount()));
  if (!file_) return !chunk.empty();  // the last one; a word at its end is whole
  size_t end = chunk.size();
  while (end > 0 && LetterOrZero(chunk[end - 1]) != 0) --end;
  tail_ = chunk.substr(end);
  chunk.resize(end);
  return true;
}

void CountWords(std::string& chunk, WordCounts& counts) {
  ForEachWord(chunk, [&](absl::string_view word) {
    auto found = counts.find(word);
    if (found != counts.end()) {
      ++found->second;
    } else {
      counts.emplace(std::string(word), 1);
    }
  });
}

void MergeCounts(WordCounts&& from, WordCounts& into) {
  if (into.empty()) {
    into = std::move(from);
  } else {
    for (const auto& [word, count] : from) into[word] += count;
  }
  from.clear();
}

WordTotals TotalsOf(const WordCounts& counts) {
  WordTotals totals;
  for (const auto& [word, count] : counts) {
    totals.checksum += HashOf(word, count);
    totals.words += static_cast<int64_t>(count);
  }
  return totals;
}

}  // namespace weir::bench
