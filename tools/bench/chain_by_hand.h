// What the hand-written limits of the workload `chain` are made of: a stage's body, and what a
// source, a stage and a sink do with their rings. Each of these does as much as it can without
// waiting, and returns how many items that was.

#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <span>

#include "tools/bench/chain.h"
#include "tools/bench/spsc_ring.h"

namespace weir::bench {

// A stage's body. The compiler has to take the result for another number: else it would leave the
// stages of a loop out, and copy whole stretches where stages are joined by rings.
inline uint64_t Body(uint64_t item) {
  asm volatile("" : "+r"(item));
  return item;
}

template <typename Out>
size_t Feed(uint64_t& next, uint64_t items, SpscRing<Out>& out) {
  const uint64_t first = next;
  while (next < items) {
    std::span<uint64_t> free = out.Free();
    free = free.first(std::min<size_t>(free.size(), items - next));
    if (free.empty()) break;
    for (uint64_t& place : free) place = next++;
    out.Publish(free.size());
  }
  return next - first;
}

template <typename In, typename Out>
size_t PassOn(SpscRing<In>& in, SpscRing<Out>& out) {
  size_t passed = 0;
  for (;;) {
    const std::span<const uint64_t> items = in.Filled();
    const std::span<uint64_t> free = out.Free();
    const size_t count = std::min(items.size(), free.size());
    if (count == 0) return passed;
    for (size_t i = 0; i < count; ++i) free[i] = Body(items[i]);
    out.Publish(count);
    in.Release(count);
    passed += count;
  }
}

template <typename In>
size_t Consume(SpscRing<In>& in, ChainSink& sink) {
  size_t consumed = 0;
  for (;;) {
    const std::span<const uint64_t> items = in.Filled();
    if (items.empty()) return consumed;
    for (const uint64_t item : items) sink.Consume(item);
    in.Release(items.size());
    consumed += items.size();
  }
}

}  // namespace weir::bench
