// The workload `backpressure` on Boost.Fiber: two fibers and a buffered_channel.

#include "boost/fiber/buffered_channel.hpp"
#include "boost/fiber/fiber.hpp"
#include "tools/bench/backpressure.h"
#include "tools/bench/bench.h"
#include "tools/bench/fiber_policies.h"
#include "tools/bench/workloads.h"

namespace weir::bench {
namespace {

using Channel = boost::fibers::buffered_channel<BackpressureItem>;
using boost::fibers::channel_op_status;

Sample RunFiber(const Params& params) {
  Channel channel(params.capacity);
  BackpressureBodies bodies(params);

  const Stopwatch stopwatch;
  boost::fibers::fiber producer([&] {
    while (bodies.HasMore()) channel.push(bodies.Produce());
    channel.close();
  });
  boost::fibers::fiber consumer([&] {
    BackpressureItem item;
    while (channel.pop(item) == channel_op_status::success) bodies.Consume(item);
  });
  producer.join();
  consumer.join();
  return FinishBackpressure(stopwatch, params, bodies);
}

}  // namespace

void AddBackpressureFiber(Suite& suite) {
  AddFiberPolicies(suite, "backpressure", kBackpressureWarmUpItems, RunFiber);
}

}  // namespace weir::bench
