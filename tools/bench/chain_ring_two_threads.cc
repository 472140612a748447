// The workload `chain` by hand on two threads: the stages are split in the middle. Within each half
// the rings belong to its thread; the one that joins the halves is shared. A thread that has
// nothing to do looks again for a while, then yields each time, and never sleeps.

#include <barrier>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <thread>

#include "tools/bench/bench.h"
#include "tools/bench/chain.h"
#include "tools/bench/chain_by_hand.h"
#include "tools/bench/spsc_ring.h"
#include "tools/bench/workloads.h"

namespace weir::bench {
namespace {

using OwnRing = SpscRing<OwnPosition>;
using JoiningRing = SpscRing<SharedPosition>;

class Patience {
 public:
  // Called after each round with what was done in it.
  void After(size_t done) {
    idle_ = done > 0 ? 0 : idle_ + 1;
    if (idle_ > kSpins) std::this_thread::yield();
  }

 private:
  static constexpr int kSpins = 100;
  int idle_ = 0;
};

std::deque<OwnRing> MakeRings(int count, const Params& params) {
  std::deque<OwnRing> rings;  // not a vector: a ring stays where it is
  for (int i = 0; i < count; ++i) rings.emplace_back(params.capacity);
  return rings;
}

// The source and the first stages, into `out`.
void DriveFirstHalf(std::deque<OwnRing>& rings, JoiningRing& out, uint64_t items) {
  Patience patience;
  uint64_t next = 0;
  uint64_t sent = 0;
  while (sent < items) {
    size_t done = 0;
    if (rings.empty()) {
      done = Feed(next, items, out);
    } else {
      Feed(next, items, rings.front());
      for (size_t i = 0; i + 1 < rings.size(); ++i) PassOn(rings[i], rings[i + 1]);
      done = PassOn(rings.back(), out);
    }
    sent += done;
    patience.After(done);
  }
}

// The other stages and the sink, from `in`.
void DriveSecondHalf(JoiningRing& in, std::deque<OwnRing>& rings, uint64_t items, ChainSink& sink) {
  Patience patience;
  uint64_t consumed = 0;
  while (consumed < items) {
    size_t done = 0;
    if (rings.empty()) {
      done = Consume(in, sink);
    } else {
      PassOn(in, rings.front());
      for (size_t i = 0; i + 1 < rings.size(); ++i) PassOn(rings[i], rings[i + 1]);
      done = Consume(rings.back(), sink);
    }
    consumed += done;
    patience.After(done);
  }
}

Sample RunRings(const Params& params) {
  const int hops = static_cast<int>(ChainHops(params));
  const int split = hops / 2;  // the hops before the one that joins the halves
  std::deque<OwnRing> first = MakeRings(split, params);
  JoiningRing joining(params.capacity);
  std::deque<OwnRing> second = MakeRings(hops - split - 1, params);
  ChainSink sink;

  std::barrier start(2);
  std::thread other([&] {
    start.arrive_and_wait();
    DriveSecondHalf(joining, second, params.items, sink);
  });
  start.arrive_and_wait();
  const Stopwatch stopwatch;
  DriveFirstHalf(first, joining, params.items);
  other.join();
  return FinishChain(stopwatch, params, sink);
}

Sample Run(const Params& params) {
  RunRings(WithItems(params, kChainWarmUpItems));
  return RunRings(params);
}

}  // namespace

void AddChainRingTwoThreads(Suite& suite) {
  suite.implementations.push_back(
      {.workload = "chain", .name = "ring_two_threads", .run = Run, .scale = 4});
}

}  // namespace weir::bench
