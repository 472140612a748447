#include "tools/bench/bytes.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string>
#include <vector>

#include "tools/bench/bench.h"
#include "tools/bench/stream_meter.h"
#include "tools/bench/workloads.h"

namespace weir::bench {
namespace {

struct Head {
  int64_t begun_ns = 0;
  uint64_t number = 0;
};

std::vector<Params> BytesPoints() {
  constexpr int64_t kBytesPerSample = 256 << 20;
  constexpr int64_t kMostItems = 100'000;
  std::vector<Params> points;
  for (const int64_t item_bytes : {1 << 10, 64 << 10, 1 << 20}) {
    for (const int capacity : {0, 2}) {
      Params params;
      params.workload = "bytes";
      params.item_bytes = item_bytes;
      params.stages = kBytesStages;
      params.capacity = capacity;
      params.threads = 2;
      params.items = std::min(kMostItems, kBytesPerSample / item_bytes);
      points.push_back(params);
    }
  }
  return points;
}

template <typename Function>
void ForEachWord(std::string& item, Function function) {
  for (size_t at = sizeof(Head); at + sizeof(uint64_t) <= item.size(); at += sizeof(uint64_t)) {
    uint64_t word;
    memcpy(&word, &item[at], sizeof(word));
    word = function(word);
    memcpy(&item[at], &word, sizeof(word));
  }
}

// In one loop, without the times.
void Prepare(Params& params) {
  BytesSink sink;
  for (int64_t number = 0; number < params.items; ++number) {
    std::string item = MakeBytes(params, number);
    for (int stage = 0; stage < kBytesStages; ++stage) BytesWork(item);
    sink.Consume(item);
  }
  params.expected = sink.checksum();
}

}  // namespace

std::string MakeBytes(const Params& params, int64_t number) {
  const Head head = {.begun_ns = StreamMeter::Now(), .number = static_cast<uint64_t>(number)};
  std::string item(static_cast<size_t>(params.item_bytes), '\0');
  memcpy(item.data(), &head, sizeof(head));
  ForEachWord(item, [next = head.number](uint64_t) mutable { return next += 0x9E3779B97F4A7C15; });
  return item;
}

void BytesWork(std::string& item) {
  ForEachWord(item, [](uint64_t word) { return (word ^ (word >> 31)) + 0xBF58476D1CE4E5B9; });
}

void BytesSink::Consume(const std::string& item) {
  Head head;
  memcpy(&head, item.data(), sizeof(head));
  uint64_t sum = 0;
  for (size_t at = sizeof(Head); at + sizeof(uint64_t) <= item.size(); at += sizeof(uint64_t)) {
    uint64_t word;
    memcpy(&word, &item[at], sizeof(word));
    sum += word;
  }
  checksum_ += (head.number + 1) * sum;
  overtaken_ += head.number < last_;
  last_ = head.number;
  meter_.Arrived(head.begun_ns);
}

int64_t BytesWarmUpItems(const Params& params) {
  constexpr int64_t kWarmUpBytes = 4 << 20;
  return std::clamp<int64_t>(kWarmUpBytes / params.item_bytes, 4, 1'000);
}

Sample FinishBytes(const Params& params, const BytesSink& sink) {
  Sample sample = sink.meter().Stop(params.items, params.items * params.item_bytes);
  sample.ok = sink.checksum() == params.expected;
  return sample;
}

void AddBytes(Suite& suite) {
  suite.workloads.push_back(
      {.name = "bytes", .unit = "item", .points = BytesPoints(), .prepare = Prepare});
}

}  // namespace weir::bench
