// The workload `chain` on Boost.Fiber: a fiber per stage, a buffered_channel per hop. The library's
// users choose a scheduling algorithm, so each of the three that it ships is measured:
// `round_robin` keeps all fibers on one thread (which no cache line leaves), the other two share
// them among `threads`.

#include <cstdint>
#include <memory>
#include <vector>

#include "boost/fiber/buffered_channel.hpp"
#include "boost/fiber/fiber.hpp"
#include "tools/bench/bench.h"
#include "tools/bench/chain.h"
#include "tools/bench/fiber_pool.h"
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

template <FiberPolicy policy>
Sample Run(const Params& params) {
  Sample sample;
  const int threads = policy == FiberPolicy::kRoundRobin ? 1 : params.threads;
  RunFibers(policy, threads, [&] {
    RunChain(WithItems(params, kChainWarmUpItems));
    sample = RunChain(params);
  });
  return sample;
}

}  // namespace

void AddChainFiber(Suite& suite) {
  suite.implementations.push_back({.workload = "chain",
                                   .name = "boost_fiber_round_robin",
                                   .run = Run<FiberPolicy::kRoundRobin>});
  suite.implementations.push_back({.workload = "chain",
                                   .name = "boost_fiber_shared_work",
                                   .run = Run<FiberPolicy::kSharedWork>});
  suite.implementations.push_back({.workload = "chain",
                                   .name = "boost_fiber_work_stealing",
                                   .run = Run<FiberPolicy::kWorkStealing>});
}

}  // namespace weir::bench
