// The workload `wide` on Boost.Fiber: a fiber per stage, with a stack of 16 KiB (kFiberStackBytes),
// and a buffered_channel between two. Launching a fiber is counted as building; with round_robin
// none runs before all are launched.

#include <cstdint>
#include <memory>
#include <utility>
#include <vector>

#include "boost/fiber/buffered_channel.hpp"
#include "boost/fiber/fiber.hpp"
#include "boost/fiber/fixedsize_stack.hpp"
#include "tools/bench/bench.h"
#include "tools/bench/chain.h"
#include "tools/bench/fiber_policies.h"
#include "tools/bench/wide.h"
#include "tools/bench/workloads.h"

namespace weir::bench {
namespace {

using Channel = boost::fibers::buffered_channel<uint64_t>;
using boost::fibers::channel_op_status;

struct Fibers {
  std::vector<std::unique_ptr<Channel>> channels;
  std::vector<boost::fibers::fiber> fibers;

  template <class F>
  void Launch(F f) {
    fibers.emplace_back(std::allocator_arg, boost::fibers::fixedsize_stack(kFiberStackBytes),
                        std::move(f));
  }
  Channel& AddChannel(const Params& params) {
    channels.push_back(std::make_unique<Channel>(params.capacity));
    return *channels.back();
  }
};

void AddChainTo(Fibers& fibers, const Params& params, ChainSink& sink) {
  Channel* last = &fibers.AddChannel(params);
  fibers.Launch([items = params.items, &out = *last] {
    for (int64_t item = 0; item < items; ++item) out.push(item);
    out.close();
  });
  for (int i = 1; i < params.stages - 1; ++i) {
    Channel& next = fibers.AddChannel(params);
    fibers.Launch([&in = *last, &out = next] {
      uint64_t item;
      while (in.pop(item) == channel_op_status::success) out.push(item);
      out.close();
    });
    last = &next;
  }
  fibers.Launch([&in = *last, &sink] {
    uint64_t item;
    while (in.pop(item) == channel_op_status::success) sink.Consume(item);
  });
}

Sample RunWide(const Params& params) {
  if (params.items == 0) return {};  // a warm-up would leave its memory behind
  std::vector<ChainSink> sinks(WideChains(params));

  WidePhases phases;
  auto fibers = std::make_unique<Fibers>();
  for (ChainSink& sink : sinks) AddChainTo(*fibers, params, sink);
  phases.Built();
  for (boost::fibers::fiber& fiber : fibers->fibers) fiber.join();
  phases.Ran();
  fibers.reset();
  return phases.Freed(params, sinks, ChainOrder::kKept);
}

}  // namespace

void AddWideFiber(Suite& suite) { AddFiberPolicies(suite, "wide", 0, RunWide); }

}  // namespace weir::bench
