// The workload `build_and_teardown` on Boost.Fiber: a fiber per stage, with a stack of 16 KiB
// (kFiberStackBytes), and a buffered_channel between two.

#include <cstdint>
#include <memory>
#include <utility>
#include <vector>

#include "boost/fiber/buffered_channel.hpp"
#include "boost/fiber/fiber.hpp"
#include "boost/fiber/fixedsize_stack.hpp"
#include "tools/bench/bench.h"
#include "tools/bench/build_and_teardown.h"
#include "tools/bench/chain.h"
#include "tools/bench/fiber_policies.h"
#include "tools/bench/workloads.h"

namespace weir::bench {
namespace {

using Channel = boost::fibers::buffered_channel<uint64_t>;
using boost::fibers::channel_op_status;

bool RunOnce(const Params& params, ChainSink& sink) {
  std::vector<std::unique_ptr<Channel>> channels;
  for (int i = 0; i < params.stages - 1; ++i) {
    channels.push_back(std::make_unique<Channel>(params.capacity));
  }
  std::vector<boost::fibers::fiber> fibers;
  const auto launch = [&fibers](auto body) {
    fibers.emplace_back(std::allocator_arg, boost::fibers::fixedsize_stack(kFiberStackBytes),
                        std::move(body));
  };
  launch([&out = *channels.front()] {
    for (int64_t item = 0; item < kBuildItems; ++item) out.push(item);
    out.close();
  });
  for (int i = 1; i < params.stages - 1; ++i) {
    launch([&in = *channels[i - 1], &out = *channels[i]] {
      uint64_t item;
      while (in.pop(item) == channel_op_status::success) out.push(item);
      out.close();
    });
  }
  launch([&in = *channels.back(), &sink] {
    uint64_t item;
    while (in.pop(item) == channel_op_status::success) sink.Consume(item);
  });
  for (boost::fibers::fiber& fiber : fibers) fiber.join();
  return true;
}

Sample RunFibersOften(const Params& params) {
  return RepeatRuns(params, ChainOrder::kKept,
                    [&](ChainSink& sink) { return RunOnce(params, sink); });
}

}  // namespace

void AddBuildAndTeardownFiber(Suite& suite) {
  AddFiberPolicies(suite, "build_and_teardown", kBuildWarmUpRuns, RunFibersOften);
}

// Fibers end with their functions, so nothing is left that could run again.
void AddRerunFiber(Suite& suite) {
  AddFiberPolicies(suite, "rerun", kBuildWarmUpRuns, RunFibersOften);
}

}  // namespace weir::bench
