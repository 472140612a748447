#include "tools/bench/fiber_pool.h"

#include <functional>
#include <mutex>
#include <thread>
#include <vector>

#include "boost/fiber/algo/round_robin.hpp"
#include "boost/fiber/algo/shared_work.hpp"
#include "boost/fiber/algo/work_stealing.hpp"
#include "boost/fiber/barrier.hpp"
#include "boost/fiber/condition_variable.hpp"
#include "boost/fiber/mutex.hpp"
#include "boost/fiber/operations.hpp"

namespace weir::bench {
namespace {

namespace fibers = boost::fibers;

// The algorithms' default is kept: an idle thread looks for work without sleeping. Told to sleep
// (`suspend`), Boost 1.74 does not wake it for a fiber that became ready on another thread, and all
// the work stays on one.
void UsePolicy(FiberPolicy policy, int threads) {
  switch (policy) {
    case FiberPolicy::kRoundRobin:
      fibers::use_scheduling_algorithm<fibers::algo::round_robin>();
      break;
    case FiberPolicy::kSharedWork:
      fibers::use_scheduling_algorithm<fibers::algo::shared_work>();
      break;
    case FiberPolicy::kWorkStealing:
      fibers::use_scheduling_algorithm<fibers::algo::work_stealing>(threads);
      break;
  }
}

}  // namespace

void RunFibers(FiberPolicy policy, int threads, const std::function<void()>& body) {
  fibers::mutex mutex;
  fibers::condition_variable_any ended;
  bool over = false;
  fibers::barrier ready(threads);

  std::vector<std::thread> helpers;
  for (int i = 1; i < threads; ++i) {
    helpers.emplace_back([&] {
      UsePolicy(policy, threads);
      ready.wait();
      std::unique_lock<fibers::mutex> lock(mutex);
      ended.wait(lock, [&] { return over; });
    });
  }
  UsePolicy(policy, threads);
  ready.wait();
  body();
  {
    std::unique_lock<fibers::mutex> lock(mutex);
    over = true;
  }
  ended.notify_all();
  for (std::thread& helper : helpers) helper.join();
}

}  // namespace weir::bench
