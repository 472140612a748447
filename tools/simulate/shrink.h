// Shrink: the shortest list of choices that still shows a failure. It is found by delta debugging: tails are cut off, then chunks
// left out, each of half the size of those before; what is left is turned to 0, and its values lowered, as far as that goes.
// After A. Zeller and R. Hildebrandt, Simplifying and Isolating Failure-Inducing Input, 2002.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <vector>

namespace weir {

using ChoiceList = std::vector<uint32_t>;

// `fails(list)` runs a schedule: if it fails in the way in question it gives the choices that were made, else nothing. Lists end
// without zeros, for those follow anyway. Bounded by what `fails` is ready to run: once it gives nothing, nothing is changed.
ChoiceList Shrink(ChoiceList list,
                  const std::function<std::optional<ChoiceList>(const ChoiceList&)>& fails);

}  // namespace weir
