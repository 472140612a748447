// What happens beyond the cores that there are: how often cores wait for each other's cache lines and locks, counted while up to 64
// simulated ones take turns at the channels' own code. Of the engine only the channels are here, and the words that their waiters park
// with; what else the Works of a run share is reasoned about in core/DECISIONS.md, "What all stages share".
#include <gtest/gtest.h>

#include <array>
#include <cstdint>
#include <cstdio>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "tests/interleaving/parked.h"
#include "weir/core/channel.h"
#include "weir/interleaving.h"

namespace weir::internal {
namespace {

using interleaving::World;

constexpr size_t kCapacity = 64;
constexpr size_t kBatch = 32;
constexpr uint64_t kItems = 6'400;
constexpr std::array kCores = {2, 4, 8, 16, 32, 64};

// A channel, and the end of its one sending Work.
struct Hop {
  Hop(const RunSignals& signals, int receivers, size_t capacity = kCapacity)
      : channel(kItemType<uint64_t>, capacity, signals) {
    channel.SetEnds({.receivers = receivers, .single = receivers == 1});
  }

  void Send(uint64_t* items, size_t count) {
    SendRequest request;
    request.sender = &end;
    request.items = items;
    request.count = count;
    request.alone = true;
    if (channel.Put(request) != Outcome::kNone) return;
    Parked waiter;
    waiter.Prepare();
    request.waiter = &waiter;
    const Waiter::Result result = waiter.Await(channel.ParkSend(request), request.alone);
    if (result.early || result.outcome != Outcome::kDone) channel.UnlinkSend(request);
  }

  // A lease of up to kBatch items, after `settled` of the last one; 0 at the end of the input.
  size_t Receive(uint64_t* items, size_t settled) {
    ReceiveRequest request;
    request.into = items;
    request.max = kBatch;
    request.lease = true;
    request.alone = true;
    Outcome outcome = channel.Take(request, settled);
    if (outcome == Outcome::kNone) {
      Parked waiter;
      waiter.Prepare();
      request.waiter = &waiter;
      const Waiter::Result result = waiter.Await(channel.ParkReceive(request), request.alone);
      outcome = result.outcome;
      if (result.early || outcome != Outcome::kDone) channel.UnlinkReceive(request);
    }
    return outcome == Outcome::kDone ? request.got : 0;
  }

  void Close() {
    WakeList wakes;
    channel.CloseSender(end, wakes);
  }

  Channel channel;
  SendingEnd end;
};

void Source(Hop& out) {
  std::array<uint64_t, kBatch> items{};
  for (uint64_t sent = 0; sent < kItems; sent += kBatch) out.Send(items.data(), kBatch);
  out.Close();
}

// A stage, or the sink if `out` is null. It works for as long as `steps` operations on each item.
void Stage(Hop& in, Hop* out, uint64_t& received, size_t steps = 0) {
  std::array<uint64_t, kBatch> items{};
  size_t got = 0;
  while ((got = in.Receive(items.data(), got)) > 0) {
    received += got;
    for (size_t step = 0; step < got * steps; ++step) World::current()->Step();
    if (out != nullptr) out->Send(items.data(), got);
  }
  if (out != nullptr) out->Close();
  in.channel.CloseReceiver();
}

class ContentionTest : public ::testing::Test {
 protected:
  // For each item and hop.
  struct Rates {
    double transfers, most_of_a_line, lock_waits;
  };

  static Rates Measure(const char* name, int cores, uint64_t hops, World::Threads threads) {
    const World::Traffic traffic = World::Measure(std::move(threads));
    EXPECT_TRUE(traffic.all_ended);
    const double moves = static_cast<double>(kItems * hops);
    const Rates rates{traffic.transfers / moves, traffic.most_of_a_line / moves,
                      traffic.lock_waits / moves};
    std::printf(
        "%-7s %2d cores: for an item and hop %.3f transfers, %.4f of one line, %.4f lock waits\n",
        name, cores, rates.transfers, rates.most_of_a_line, rates.lock_waits);
    return rates;
  }

  // A source, a sink and stages between them, each on a core.
  static Rates Chain(int cores) {
    RunSignals signals;
    std::vector<std::unique_ptr<Hop>> hops;
    std::vector<uint64_t> received(cores);
    for (int i = 0; i + 1 < cores; ++i) hops.push_back(std::make_unique<Hop>(signals, 1));
    World::Threads threads{[&] { Source(*hops.front()); }};
    for (int i = 1; i < cores; ++i) {
      Hop* out = i + 1 < cores ? hops[i].get() : nullptr;
      threads.push_back([&, i, out] { Stage(*hops[i - 1], out, received[i]); });
    }
    const Rates rates = Measure("chain", cores, cores - 1, std::move(threads));
    EXPECT_EQ(received.back(), kItems);
    return rates;
  }

  // A source and a sink on two cores, and as many such pairs as there are cores for.
  static Rates Pairs(int cores) {
    RunSignals signals;
    std::vector<std::unique_ptr<Hop>> hops;
    std::vector<uint64_t> received(cores / 2);
    World::Threads threads;
    for (int i = 0; i < cores / 2; ++i) {
      Hop& hop = *hops.emplace_back(std::make_unique<Hop>(signals, 1));
      threads.push_back([&hop] { Source(hop); });
      threads.push_back([&hop, &count = received[i]] { Stage(hop, nullptr, count); });
    }
    const Rates rates = Measure("pairs", cores, cores / 2, std::move(threads));
    for (const uint64_t count : received) EXPECT_EQ(count, kItems);
    return rates;
  }

  // One source, and workers that share its channel on all other cores. Together they take `steps` for an item.
  static Rates Fan(const char* name, int cores, int steps, size_t capacity = kCapacity) {
    RunSignals signals;
    Hop hop(signals, cores - 1, capacity);
    std::vector<uint64_t> received(cores - 1);
    World::Threads threads{[&] { Source(hop); }};
    for (int i = 0; i + 1 < cores; ++i)
      threads.push_back([&, i] { Stage(hop, nullptr, received[i], steps * (cores - 1)); });
    const Rates rates = Measure(name, cores, 1, std::move(threads));
    uint64_t sum = 0;
    for (const uint64_t count : received) sum += count;
    EXPECT_EQ(sum, kItems);
    return rates;
  }
};

TEST_F(ContentionTest, OfAChain_IsTheSameForAnyNumberOfCores) {
  const double few = Chain(4).transfers;
  for (const int cores : kCores) {
    const Rates rates = Chain(cores);
    EXPECT_LT(rates.transfers, 1.5 * few) << cores;
    // No line is touched by more than the two stages that it joins.
    EXPECT_LT(rates.most_of_a_line * (cores - 1), few) << cores;
  }
}

TEST_F(ContentionTest, OfStagesThatShareNothing_IsTheSameForAnyNumberOfCores) {
  const Rates two = Pairs(2);
  for (const int cores : kCores) {
    const Rates rates = Pairs(cores);
    EXPECT_LT(rates.transfers, 1.1 * two.transfers) << cores;
    EXPECT_LE(rates.most_of_a_line * (cores / 2), 1.1 * two.most_of_a_line) << cores;
    EXPECT_LE(rates.lock_waits, two.lock_waits + 0.01) << cores;
  }
}

TEST_F(ContentionTest, OfWorkersThatShareAChannel_IsBoundedIfItHasRoomForABatchOfEach) {
  for (const int cores : kCores) {
    // They have nothing to do: all of them wait for the same few items.
    Fan("starved", cores, 0);
    // The source is about as fast as all of them together, and they share what little there is.
    const Rates narrow = Fan("narrow", cores, 16);
    const Rates roomy = Fan("roomy", cores, 16, kBatch * cores);
    EXPECT_LT(roomy.transfers, 1.5) << cores;
    EXPECT_LT(roomy.lock_waits, 0.2) << cores;
    EXPECT_LE(roomy.transfers, narrow.transfers) << cores;
  }
}

}  // namespace
}  // namespace weir::internal
