#include "tools/bench/move_only.h"

#include <cstdint>
#include <memory>

#include "tools/bench/bench.h"
#include "tools/bench/workloads.h"

namespace weir::bench {

ParcelPtr MakeParcel(uint64_t number) {
  auto parcel = std::make_unique<Parcel>();
  parcel->number = number;
  return parcel;
}

uint64_t ParcelSink::ChecksumOf(const Params& params) {
  ParcelSink expected;
  Parcel parcel;
  for (int stage = 0; stage < params.stages; ++stage) Stamp(parcel, stage);
  for (; parcel.number < static_cast<uint64_t>(params.items); ++parcel.number) {
    expected.Consume(parcel);
  }
  return expected.checksum_;
}

Sample FinishMoveOnly(const Stopwatch& stopwatch, const Params& params, const ParcelSink& sink) {
  Sample sample = stopwatch.Stop(params.items);
  sample.ok = sink.IsComplete(params);
  return sample;
}

void AddMoveOnly(Suite& suite) {
  Params params;
  params.workload = "move_only";
  params.stages = 4;
  params.capacity = 64;
  params.threads = 2;
  params.items = 500'000;
  suite.workloads.push_back({.name = "move_only", .unit = "item", .points = {params}});
}

}  // namespace weir::bench
