// Grow: doubles the channels that a deadlock's verdict names.
#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "tools/simulate/schedules.h"

namespace weir {
namespace {

std::string Describe(const NextCapacity& grown) {
  return grown.bytes > 0 ? absl::StrCat(grown.bytes, " bytes for ", grown.input)
                         : absl::StrCat("capacity ", grown.capacity, " for ", grown.input);
}

void Take(const NextCapacity& next, std::vector<NextCapacity>& grown) {
  auto same = std::find_if(grown.begin(), grown.end(), [&](const NextCapacity& before) {
    return before.input == next.input && (before.bytes > 0) == (next.bytes > 0);
  });
  if (same == grown.end()) {
    grown.push_back(next);
  } else {
    *same = next;
  }
}

}  // namespace

Growth Grow(const ExploreOptions& options, const std::function<void(Trial&)>& body, size_t most) {
  Schedules schedules(/*faults=*/false, options.stop, body);
  Growth growth;
  for (uint64_t i = 0; i < options.seeds;) {
    if (options.go_on && !options.go_on(growth.last.schedules)) break;
    const uint64_t seed = options.first_seed + i;
    ScheduleResult result = schedules.Run({.seed = seed, .most_steps = options.most_steps});
    if (result.stopped) break;
    ++growth.last.schedules;
    if (result.failure.empty()) {
      ++i;
      continue;
    }
    if (result.next.has_value() && std::max(result.next->capacity, result.next->bytes) <= most) {
      Take(*result.next, growth.grown);
      schedules.set_capacities(growth.grown);
      continue;
    }
    if (result.next.has_value()) {
      growth.given_up = absl::StrCat("no capacity up to ", most, " will do: the next would be ",
                                     Describe(*result.next));
    } else {
      growth.given_up = "no capacity will do: no full channel is in the way";
    }
    growth.last.failure.emplace();
    growth.last.failure->what = std::move(result.failure);
    growth.last.failure->seed = seed;
    growth.last.failure->steps = result.steps;
    break;
  }
  return growth;
}

std::string Growth::ToString() const {
  std::string text = last.ToString();
  if (!grown.empty()) {
    absl::StrAppend(&text, last.ok() ? ", with " : "\n  grown so far: ",
                    absl::StrJoin(grown, ", ", [](std::string* out, const NextCapacity& channel) {
                      *out += Describe(channel);
                    }));
  }
  if (!given_up.empty()) absl::StrAppend(&text, "\n  ", given_up);
  return text;
}

}  // namespace weir
