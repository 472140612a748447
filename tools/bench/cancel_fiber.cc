// The workload `cancel` on Boost.Fiber: as many fibers, each blocked on a full buffered_channel of
// its own. It has no word for cancelling; closing the channels ends all that wait, and freeing them
// discards what was in them. The fibers and channels are made anew for each run, so `graph_us` has
// nothing to tell.

#include <atomic>
#include <cstdint>
#include <memory>
#include <vector>

#include "boost/fiber/buffered_channel.hpp"
#include "boost/fiber/fiber.hpp"
#include "boost/fiber/fixedsize_stack.hpp"
#include "boost/fiber/operations.hpp"
#include "tools/bench/bench.h"
#include "tools/bench/cancel.h"
#include "tools/bench/fiber_policies.h"
#include "tools/bench/workloads.h"

namespace weir::bench {
namespace {

using Channel = boost::fibers::buffered_channel<uint64_t>;
using boost::fibers::channel_op_status;

double Us(int64_t ns) { return static_cast<double>(ns) / 1e3; }

void CancelOnce(const Params& params, CancelTimes& times) {
  std::vector<std::unique_ptr<Channel>> channels;
  for (int i = 0; i < params.stages; ++i) {
    channels.push_back(std::make_unique<Channel>(params.capacity));
  }
  std::atomic<int> full{0};
  std::atomic<int> refused{0};
  std::vector<boost::fibers::fiber> fibers;
  boost::fibers::fixedsize_stack stacks(kFiberStackBytes);
  for (auto& channel : channels) {
    fibers.emplace_back(std::allocator_arg, stacks, [&full, &refused, &channel = *channel] {
      uint64_t item = 0;
      while (channel.try_push(item) == channel_op_status::success) {
      }
      ++full;
      if (channel.push(item) == channel_op_status::closed) ++refused;
    });
  }
  while (full.load() < params.stages) boost::this_fiber::yield();

  const Stopwatch stopwatch;
  for (auto& channel : channels) channel->close();
  for (boost::fibers::fiber& fiber : fibers) fiber.join();
  const Sample stopped = stopwatch.Stop(1);
  fibers.clear();
  channels.clear();
  const Sample freed = stopwatch.Stop(1);
  if (refused.load() != params.stages) return;  // one run is missing, and the sample is not ok
  times.Add({.stopped_us = Us(stopped.wall_ns),
             .discarded_us = Us(freed.wall_ns),
             .over_us = Us(stopped.wall_ns),
             .freed_us = Us(freed.wall_ns)},
            freed);
}

// Ten thousand of weir's runs are a question to weir: here a part of them is enough to compare with.
Sample RunFiber(const Params& all) {
  const Params params = WithItems(all, 200);
  CancelTimes times;
  for (int64_t i = 0; i < params.items; ++i) CancelOnce(params, times);
  return times.Total(params.items, 0);
}

}  // namespace

void AddCancelFiber(Suite& suite) { AddFiberPolicies(suite, "cancel", 3, RunFiber); }

}  // namespace weir::bench
