#include "weir/graphs/file_digest.h"

#include <openssl/evp.h>

#include <algorithm>
#include <memory>
#include <utility>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "weir/core/printable.h"
#include "weir/stages/input_file.h"

namespace weir {
namespace {

// The digest of a file, in hexadecimal. It reads in pieces, and between them checks whether the run
// is cancelled or drained: then it returns CANCELLED, for the digest of a part of a file would be
// none.
absl::StatusOr<std::string> Digest(const std::string& path, std::atomic<uint64_t>& bytes,
                                   const Context& context) {
  constexpr size_t kPiece = 128 * 1024;
  const std::function<bool()> stop = [&context] {
    return context.cancelled() || context.draining();
  };
  if (stop()) return absl::CancelledError("");
  internal::InputFile file;
  if (const absl::Status opened = file.Open(path); !opened.ok()) return opened;
  std::unique_ptr<EVP_MD_CTX, void (*)(EVP_MD_CTX*)> digest(EVP_MD_CTX_new(), &EVP_MD_CTX_free);
  bool sound = digest != nullptr && EVP_DigestInit_ex(digest.get(), EVP_sha256(), nullptr) == 1;
  const std::unique_ptr<char[]> piece(new char[kPiece]);
  while (sound) {
    if (stop()) return absl::CancelledError("");
    const absl::StatusOr<size_t> got = file.Read(piece.get(), kPiece, stop);
    if (!got.ok()) return got.status();
    if (*got == 0) break;
    bytes.fetch_add(*got, std::memory_order_relaxed);
    sound = EVP_DigestUpdate(digest.get(), piece.get(), *got) == 1;
  }
  unsigned char sum[EVP_MAX_MD_SIZE];
  unsigned length = 0;
  sound = sound && EVP_DigestFinal_ex(digest.get(), sum, &length) == 1;
  if (!sound) return absl::InternalError(absl::StrCat("libcrypto could not digest '", path, "'"));
  return absl::BytesToHexString(absl::string_view(reinterpret_cast<const char*>(sum), length));
}

// As sha256sum prints it.
std::string Line(const std::string& digest, const std::string& path, bool for_terminal) {
  std::string escaped;
  for (const char c : path) {
    switch (c) {
      case '\\': escaped += "\\\\"; break;
      case '\n': escaped += "\\n"; break;
      case '\r': escaped += "\\r"; break;
      default: escaped += c;
    }
  }
  return absl::StrCat(escaped.size() == path.size() ? "" : "\\", digest, "  ",
                      for_terminal ? internal::Printable(escaped) : escaped);
}

}  // namespace

FileDigest::FileDigest(FileDigestOptions options)
    : problems_(options.inputs, std::move(options.problem)) {
  WalkOptions walk;
  walk.on_error = problems_.handler();
  // One line, or none for a file that cannot be read, or is not read because the run drains.
  auto digest = [this, for_terminal = options.for_terminal](
                    std::string path,
                    Context& context) -> absl::StatusOr<std::vector<std::string>> {
    absl::StatusOr<std::string> sum = Digest(path, bytes_, context);
    if (sum.ok()) return std::vector<std::string>{Line(*sum, path, for_terminal)};
    if (absl::IsCancelled(sum.status())) {
      if (context.cancelled()) return sum.status();
      context.NoteInputCut();
      return std::vector<std::string>();
    }
    absl::Status status = problems_.Handle(path, sum.status());
    if (!status.ok()) return status;
    return std::vector<std::string>();
  };
  From(graph_, "walk", WalkFiles(std::move(options.inputs), std::move(walk)))
      .FlatMap("digest", std::move(digest),
               {.workers = std::max(1, options.workers), .blocking = true})
      .WriteLines("write", std::move(options.output));
}

}  // namespace weir
