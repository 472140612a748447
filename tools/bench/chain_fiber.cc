// The workload `chain` on Boost.Fiber: a fiber per stage, a buffered_channel per hop.

#include <cstdint>
#include <memory>
#include <vector>

#include "boost/fiber/buffered_channel.hpp"
#include "boost/fiber/fiber.hpp"
#include "tools/bench/bench.h"
#include "tools/bench/chain.h"
#include "tools/bench/fiber_policies.h"
#include "tools/bench/workloads.h"

namespace weir::bench {
namespace {

// Holds one item fewer than its capacity, which must be a power of two.
using Channel = boost::fibers::buffered_channel<uint64_t>;
using boost::fibers::channel_op_status;

void PassOn(Channel& in, Channel& out) {
  uint64_t item;
  while (in.pop(item) == channel_op_status::success) out.push(item);
  out.close();
}

Sample RunChain(const Params& params) {
  std::vector<std::unique_ptr<Channel>> channels;
  for (int i = 0; i < ChainHops(params); ++i) {
    channels.push_back(std::make_unique<Channel>(params.capacity));
  }
  ChainSink sink;

  const Stopwatch stopwatch;
  std::vector<boost::fibers::fiber> fibers;
  fibers.emplace_back([&] {
    for (int64_t item = 0; item < params.items; ++item) channels.front()->push(item);
    channels.front()->close();
  });
  for (int i = 0; i < params.stages; ++i) {
    fibers.emplace_back([&, i] { PassOn(*channels[i], *channels[i + 1]); });
  }
  fibers.emplace_back([&] {
    uint64_t item;
    while (channels.back()->pop(item) == channel_op_status::success) sink.Consume(item);
  });
  for (boost::fibers::fiber& fiber : fibers) fiber.join();
  return FinishChain(stopwatch, params, sink);
}

}  // namespace

void AddChainFiber(Suite& suite) { AddFiberPolicies(suite, "chain", kChainWarmUpItems, RunChain); }

}  // namespace weir::bench
