#include "tools/bench/statistics.h"

#include <algorithm>
#include <cstddef>
#include <vector>

namespace weir::bench {

double Median(std::vector<double> values) {
  if (values.empty()) return 0;
  std::sort(values.begin(), values.end());
  const size_t middle = values.size() / 2;
  if (values.size() % 2 == 1) return values[middle];
  return (values[middle - 1] + values[middle]) / 2;
}

Spread SpreadOf(const std::vector<double>& values) {
  if (values.empty()) return {};
  const auto [min, max] = std::minmax_element(values.begin(), values.end());
  return {.median = Median(values), .min = *min, .max = *max};
}

std::vector<int> RotatedOrder(int count, int round) {
  std::vector<int> order;
  order.reserve(count);
  for (int i = 0; i < count; ++i) order.push_back((i + round) % count);
  return order;
}

}  // namespace weir::bench
