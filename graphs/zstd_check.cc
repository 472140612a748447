#include "weir/graphs/zstd_check.h"

#include <fcntl.h>
#include <unistd.h>
#include <zstd.h>

#include <cerrno>
#include <cstring>
#include <memory>
#include <new>
#include <string>

#include "absl/cleanup/cleanup.h"
#include "absl/strings/str_cat.h"
#include "weir/graphs/content_digest.h"

namespace weir {

absl::Status CheckZstdFile(const std::string& path, std::string_view name, const Content& content,
                           const std::function<bool()>& cancelled) {
  const auto cannot_read = [&name] {
    return absl::Status(absl::ErrnoToStatusCode(errno),
                        absl::StrCat("cannot read '", std::string(name),
                                     "' to check it: ", ::strerrordesc_np(errno)));
  };
  const auto wrong = [&name](const std::string& what) {
    return absl::DataLossError(absl::StrCat(
        "'", std::string(name), "' does not decompress to what was compressed: ", what));
  };
  const int fd = ::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOCTTY);
  if (fd < 0) return cannot_read();
  const absl::Cleanup close = [fd] { ::close(fd); };
  const std::unique_ptr<ZSTD_DCtx, size_t (*)(ZSTD_DCtx*)> context(ZSTD_createDCtx(),
                                                                   &ZSTD_freeDCtx);
  if (context == nullptr) throw std::bad_alloc();
  const size_t in_size = ZSTD_DStreamInSize(), out_size = ZSTD_DStreamOutSize();
  const std::unique_ptr<char[]> in(new char[in_size]), out(new char[out_size]);

  ContentDigest digest;
  uint64_t bytes = 0;
  size_t more = 1;  // 0: the frame has ended
  while (true) {
    if (cancelled && cancelled()) return absl::CancelledError("");
    const ssize_t got = ::read(fd, in.get(), in_size);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return cannot_read();
    if (got == 0) break;
    ZSTD_inBuffer input = {in.get(), static_cast<size_t>(got), 0};
    bool full = true;  // there may be more in the context than fitted
    while (input.pos < input.size || full) {
      if (more == 0 && input.pos == input.size) break;
      if (more == 0) return wrong("something follows the end of the frame");
      ZSTD_outBuffer output = {out.get(), out_size, 0};
      more = ZSTD_decompressStream(context.get(), &output, &input);
      if (ZSTD_isError(more)) {
        return wrong(absl::StrCat(ZSTD_getErrorName(more), ", after ", bytes, " bytes"));
      }
      digest.Update(out.get(), output.pos);
      bytes += output.pos;
      full = output.pos == output.size;
    }
  }
  if (more != 0) return wrong(absl::StrCat("it is cut off, after ", bytes, " bytes"));
  if (bytes != content.bytes) {
    return wrong(absl::StrCat("it gives ", bytes, " bytes, and ", content.bytes, " were read"));
  }
  if (digest.value() != content.digest) return wrong("the bytes are others");
  return absl::OkStatus();
}

}  // namespace weir
