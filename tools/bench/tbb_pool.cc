#include "tools/bench/tbb_pool.h"

#include <cstdint>
#include <functional>

#include "oneapi/tbb/global_control.h"
#include "oneapi/tbb/task_arena.h"
#include "tools/bench/bench.h"

namespace weir::bench {

Sample RunInArena(const Params& params, int64_t warm_up_items,
                  const std::function<Sample(const Params&)>& run) {
  oneapi::tbb::global_control control(oneapi::tbb::global_control::max_allowed_parallelism,
                                      params.threads);
  oneapi::tbb::task_arena arena(params.threads);
  return arena.execute([&] {
    run(WithItems(params, warm_up_items));
    return run(params);
  });
}

}  // namespace weir::bench
