// Small statistics over repeated measurements. Pure functions; any thread.

#pragma once

#include <vector>

namespace weir::bench {

// The middle of `values`, or the mean of the two middle ones; 0 if there are none.
double Median(std::vector<double> values);

struct Spread {
  double median = 0;
  double min = 0;
  double max = 0;
};

// All zero if `values` is empty.
Spread SpreadOf(const std::vector<double>& values);

// The order in which `count` implementations take their turn in round `round`: each goes first
// equally often, so that none is always measured just after the same neighbour's start. Requires
// round >= 0.
std::vector<int> RotatedOrder(int count, int round);

}  // namespace weir::bench
