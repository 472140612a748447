#include "tools/bench/dedup.h"

#include <openssl/sha.h>
#include <stdlib.h>
#include <unistd.h>
#include <zlib.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <optional>
#include <random>
#include <stdexcept>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "tools/bench/bench.h"
#include "tools/bench/workloads.h"

namespace weir::bench {
namespace {

constexpr int kCompressionLevel = 6;

// A chunk ends where the hash of its last bytes has kMask's bits clear: each 8 KiB on the average.
constexpr size_t kLeastChunk = 2 << 10;
constexpr size_t kMostChunk = 64 << 10;
constexpr uint64_t kMask = ((uint64_t{1} << 13) - 1) << 40;

// A number for each byte, for a hash that shifts: a byte is out of it after 64 others.
constexpr std::array<uint64_t, 256> kGear = [] {
  std::array<uint64_t, 256> gear = {};
  uint64_t state = 0x9E3779B97F4A7C15;
  for (uint64_t& entry : gear) {  // xorshift64*
    state ^= state >> 12;
    state ^= state << 25;
    state ^= state >> 27;
    entry = state * 0x2545F4914F6CDD1D;
  }
  return gear;
}();

// An entry of the archive, followed by `size` bytes if that is not 0.
struct Entry {
  int64_t first = 0;  // whose contents these are
  uint32_t raw_size = 0;
  uint32_t size = 0;
};

[[noreturn]] void Throw(const char* what) {
  throw std::system_error(errno, std::generic_category(), what);
}

// Reads the archive back and compares it with the input.
bool Holds(int file, std::string_view input) {
  std::string archive(static_cast<size_t>(lseek(file, 0, SEEK_END)), '\0');
  for (size_t at = 0; at < archive.size();) {
    const ssize_t got = pread(file, &archive[at], archive.size() - at, static_cast<off_t>(at));
    if (got <= 0) return false;
    at += static_cast<size_t>(got);
  }
  std::vector<std::string> contents;
  size_t at = 0, compared = 0;
  while (at < archive.size()) {
    Entry entry;
    if (archive.size() - at < sizeof(entry)) return false;
    memcpy(&entry, &archive[at], sizeof(entry));
    at += sizeof(entry);
    if (entry.size > archive.size() - at) return false;
    std::string raw;
    if (entry.size > 0) {
      raw.resize(entry.raw_size);
      uLongf size = entry.raw_size;
      if (uncompress(reinterpret_cast<Bytef*>(raw.data()), &size,
                     reinterpret_cast<const Bytef*>(&archive[at]), entry.size) != Z_OK) {
        return false;
      }
      at += entry.size;
    } else {
      if (static_cast<size_t>(entry.first) >= contents.size()) return false;
      raw = contents[static_cast<size_t>(entry.first)];
    }
    if (input.substr(compared, raw.size()) != raw) return false;
    compared += raw.size();
    contents.push_back(std::move(raw));
  }
  return compared == input.size();
}

}  // namespace

std::string MakeDedupInput(const Params& params) {
  constexpr uint64_t kSeed = 5;
  constexpr size_t kLeastRun = 8 << 10, kMostRun = 128 << 10;
  const size_t size = static_cast<size_t>(params.items) << 10;
  std::mt19937_64 random(kSeed);
  std::vector<std::string> words(5'000);
  for (std::string& word : words) {
    for (uint64_t letters = 2 + random() % 9; letters > 0; --letters) {
      word += static_cast<char>('a' + random() % 26);
    }
    word += ' ';
  }
  std::string input;
  input.reserve(size + kMostRun);
  while (input.size() < size) {
    const size_t run = kLeastRun + random() % (kMostRun - kLeastRun);
    if (random() % 2 == 0 && input.size() > run) {
      input.append(input, random() % (input.size() - run), run);
      continue;
    }
    const size_t end = input.size() + run;
    while (input.size() < end) {
      const uint64_t draw = random() % (words.size() * words.size());
      input += words[draw / words.size() * (draw % words.size()) / words.size()];
    }
  }
  input.resize(size);
  return input;
}

std::optional<DedupChunk> DedupCutter::Next() {
  if (left_.empty()) return std::nullopt;
  DedupChunk chunk;
  chunk.begun_ns = StreamMeter::Now();
  chunk.number = next_++;
  const size_t most = std::min(left_.size(), kMostChunk);
  size_t size = std::min(most, kLeastChunk);
  for (uint64_t hash = 0; size < most; ++size) {
    hash = (hash << 1) + kGear[static_cast<unsigned char>(left_[size])];
    if ((hash & kMask) == 0) break;
  }
  chunk.raw = left_.substr(0, size);
  left_.remove_prefix(size);
  return chunk;
}

void HashChunk(DedupChunk& chunk) {
  SHA1(reinterpret_cast<const unsigned char*>(chunk.raw.data()), chunk.raw.size(),
       chunk.digest.data());
}

void DedupTable::Look(DedupChunk& chunk) {
  const std::string digest(chunk.digest.begin(), chunk.digest.end());
  chunk.first = first_.try_emplace(digest, chunk.number).first->second;
}

void PackChunk(DedupChunk& chunk) {
  if (chunk.first != chunk.number) return;
  uLongf size = compressBound(chunk.raw.size());
  chunk.packed.resize(size);
  const int result = compress2(reinterpret_cast<Bytef*>(chunk.packed.data()), &size,
                               reinterpret_cast<const Bytef*>(chunk.raw.data()), chunk.raw.size(),
                               kCompressionLevel);
  if (result != Z_OK) throw std::runtime_error("zlib could not compress a chunk");
  chunk.packed.resize(size);
}

DedupWriter::DedupWriter() {
  const char* folder = getenv("TMPDIR");
  std::string path = absl::StrCat(folder != nullptr ? folder : "/tmp", "/weir-bench-XXXXXX");
  file_ = mkstemp(path.data());
  if (file_ < 0) Throw("cannot create a file for the archive");
  unlink(path.c_str());
}

DedupWriter::~DedupWriter() { close(file_); }

void DedupWriter::Write(const DedupChunk& chunk) {
  constexpr size_t kBuffer = 256 << 10;
  const Entry entry = {.first = chunk.first,
                       .raw_size = static_cast<uint32_t>(chunk.raw.size()),
                       .size = static_cast<uint32_t>(chunk.packed.size())};
  buffer_.append(reinterpret_cast<const char*>(&entry), sizeof(entry));
  buffer_ += chunk.packed;
  if (buffer_.size() >= kBuffer) Flush();
  in_order_ = in_order_ && chunk.number == next_++;
  meter_.Arrived(chunk.begun_ns);
}

void DedupWriter::Flush() {
  for (size_t at = 0; at < buffer_.size();) {
    const ssize_t put = write(file_, &buffer_[at], buffer_.size() - at);
    if (put < 0) Throw("cannot write the archive");
    at += static_cast<size_t>(put);
  }
  written_ += static_cast<int64_t>(buffer_.size());
  buffer_.clear();
}

Sample DedupWriter::Finish(const Params& params, std::string_view input) {
  Flush();
  Sample sample = meter_.Stop(params.items, static_cast<int64_t>(input.size()));
  sample.ok = in_order_ && Holds(file_, input);
  if (written_ > 0) {
    sample.AddFigure("ratio", static_cast<double>(input.size()) / static_cast<double>(written_));
  }
  return sample;
}

Params DedupWarmUp(const Params& params) { return WithItems(params, 512); }

void AddDedup(Suite& suite) {
  Params params;
  params.workload = "dedup";
  params.threads = 2;
  params.workers = 2;
  params.items = 32 << 10;
  suite.workloads.push_back({.name = "dedup", .unit = "KiB", .points = {params}});
}

}  // namespace weir::bench
