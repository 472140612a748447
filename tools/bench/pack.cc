#include "tools/bench/pack.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <zstd.h>

#include <algorithm>
#include <cstdint>
#include <fstream>
#include <memory>
#include <string>
#include <system_error>
#include <vector>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "tools/bench/bench.h"
#include "tools/bench/word_count_corpus.h"
#include "tools/bench/workloads.h"

namespace weir::bench {
namespace {

constexpr int64_t kMegabyte = 1'000'000;

Params PointOf(int level, int64_t megabytes) {
  Params params;
  params.workload = "pack";
  params.variant = absl::StrCat("level", level);
  params.threads = 2;
  params.items = megabytes * kMegabyte / 1024;
  return params;
}

void Prepare(Params& params) {
  params.input = WriteCorpus(std::max<int64_t>(1, params.items * 1024 / kMegabyte));
  std::ifstream file(params.input, std::ios::binary | std::ios::ate);
  params.items = static_cast<int64_t>(file.tellg()) / 1024;
}

// True if what `packed` decompresses to is what `input` has. Counts the bytes of both.
bool IsPackedOf(std::ifstream& input, std::ifstream& packed, uint64_t& bytes,
                uint64_t& packed_bytes) {
  const std::unique_ptr<ZSTD_DCtx, size_t (*)(ZSTD_DCtx*)> context(ZSTD_createDCtx(),
                                                                   &ZSTD_freeDCtx);
  std::vector<char> in(ZSTD_DStreamInSize()), out(ZSTD_DStreamOutSize()), expected(out.size());
  size_t more = 1;
  while (packed.read(in.data(), static_cast<std::streamsize>(in.size())), packed.gcount() > 0) {
    ZSTD_inBuffer source = {in.data(), static_cast<size_t>(packed.gcount()), 0};
    packed_bytes += source.size;
    bool full = true;
    while (source.pos < source.size || (full && more != 0)) {
      ZSTD_outBuffer target = {out.data(), out.size(), 0};
      more = ZSTD_decompressStream(context.get(), &target, &source);
      if (ZSTD_isError(more)) return false;
      full = target.pos == target.size;
      const auto size = static_cast<std::streamsize>(target.pos);
      if (!input.read(expected.data(), size)) return false;
      if (memcmp(out.data(), expected.data(), target.pos) != 0) return false;
      bytes += target.pos;
    }
  }
  return more == 0 && input.peek() == std::ifstream::traits_type::eof();
}

}  // namespace

int PackLevel(const Params& params) {
  int level = 0;
  (void)absl::SimpleAtoi(absl::StripPrefix(params.variant, "level"), &level);
  return level;
}

PackOutput::PackOutput() {
  const char* folder = getenv("TMPDIR");
  path_ = absl::StrCat(folder != nullptr ? folder : "/tmp", "/weir-bench-XXXXXX");
  const int file = mkstemp(path_.data());
  if (file < 0) throw std::system_error(errno, std::generic_category(), "cannot create " + path_);
  close(file);
}

PackOutput::~PackOutput() { unlink(path_.c_str()); }

void VerifyPacked(const Params& params, const PackOutput& output, Sample& sample) {
  std::ifstream input(params.input, std::ios::binary), packed(output.path(), std::ios::binary);
  uint64_t bytes = 0, packed_bytes = 0;
  sample.ok = IsPackedOf(input, packed, bytes, packed_bytes);
  if (packed_bytes > 0) {
    sample.AddFigure("ratio", static_cast<double>(bytes) / static_cast<double>(packed_bytes));
  }
}

void AddPack(Suite& suite) {
  suite.workloads.push_back({.name = "pack",
                             .unit = "KiB",
                             .points = {PointOf(1, 100), PointOf(3, 100), PointOf(9, 32)},
                             .prepare = Prepare});
}

}  // namespace weir::bench
