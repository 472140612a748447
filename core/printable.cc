#include "weir/core/printable.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>

namespace weir::internal {
namespace {

constexpr uint32_t kInvalid = UINT32_MAX;

// Takes the first character of `text`, which is not empty; kInvalid, and one byte, where no
// character of UTF-8 begins.
uint32_t TakeCharacter(std::string_view& text) {
  const auto byte = [&text](size_t i) -> uint32_t { return static_cast<unsigned char>(text[i]); };
  const uint32_t first = byte(0);
  const size_t length = first < 0x80   ? 1
                        : first < 0xc2 ? 0
                        : first < 0xe0 ? 2
                        : first < 0xf0 ? 3
                                       : 4;
  uint32_t character = length < 2 ? first : first & (0x7f >> length);
  bool valid = length > 0 && first < 0xf5 && length <= text.size();
  for (size_t i = 1; valid && i < length; ++i) {
    valid = (byte(i) & 0xc0) == 0x80;
    character = character << 6 | (byte(i) & 0x3f);
  }
  // Longer than it need be, half of a surrogate pair, or beyond the last.
  constexpr uint32_t kLeast[] = {0, 0, 0x80, 0x800, 0x10000};
  valid = valid && character >= kLeast[length] && character <= 0x10ffff &&
          (character < 0xd800 || character > 0xdfff);
  text.remove_prefix(valid ? length : 1);
  return valid ? character : kInvalid;
}

bool MayBeShown(uint32_t character) {
  if (character == kInvalid) return false;
  const bool is_control = character < 0x20 || (character >= 0x7f && character < 0xa0);
  const bool is_no_character = (character & 0xfffe) == 0xfffe;
  return !is_control && !is_no_character;
}

}  // namespace

std::string Printable(std::string_view text) {
  constexpr char kDigits[] = "0123456789abcdef";
  std::string shown;
  shown.reserve(text.size());
  while (!text.empty()) {
    const std::string_view before = text;
    const uint32_t character = TakeCharacter(text);
    const std::string_view bytes = before.substr(0, before.size() - text.size());
    if (MayBeShown(character)) {
      shown += bytes;
    } else if (character == '\n') {
      shown += "\\n";
    } else {
      for (const char byte : bytes) {
        const auto value = static_cast<unsigned char>(byte);
        shown += {'\\', 'x', kDigits[value >> 4], kDigits[value & 15]};
      }
    }
  }
  return shown;
}

}  // namespace weir::internal
