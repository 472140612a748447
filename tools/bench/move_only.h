// The workload `move_only`: a source makes items behind a unique_ptr, four stages work on them, a
// sink folds them into a checksum and frees them. It measures what a library does with what cannot
// be copied; times are per item, for the whole way. Where a library's messages must be copyable,
// its implementation sends bare pointers.

#pragma once

#include <cstdint>
#include <memory>

#include "tools/bench/bench.h"

namespace weir::bench {

inline constexpr int64_t kMoveOnlyWarmUpItems = 2'000;

// As large as a small message, and as costly to allocate.
struct Parcel {
  uint64_t number = 0;
  uint64_t value = 0;
  uint64_t padding[6] = {};

  Parcel() = default;
  Parcel(const Parcel&) = delete;  // a copy does not compile, wherever it would be made
  Parcel& operator=(const Parcel&) = delete;
};
using ParcelPtr = std::unique_ptr<Parcel>;

// Not inline: compilers leave an allocation out where they see its end.
ParcelPtr MakeParcel(uint64_t number);

// What stage number `stage` does with a parcel: the result depends on the order of the stages.
inline void Stamp(Parcel& parcel, int stage) { parcel.value = parcel.value * 31 + stage + 1; }

class ParcelSink {
 public:
  void Consume(const Parcel& parcel) { checksum_ += (parcel.number + 1) * parcel.value; }

  // What the sum must be when each of the parcels 0 .. items-1 has come through all stages, in their
  // order.
  static uint64_t ChecksumOf(const Params& params);

  bool IsComplete(const Params& params) const { return checksum_ == ChecksumOf(params); }

 private:
  uint64_t checksum_ = 0;
};

// Stops the clock, and then verifies what `sink` has received.
Sample FinishMoveOnly(const Stopwatch& stopwatch, const Params& params, const ParcelSink& sink);

}  // namespace weir::bench
