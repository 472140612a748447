#include "tools/bench/word_count_corpus.h"

#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmath>
#include <cstdint>
#include <random>
#include <string>
#include <string_view>
#include <system_error>

#include "absl/strings/str_cat.h"

namespace weir::bench {
namespace {

constexpr int64_t kMegabyte = 1'000'000;
constexpr int64_t kWordsPerMegabyte = 8192;

class Text {
 public:
  explicit Text(int64_t vocabulary) : log_vocabulary_(std::log(vocabulary + 1.0)) {}

  void AppendWord(std::string& text) {
    const size_t begin = text.size();
    AppendSpelling(Rank(), text);
    const uint64_t chance = random_() % 128;
    if (chance < 8) text[begin] = static_cast<char>(text[begin] - 'a' + 'A');
    if (chance == 50) absl::StrAppend(&text, chance);  // a digit ends a word, too
    if (chance < 16) text += chance < 12 ? ',' : '.';
    text += chance % 13 == 0 ? '\n' : ' ';
  }

 private:
  // floor(n^u) for a uniform u in [0, 1) is k with probability log((k + 1) / k) / log(n), which is
  // close to 1/k: no table needed.
  uint64_t Rank() {
    const double uniform = static_cast<double>(random_() >> 11) * 0x1p-53;
    return static_cast<uint64_t>(std::exp(uniform * log_vocabulary_));
  }

  // Syllables are the digits of a bijective numeral system, so that ranks have distinct spellings,
  // the frequent ones short.
  static void AppendSpelling(uint64_t rank, std::string& text) {
    constexpr std::string_view kConsonants = "tnshrdlcmw";
    constexpr std::string_view kVowels = "eaoiu";
    for (; rank > 0; rank = (rank - 1) / 50) {
      const uint64_t syllable = (rank - 1) % 50;
      text += kConsonants[syllable % 10];
      text += kVowels[syllable / 10];
    }
  }

  const double log_vocabulary_;
  std::mt19937_64 random_{
      20240229};  // its sequence is fixed by the standard; those of the distributions are not
};

[[noreturn]] void Throw(const std::string& what) {
  throw std::system_error(errno, std::generic_category(), what);
}

void WriteAll(int file, std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t written = write(file, bytes.data(), bytes.size());
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) Throw("cannot write the corpus");
    bytes.remove_prefix(static_cast<size_t>(written));
  }
}

}  // namespace

std::string WriteCorpus(int64_t megabytes) {
  const char* folder = getenv("TMPDIR");
  std::string path = absl::StrCat(folder != nullptr ? folder : "/tmp", "/weir-bench-XXXXXX");
  const int file = mkstemp(path.data());
  if (file < 0) Throw("cannot create " + path);
  unlink(path.c_str());

  Text text(kWordsPerMegabyte * megabytes);
  std::string piece;
  int64_t remaining = megabytes * kMegabyte;
  while (remaining > 0) {
    piece.clear();
    while (piece.size() < 64 * 1024) text.AppendWord(piece);
    if (static_cast<int64_t>(piece.size()) > remaining) piece.resize(remaining);
    WriteAll(file, piece);
    remaining -= static_cast<int64_t>(piece.size());
  }
  return absl::StrCat("/proc/self/fd/", file);
}

}  // namespace weir::bench
