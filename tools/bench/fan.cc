#include "tools/bench/fan.h"

#include <cstdint>
#include <vector>

#include "tools/bench/bench.h"
#include "tools/bench/workloads.h"

namespace weir::bench {
namespace {

std::vector<Params> FanPoints() {
  Params params;
  params.workload = "fan";
  params.capacity = 64;
  params.threads = 2;
  params.items = 1'000'000;
  params.variant = kUnordered;
  Params ordered = params;
  ordered.variant = kOrdered;
  return {params, ordered};
}

}  // namespace

FanItem MakeFanItem(uint64_t number) {
  FanItem item;
  item.number = number;
  for (uint64_t& word : item.words) word = number++ * 0x9E3779B97F4A7C15;
  return item;
}

void FanWork(FanItem& item) {
  constexpr int kRounds = 20;  // of seven multiplications, of one cycle each
  for (int round = 0; round < kRounds; ++round) {
    for (uint64_t& word : item.words) word = (word ^ (word >> 31)) * 0xBF58476D1CE4E5B9;
  }
  for (int i = 1; i < 7; ++i) item.words[0] ^= item.words[i];
}

uint64_t FanSink::ChecksumOf(int64_t items) {
  FanSink expected;
  for (int64_t number = 0; number < items; ++number) {
    FanItem item = MakeFanItem(number);
    FanWork(item);
    expected.Consume(item);
  }
  return expected.checksum_;
}

Sample FinishFan(const Stopwatch& stopwatch, const Params& params, const FanSink& sink) {
  Sample sample = stopwatch.Stop(params.items);
  sample.ok = sink.IsComplete(params.items) && (!IsOrdered(params) || sink.IsInOrder());
  return sample;
}

void AddFan(Suite& suite) {
  suite.workloads.push_back({.name = "fan", .unit = "item", .points = FanPoints()});
}

}  // namespace weir::bench
