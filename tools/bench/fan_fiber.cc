// The workload `fan` on Boost.Fiber. Unordered, the workers share a channel on either side.
// Ordered, each has channels of its own, which the source feeds and the sink reads in turn: the
// simplest way that keeps the order and stays bounded.

#include <cstdint>
#include <memory>
#include <vector>

#include "boost/fiber/buffered_channel.hpp"
#include "boost/fiber/fiber.hpp"
#include "tools/bench/bench.h"
#include "tools/bench/fan.h"
#include "tools/bench/fiber_policies.h"
#include "tools/bench/workloads.h"

namespace weir::bench {
namespace {

using Channel = boost::fibers::buffered_channel<FanItem>;
using boost::fibers::channel_op_status;

void Work(Channel& in, Channel& out) {
  FanItem item;
  while (in.pop(item) == channel_op_status::success) {
    FanWork(item);
    out.push(item);
  }
}

Sample RunUnordered(const Params& params) {
  Channel in(params.capacity);
  Channel out(params.capacity);
  FanSink sink;

  const Stopwatch stopwatch;
  std::vector<boost::fibers::fiber> workers;
  boost::fibers::fiber source([&] {
    for (int64_t number = 0; number < params.items; ++number) in.push(MakeFanItem(number));
    in.close();
  });
  for (int i = 0; i < kFanWorkers; ++i) workers.emplace_back([&] { Work(in, out); });
  boost::fibers::fiber end([&] {
    FanItem item;
    while (out.pop(item) == channel_op_status::success) sink.Consume(item);
  });
  source.join();
  for (boost::fibers::fiber& worker : workers) worker.join();
  out.close();
  end.join();
  return FinishFan(stopwatch, params, sink);
}

Sample RunOrdered(const Params& params) {
  std::vector<std::unique_ptr<Channel>> ins;
  std::vector<std::unique_ptr<Channel>> outs;
  for (int i = 0; i < kFanWorkers; ++i) {
    ins.push_back(std::make_unique<Channel>(params.capacity / kFanWorkers));
    outs.push_back(std::make_unique<Channel>(params.capacity / kFanWorkers));
  }
  FanSink sink;

  const Stopwatch stopwatch;
  std::vector<boost::fibers::fiber> fibers;
  fibers.emplace_back([&] {
    for (int64_t number = 0; number < params.items; ++number) {
      ins[number % kFanWorkers]->push(MakeFanItem(number));
    }
    for (auto& in : ins) in->close();
  });
  for (int i = 0; i < kFanWorkers; ++i) fibers.emplace_back([&, i] { Work(*ins[i], *outs[i]); });
  fibers.emplace_back([&] {
    FanItem item;
    for (int64_t number = 0; number < params.items; ++number) {
      outs[number % kFanWorkers]->pop(item);
      sink.Consume(item);
    }
  });
  for (boost::fibers::fiber& fiber : fibers) fiber.join();
  return FinishFan(stopwatch, params, sink);
}

Sample RunFan(const Params& params) {
  return IsOrdered(params) ? RunOrdered(params) : RunUnordered(params);
}

}  // namespace

void AddFanFiber(Suite& suite) { AddFiberPolicies(suite, "fan", kFanWarmUpItems, RunFan); }

}  // namespace weir::bench
