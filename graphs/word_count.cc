#include "weir/graphs/word_count.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <memory>
#include <optional>
#include <utility>

#include "absl/container/flat_hash_map.h"
#include "absl/hash/hash.h"
#include "absl/strings/str_cat.h"

// How it is fast. A counter looks each word up in a small table that stays in its core's cache; most occurrences are of few
// words. When the table is full its entries are dealt, by hash, to the tallies, each of which owns its part of all words; so
// there is nothing to merge, and a word is stored once however many counters there are. A word of up to 16 letters, and
// nearly all are, is two integers: to compare, to hash and to sort without looking at its text.
//
// How it is bounded. What grows with the vocabulary is in the tallies alone; all else is a table for each counter and the
// chunks and batches in the channels, of a fixed number.

namespace weir {
namespace {

// --- Words ---

constexpr size_t kShort = 16;

constexpr bool IsLetter(unsigned char c) {
  return static_cast<unsigned char>((c | 0x20) - 'a') < 26;
}

// A word of at most 16 letters, the first in the highest byte, zeros behind the last: in order of text if compared as numbers.
struct ShortWord {
  uint64_t high = 0;
  uint64_t low = 0;
  bool operator==(const ShortWord&) const = default;
  auto operator<=>(const ShortWord&) const = default;

  static ShortWord Of(const char* text, size_t length) {
    std::array<char, kShort> padded{};
    std::memcpy(padded.data(), text, length);
    return {Load(padded.data()), Load(padded.data() + 8)};
  }
  // The same, where 16 bytes can be read at `text`.
  static ShortWord OfReadable(const char* text, size_t length) {
    if (length <= 8) return {Load(text) & (~uint64_t{0} << (64 - 8 * length)), 0};
    return {Load(text), Load(text + 8) & (~uint64_t{0} << (128 - 8 * length))};
  }
  // At least 16 bytes of room; returns the length.
  size_t Write(char* into) const {
    Store(high, into);
    Store(low, into + 8);
    const int zeros = low != 0 ? __builtin_ctzll(low) : 64 + __builtin_ctzll(high);
    return kShort - static_cast<size_t>(zeros) / 8;
  }
  uint64_t Hash() const {
    const auto product =
        static_cast<unsigned __int128>(high ^ 0x9e3779b97f4a7c15) * (low ^ 0xd6e8feb86659fd93);
    const uint64_t mixed = static_cast<uint64_t>(product >> 64) ^ static_cast<uint64_t>(product);
    return mixed * 0x9fb21c651e98df25;
  }

 private:
  static uint64_t Load(const char* from) {
    uint64_t bytes;
    std::memcpy(&bytes, from, 8);
    return __builtin_bswap64(bytes);
  }
  static void Store(uint64_t value, char* into) {
    value = __builtin_bswap64(value);
    std::memcpy(into, &value, 8);
  }
};
static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__,
              "the bytes of a ShortWord are swapped as on such machines");

struct ShortCount {
  ShortWord word;
  uint64_t count = 0;
};
struct LongCount {
  std::string word;
  uint64_t count = 0;
};
struct Counts {
  std::vector<ShortCount> words;
  std::vector<LongCount> long_words;
};

// An open-addressing table of short words, at most 3/4 full. The high bits of the hash choose the slot, the low ones the tally.
class ShortTable {
 public:
  explicit ShortTable(int log2_slots) : shift_(64 - log2_slots), slots_(size_t{1} << log2_slots) {}

  size_t size() const { return size_; }
  bool full() const { return size_ >= slots_.size() / 4 * 3; }
  void Add(const ShortWord& word, uint64_t hash, uint64_t count) {
    const size_t mask = slots_.size() - 1;
    size_t at = hash >> shift_;
    while (slots_[at].count != 0) {
      if (slots_[at].word == word) {
        slots_[at].count += count;
        return;
      }
      at = (at + 1) & mask;
    }
    slots_[at] = {word, count};
    ++size_;
  }
  void Prefetch(uint64_t hash) const { __builtin_prefetch(&slots_[hash >> shift_], 1); }

  template <class F>
  void ForEach(F f) const {
    for (const ShortCount& slot : slots_) {
      if (slot.count != 0) f(slot);
    }
  }
  void Clear() {
    std::fill(slots_.begin(), slots_.end(), ShortCount());
    size_ = 0;
  }
  void Grow() {
    ShortTable larger(64 - shift_ + 1);
    ForEach(
        [&larger](const ShortCount& slot) { larger.Add(slot.word, slot.word.Hash(), slot.count); });
    *this = std::move(larger);
  }
  // All entries, in no order; the table is empty and unusable.
  std::vector<ShortCount> TakeAll() {
    std::vector<ShortCount> all = std::move(slots_);
    all.erase(std::remove_if(all.begin(), all.end(),
                             [](const ShortCount& slot) { return slot.count == 0; }),
              all.end());
    return all;
  }

 private:
  int shift_;
  std::vector<ShortCount> slots_;
  size_t size_ = 0;
};

using LongTable = absl::flat_hash_map<std::string, uint64_t>;

// --- Stages ---

// What a counter has counted of the words that one tally owns.
struct Part {
  size_t tally = 0;
  Counts counts;
};

// Chunks of text in, parts out.
class CountWords final : public Stage {
 public:
  In<std::string> in{this, "in"};
  Out<Part> out{this, "out"};

  CountWords(size_t tallies, std::atomic<uint64_t>& bytes) : tallies_(tallies), bytes_(bytes) {}
  std::string kind() const override { return "CountWords"; }

  Task<> Work(Context&) override {
    Table table;
    std::vector<Part> parts;
    while (true) {
      std::optional<std::string> chunk = co_await in.Receive();
      if (!chunk.has_value()) break;
      bytes_.fetch_add(chunk->size(), std::memory_order_relaxed);
      for (size_t at = 0; at < chunk->size();) {
        at = Count(*chunk, at, table);
        if (!table.full()) continue;
        Deal(table, parts);
        auto send = out.SendBatch(parts);
        absl::Status sent = co_await send;
        if (!sent.ok()) co_return sent;
      }
    }
    absl::Status complete = in.status();
    if (!complete.ok()) co_return complete;
    Deal(table, parts);
    auto send = out.SendBatch(parts);
    absl::Status sent = co_await send;
    co_return sent;
  }

 private:
  static constexpr int kLog2Slots = 14;
  static constexpr size_t kMostLongBytes = 256 * 1024;

  struct Table {
    ShortTable words{kLog2Slots};
    LongTable long_words;
    size_t long_bytes = 0;
    bool full() const { return words.full() || long_bytes > kMostLongBytes; }
  };

  // Counts from `at` on until the end, or until the table is full; returns how far it came. What it passes is lower-cased.
  static size_t Count(std::string& text, size_t at, Table& table) {
    char* const data = text.data();  // ends in a zero, which is no letter
    const size_t size = text.size();
    while (true) {
      while (at < size && !IsLetter(static_cast<unsigned char>(data[at]))) ++at;
      if (at == size || table.full()) return at;
      const size_t begin = at;
      do {
        data[at] = static_cast<char>(data[at] | 0x20);
        ++at;
      } while (IsLetter(static_cast<unsigned char>(data[at])));
      const size_t length = at - begin;
      if (length <= kShort) {
        const ShortWord word = begin + kShort <= size ? ShortWord::OfReadable(data + begin, length)
                                                      : ShortWord::Of(data + begin, length);
        table.words.Add(word, word.Hash(), 1);
      } else {
        const absl::string_view word(data + begin, length);
        auto found = table.long_words.find(word);
        if (found == table.long_words.end()) {
          found = table.long_words.emplace(word, 0).first;
          table.long_bytes += length + sizeof(LongTable::value_type);
        }
        ++found->second;
      }
    }
  }

  // Empties the table into a part for each tally.
  void Deal(Table& table, std::vector<Part>& parts) const {
    parts.resize(tallies_);
    for (size_t i = 0; i < tallies_; ++i) {
      parts[i].tally = i;
      parts[i].counts.words.reserve(table.words.size() / tallies_ * 9 / 8 + 16);
    }
    table.words.ForEach([&](const ShortCount& entry) {
      parts[entry.word.Hash() % tallies_].counts.words.push_back(entry);
    });
    table.words.Clear();
    for (const auto& [word, count] : table.long_words) {
      parts[absl::Hash<std::string>()(word) % tallies_].counts.long_words.push_back({word, count});
    }
    table.long_words.clear();
    table.long_bytes = 0;
  }

  const size_t tallies_;
  std::atomic<uint64_t>& bytes_;
};

// Highest count first, then by word.
bool Before(const ShortCount& a, const ShortCount& b) {
  return a.count != b.count ? a.count > b.count : a.word < b.word;
}
bool Before(const LongCount& a, const LongCount& b) {
  return a.count != b.count ? a.count > b.count : a.word < b.word;
}

// Parts in; at the end of them the total counts, ranked, of the words that are this tally's.
class Tally final : public Stage {
 public:
  In<Part> in{this, "in"};
  Out<Counts> out{this, "out"};

  std::string kind() const override { return "Tally"; }

  Task<> Work(Context&) override {
    ShortTable table(10);
    LongTable long_table;
    while (true) {
      std::optional<Part> part = co_await in.Receive();
      if (!part.has_value()) break;
      Add(part->counts, table, long_table);
    }
    absl::Status complete = in.status();
    if (!complete.ok()) co_return complete;
    Counts total;
    total.words = table.TakeAll();
    for (auto& [word, count] : long_table) total.long_words.push_back({word, count});
    LongTable().swap(long_table);
    std::sort(total.words.begin(), total.words.end(),
              [](const auto& a, const auto& b) { return Before(a, b); });
    std::sort(total.long_words.begin(), total.long_words.end(),
              [](const auto& a, const auto& b) { return Before(a, b); });
    auto send = out.Send(total);
    absl::Status sent = co_await send;
    co_return sent;
  }

 private:
  static void Add(const Counts& part, ShortTable& table, LongTable& long_table) {
    // The table is larger than any cache: its slots are asked for before they are needed.
    constexpr size_t kAhead = 12;
    const size_t size = part.words.size();
    for (size_t i = 0; i < size; ++i) {
      if (i + kAhead < size) table.Prefetch(part.words[i + kAhead].word.Hash());
      if (table.full()) table.Grow();
      table.Add(part.words[i].word, part.words[i].word.Hash(), part.words[i].count);
    }
    for (const LongCount& entry : part.long_words) long_table[entry.word] += entry.count;
  }
};

// The ranked counts of all tallies in; out the lines, ranked, many in one string.
class Rank final : public Stage {
 public:
  In<Counts> in{this, "in"};
  Out<std::string> out{this, "out"};

  std::string kind() const override { return "Rank"; }

  Task<> Work(Context&) override {
    std::vector<Counts> all;
    while (true) {
      std::optional<Counts> counts = co_await in.Receive();
      if (!counts.has_value()) break;
      all.push_back(std::move(*counts));
    }
    absl::Status complete = in.status();
    if (!complete.ok()) co_return complete;
    std::vector<Cursor> cursors;
    for (const Counts& counts : all) {
      cursors.emplace_back(counts.words);
      cursors.emplace_back(counts.long_words);
    }
    std::erase_if(cursors, [](const Cursor& cursor) { return cursor.ended(); });
    const auto later = [](const Cursor& a, const Cursor& b) { return b.Before(a); };
    std::make_heap(cursors.begin(), cursors.end(), later);
    while (!cursors.empty()) {
      std::string lines;
      while (!cursors.empty() && lines.size() < kBytes) {
        std::pop_heap(cursors.begin(), cursors.end(), later);
        Cursor& first = cursors.back();
        first.AppendTo(lines);
        first.Advance();
        if (first.ended()) {
          cursors.pop_back();
        } else {
          std::push_heap(cursors.begin(), cursors.end(), later);
        }
      }
      lines.pop_back();  // WriteLines adds it
      auto send = out.Send(lines);
      absl::Status sent = co_await send;
      if (!sent.ok()) co_return sent;
    }
    co_return absl::OkStatus();
  }

 private:
  static constexpr size_t kBytes = 64 * 1024;

  // Where the merge is in one ranked list, of short words or of long ones.
  class Cursor {
   public:
    explicit Cursor(const std::vector<ShortCount>& words)
        : short_(words.data()), short_end_(short_ + words.size()) {
      Look();
    }
    explicit Cursor(const std::vector<LongCount>& words)
        : long_(words.data()), long_end_(long_ + words.size()) {
      Look();
    }

    bool ended() const { return short_ == short_end_ && long_ == long_end_; }
    void Advance() {
      short_ != nullptr ? static_cast<void>(++short_) : static_cast<void>(++long_);
      Look();
    }
    bool Before(const Cursor& other) const {
      if (count_ != other.count_) return count_ > other.count_;
      if (first_ != other.first_) return first_ < other.first_;
      return rest_ < other.rest_;
    }
    void AppendTo(std::string& lines) const {
      char word[kShort];
      const size_t length = first_.Write(word);
      absl::StrAppend(&lines, count_, "\t", absl::string_view(word, length), rest_, "\n");
    }

   private:
    void Look() {
      if (ended()) return;
      if (short_ != nullptr) {
        count_ = short_->count;
        first_ = short_->word;
      } else {
        count_ = long_->count;
        first_ = ShortWord::Of(long_->word.data(), kShort);
        rest_ = absl::string_view(long_->word).substr(kShort);
      }
    }

    const ShortCount* short_ = nullptr;
    const ShortCount* short_end_ = nullptr;
    const LongCount* long_ = nullptr;
    const LongCount* long_end_ = nullptr;
    // Of the entry it is at.
    uint64_t count_ = 0;
    ShortWord first_;         // the first 16 letters
    absl::string_view rest_;  // the others
  };
};

}  // namespace

WordCount::WordCount(WordCountOptions options)
    : problems_(options.inputs, std::move(options.problem)) {
  const int workers = std::max(1, options.workers);
  const size_t tallies = static_cast<size_t>(std::min(workers, 8));
  ReadOptions read;
  read.is_boundary = [](char c) { return !IsLetter(static_cast<unsigned char>(c)); };
  read.on_error = problems_.handler();
  WalkOptions walk;
  walk.on_error = problems_.handler();

  auto count = std::make_unique<CountWords>(tallies, bytes_);
  count->set_workers(workers);
  const std::vector<Flow<Part>> parts =
      From(graph_, "walk", WalkFiles(std::move(options.inputs), std::move(walk)))
          .ReadChunksOf("read", std::move(read), {.workers = 2})
          .Via("count", std::move(count), {.capacity = 8})
          .Partition("deal", tallies, [](const Part& part) { return part.tally; },
                     {.capacity = tallies});
  auto& rank = graph_.Add<Rank>("rank");
  for (size_t i = 0; i < tallies; ++i) {
    parts[i].Via(absl::StrCat("tally", i), std::make_unique<Tally>(), {.capacity = 2}).To(rank.in);
  }
  Flow<std::string>(graph_, rank.out).WriteLines("write", std::move(options.output));
}

}  // namespace weir
