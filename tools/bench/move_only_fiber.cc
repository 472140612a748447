// The workload `move_only` on Boost.Fiber, whose channels move what they hold.

#include <cstdint>
#include <memory>
#include <utility>
#include <vector>

#include "boost/fiber/buffered_channel.hpp"
#include "boost/fiber/fiber.hpp"
#include "tools/bench/bench.h"
#include "tools/bench/fiber_policies.h"
#include "tools/bench/move_only.h"
#include "tools/bench/workloads.h"

namespace weir::bench {
namespace {

using Channel = boost::fibers::buffered_channel<ParcelPtr>;
using boost::fibers::channel_op_status;

Sample RunFibers(const Params& params) {
  std::vector<std::unique_ptr<Channel>> channels;
  for (int i = 0; i <= params.stages; ++i) {
    channels.push_back(std::make_unique<Channel>(params.capacity));
  }
  ParcelSink sink;

  const Stopwatch stopwatch;
  std::vector<boost::fibers::fiber> fibers;
  fibers.emplace_back([&] {
    for (int64_t number = 0; number < params.items; ++number) {
      channels.front()->push(MakeParcel(number));
    }
    channels.front()->close();
  });
  for (int stage = 0; stage < params.stages; ++stage) {
    fibers.emplace_back([&, stage] {
      ParcelPtr parcel;
      while (channels[stage]->pop(parcel) == channel_op_status::success) {
        Stamp(*parcel, stage);
        channels[stage + 1]->push(std::move(parcel));
      }
      channels[stage + 1]->close();
    });
  }
  fibers.emplace_back([&] {
    ParcelPtr parcel;
    while (channels.back()->pop(parcel) == channel_op_status::success) sink.Consume(*parcel);
  });
  for (boost::fibers::fiber& fiber : fibers) fiber.join();
  return FinishMoveOnly(stopwatch, params, sink);
}

}  // namespace

void AddMoveOnlyFiber(Suite& suite) {
  AddFiberPolicies(suite, "move_only", kMoveOnlyWarmUpItems, RunFibers);
}

}  // namespace weir::bench
