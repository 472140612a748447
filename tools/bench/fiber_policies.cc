#include "tools/bench/fiber_policies.h"

#include <cstdint>
#include <string>

#include "tools/bench/bench.h"
#include "tools/bench/fiber_pool.h"

namespace weir::bench {

void AddFiberPolicies(Suite& suite, const std::string& workload, int64_t warm_up_items,
                      Sample (*run)(const Params&), int64_t scale) {
  const auto add = [&](const char* name, FiberPolicy policy) {
    suite.implementations.push_back({.workload = workload,
                                     .name = name,
                                     .run =
                                         [=](const Params& params) {
                                           Sample sample;
                                           const int threads = policy == FiberPolicy::kRoundRobin
                                                                   ? 1
                                                                   : params.threads;
                                           RunFibers(policy, threads, [&] {
                                             run(WithItems(params, warm_up_items));
                                             sample = run(params);
                                           });
                                           return sample;
                                         },
                                     .scale = scale});
  };
  add("boost_fiber_round_robin", FiberPolicy::kRoundRobin);
  add("boost_fiber_shared_work", FiberPolicy::kSharedWork);
  add("boost_fiber_work_stealing", FiberPolicy::kWorkStealing);
}

}  // namespace weir::bench
