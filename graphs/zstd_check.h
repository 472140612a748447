// Whether a .zst file gives back what was compressed: it is read from the disk and decompressed, as `zstd -d` would do it.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>

#include "absl/status/status.h"

namespace weir {

// What was compressed.
struct Content {
  uint64_t bytes = 0;
  uint64_t digest = 0;  // ContentDigest
};

// OK if the file at `path` is one zstd frame, and nothing behind it, of this content; DATA_LOSS, with what is wrong, if not.
// Memory is bounded by the frame's window. It blocks; it looks at `cancelled` every 128 KiB, and then gives CANCELLED. `name` is
// what the file is called in messages.
absl::Status CheckZstdFile(const std::string& path, std::string_view name, const Content& content,
                           const std::function<bool()>& cancelled = nullptr);

}  // namespace weir
