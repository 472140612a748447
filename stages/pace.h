// Pace: how many items a function stage takes at a time: as many as it does in about 50 us, as far as the last batch tells. A
// slow body then neither hoards items that another worker could take nor delays its output; a fast one pays for its channels
// once a batch.
#pragma once

#include <algorithm>
#include <cstddef>

#include "absl/time/time.h"
#include "weir/core/clock.h"
#include "weir/core/context.h"

namespace weir::internal {

class Pace {
 public:
  // Never more than `most` at a time.
  explicit Pace(size_t most) : most_(std::max<size_t>(1, most)) {}

  size_t limit() const { return limit_; }
  // True when an item has taken so long, several times in a row, that another thread would do a part of it gladly: against that,
  // what a channel costs is nothing. Once is not enough: a thread may have lost its core meanwhile.
  bool slow() const { return slow_ >= kSeveralTimes; }

  // The last item took long, whatever those before it took: feels its way up again.
  void Restart() { limit_ = 1; }

  void Begin(const Context& context) {
    measuring_ = limit_ < most_ || ++batches_ % kLookEvery == 0;
    if (measuring_) began_ = context.Now();
  }
  // `bodies`: how many further stages' bodies were run over the items. What it takes to begin with each, cold, is not the items'.
  // True if the batch was as long as a turn is to be: the Work lets others run first (Work::EndTurn), so that what it has sent is
  // still warm when it is received.
  bool End(const Context& context, size_t items, size_t bodies = 0) {
    if (!measuring_ || items == 0) return false;
    const int64_t took = context.Now().nanoseconds() - began_.nanoseconds() -
                         static_cast<int64_t>(bodies) * kToBegin;
    size_t next = limit_ * 2;  // too fast to tell: feel the way up
    slow_ = took > static_cast<int64_t>(items) * kWorthAThread ? slow_ + 1 : 0;
    if (took > 0) {
      const double fitting =
          static_cast<double>(items) * kTargetNanoseconds / static_cast<double>(took);
      next = fitting < static_cast<double>(next) ? static_cast<size_t>(fitting) : next;
    }
    limit_ = std::clamp<size_t>(next, 1, most_);
    return took >= kTargetNanoseconds / 2;
  }

 private:
  static constexpr double kTargetNanoseconds = 50'000;
  static constexpr int64_t kWorthAThread = 250;  // nanoseconds an item
  static constexpr int64_t kToBegin = 100;       // nanoseconds a body
  static constexpr unsigned kSeveralTimes = 8;
  static constexpr unsigned kLookEvery = 32;  // at full size: a clock read is 30 ns

  const size_t most_;
  size_t limit_ = 1;
  unsigned batches_ = 0;
  unsigned slow_ = 0;  // measurements in a row
  bool measuring_ = false;
  Instant began_;
};

}  // namespace weir::internal
