// The workload `timeouts` on Boost.Fiber: 10,000 fibers with stacks of 16 KiB (kFiberStackBytes),
// on 100 full buffered_channels.

#include <chrono>
#include <cstdint>
#include <memory>
#include <vector>

#include "boost/fiber/buffered_channel.hpp"
#include "boost/fiber/fiber.hpp"
#include "boost/fiber/fixedsize_stack.hpp"
#include "tools/bench/bench.h"
#include "tools/bench/fiber_policies.h"
#include "tools/bench/timeouts.h"
#include "tools/bench/workloads.h"

namespace weir::bench {
namespace {

using Channel = boost::fibers::buffered_channel<uint64_t>;
using boost::fibers::channel_op_status;

void RunOnce(Latenesses& latenesses) {
  std::vector<std::unique_ptr<Channel>> channels;
  for (int i = 0; i < kTimeoutChannels; ++i) {
    channels.push_back(std::make_unique<Channel>(2));
    while (channels.back()->try_push(0) == channel_op_status::success) {
    }
  }
  std::vector<boost::fibers::fiber> fibers;
  boost::fibers::fixedsize_stack stacks(kFiberStackBytes);
  for (int i = 0; i < kTimeoutsAtOnce; ++i) {
    fibers.emplace_back(std::allocator_arg, stacks,
                        [&latenesses, &channel = *channels[i % kTimeoutChannels]] {
                          const auto began = std::chrono::steady_clock::now();
                          const channel_op_status sent = channel.push_wait_for(0, kTimeout);
                          if (sent == channel_op_status::timeout) latenesses.Add(began);
                        });
  }
  for (boost::fibers::fiber& fiber : fibers) fiber.join();
}

Sample RunFiber(const Params& params) {
  Latenesses latenesses(params.items * kTimeoutsAtOnce);
  const Stopwatch stopwatch;
  for (int64_t i = 0; i < params.items; ++i) RunOnce(latenesses);
  return latenesses.Finish(stopwatch.Stop(params.items * kTimeoutsAtOnce));
}

}  // namespace

void AddTimeoutsFiber(Suite& suite) { AddFiberPolicies(suite, "timeouts", 1, RunFiber); }

}  // namespace weir::bench
