#include "weir/graphs/file_digest.h"

#include <fcntl.h>
#include <openssl/evp.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <memory>
#include <utility>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"

namespace weir {
namespace {

absl::Status CannotRead(const std::string& path) {
  return absl::Status(absl::ErrnoToStatusCode(errno),
                      absl::StrCat("cannot read '", path, "': ", ::strerrordesc_np(errno)));
}

// The digest of a file, in hexadecimal. It reads in pieces, and between them looks whether the run has been cancelled.
absl::StatusOr<std::string> Digest(const std::string& path, std::atomic<uint64_t>& bytes,
                                   const Context& context) {
  constexpr size_t kPiece = 128 * 1024;
  const int fd = ::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOCTTY);
  if (fd < 0) return CannotRead(path);
  struct Closer {
    int fd;
    ~Closer() { ::close(fd); }
  } closer{fd};
  std::unique_ptr<EVP_MD_CTX, void (*)(EVP_MD_CTX*)> digest(EVP_MD_CTX_new(), &EVP_MD_CTX_free);
  bool sound = digest != nullptr && EVP_DigestInit_ex(digest.get(), EVP_sha256(), nullptr) == 1;
  const std::unique_ptr<char[]> piece(new char[kPiece]);
  while (sound) {
    if (context.cancelled()) return absl::CancelledError("");
    const ssize_t got = ::read(fd, piece.get(), kPiece);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return CannotRead(path);
    if (got == 0) break;
    bytes.fetch_add(static_cast<uint64_t>(got), std::memory_order_relaxed);
    sound = EVP_DigestUpdate(digest.get(), piece.get(), static_cast<size_t>(got)) == 1;
  }
  unsigned char sum[EVP_MAX_MD_SIZE];
  unsigned length = 0;
  sound = sound && EVP_DigestFinal_ex(digest.get(), sum, &length) == 1;
  if (!sound) return absl::InternalError(absl::StrCat("libcrypto could not digest '", path, "'"));
  return absl::BytesToHexString(absl::string_view(reinterpret_cast<const char*>(sum), length));
}

// As sha256sum prints it.
std::string Line(const std::string& digest, const std::string& path) {
  std::string escaped;
  for (const char c : path) {
    switch (c) {
      case '\\': escaped += "\\\\"; break;
      case '\n': escaped += "\\n"; break;
      case '\r': escaped += "\\r"; break;
      default: escaped += c;
    }
  }
  return absl::StrCat(escaped.size() == path.size() ? "" : "\\", digest, "  ", escaped);
}

}  // namespace

FileDigest::FileDigest(FileDigestOptions options)
    : problems_(options.inputs, std::move(options.problem)) {
  WalkOptions walk;
  walk.on_error = problems_.handler();
  // One line, or none for a file that cannot be read.
  auto digest = [this](std::string path,
                       Context& context) -> absl::StatusOr<std::vector<std::string>> {
    absl::StatusOr<std::string> sum = Digest(path, bytes_, context);
    if (sum.ok()) return std::vector<std::string>{Line(*sum, path)};
    if (absl::IsCancelled(sum.status())) return sum.status();
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
