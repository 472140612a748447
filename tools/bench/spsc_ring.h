// A ring for one sender and one receiver, written by hand: what a channel costs that knows of no
// waiting, no end and no cancellation. It is the limit that channels are measured against.
//
// The sender fills places of `Free()` and tells with `Publish`; the receiver reads `Filled()` and
// tells with `Release`. Both work in place on whole stretches, so that the positions are touched
// once for many items.

#pragma once

#include <algorithm>
#include <atomic>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

namespace weir::bench {

// A position that one thread alone uses.
class OwnPosition {
 public:
  uint64_t Get() const { return value_; }
  void Set(uint64_t value) { value_ = value; }

 private:
  uint64_t value_ = 0;
};

// A position that one thread sets and another one reads: whoever sees it sees what was done to the
// items before.
class SharedPosition {
 public:
  uint64_t Get() const { return value_.load(std::memory_order_acquire); }
  void Set(uint64_t value) { value_.store(value, std::memory_order_release); }

 private:
  std::atomic<uint64_t> value_ = 0;
};

// Holds at most `capacity` items. With SharedPosition the sender and the receiver may be two
// threads.
template <typename Position>
class SpscRing {
 public:
  explicit SpscRing(size_t capacity)
      : capacity_(capacity), mask_(std::bit_ceil(capacity) - 1), places_(mask_ + 1) {}

  // The sender's: places that are free and lie side by side. None if the ring is full.
  std::span<uint64_t> Free() {
    const uint64_t sent = sent_.Get();
    return Stretch(sent, capacity_ - (sent - received_.Get()));
  }
  void Publish(size_t count) { sent_.Set(sent_.Get() + count); }

  // The receiver's: items that lie side by side. None if the ring is empty.
  std::span<const uint64_t> Filled() {
    const uint64_t received = received_.Get();
    return Stretch(received, sent_.Get() - received);
  }
  void Release(size_t count) { received_.Set(received_.Get() + count); }

 private:
  std::span<uint64_t> Stretch(uint64_t position, uint64_t count) {
    const size_t begin = position & mask_;
    return {places_.data() + begin, std::min<size_t>(count, places_.size() - begin)};
  }

  const size_t capacity_;
  const size_t mask_;
  std::vector<uint64_t> places_;
  // Each on a cache line of its own: the other side reads it.
  alignas(64) Position sent_;
  alignas(64) Position received_;
};

}  // namespace weir::bench
