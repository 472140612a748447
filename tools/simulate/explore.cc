#include "weir/explore.h"

#include <algorithm>
#include <utility>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "tools/simulate/schedules.h"
#include "weir/tools/simulate/shrink.h"

namespace weir {
namespace {

// Some schedules are run twice.
constexpr uint64_t kRunTwice = 97;

constexpr const char* kNotDecided =
    "the same schedule went another way when it was run again: something in the trial is not "
    "decided by "
    "the engine, such as a thread, a random number, the real clock, or what a former schedule left";

Failure ToFailure(std::optional<uint64_t> seed, ScheduleResult result) {
  return {.what = std::move(result.failure),
          .seed = seed,
          .choices = FormatChoices(result.choices),
          .faults = std::move(result.faults),
          .steps = result.steps,
          .trace = std::move(result.trace)};
}

// As its seed has found it: its choices were not kept, and the seed shows it again.
Failure AsFound(uint64_t seed, ScheduleResult result) {
  Failure failure = ToFailure(seed, std::move(result));
  failure.choices.clear();
  return failure;
}

// Runs it again, and finds the shortest list of choices that fails in the same way.
Failure Shorten(const Schedules& schedules, const ExploreOptions& options, uint64_t seed,
                const ScheduleResult& found) {
  ScheduleResult best =
      schedules.Run({.seed = seed, .most_steps = options.most_steps, .keep = true});
  if (best.stopped) return AsFound(seed, found);
  if (!best.FailsLike(found) || best.digest != found.digest) {
    Failure failure = AsFound(seed, found);
    failure.what = absl::StrCat(found.failure, "; but ", kNotDecided);
    return failure;
  }
  // One that takes much longer than the one that was found is not what is looked for.
  const uint64_t most_steps = std::min(options.most_steps, 2 * found.steps + 1000);
  uint64_t steps = 0;
  best.choices = Shrink(best.choices, [&](const ChoiceList& choices) -> std::optional<ChoiceList> {
    if (steps >= options.shrinking_steps) return std::nullopt;
    ScheduleResult result =
        schedules.Run({.seed = seed, .choices = &choices, .most_steps = most_steps, .keep = true});
    steps += result.steps;
    if (result.stopped || !result.FailsLike(found)) return std::nullopt;
    return std::move(result.choices);
  });
  const ChoiceList choices = best.choices;
  best = schedules.Run(
      {.seed = seed, .choices = &choices, .most_steps = options.most_steps, .keep = true});
  if (best.stopped) return AsFound(seed, found);
  best.choices = choices;
  return ToFailure(seed, std::move(best));
}

}  // namespace

Exploration Explore(const ExploreOptions& options, const std::function<void(Trial&)>& body) {
  const Schedules schedules(options.faults, options.stop, body);
  Exploration exploration;
  if (!options.choices.empty()) {
    const absl::StatusOr<ChoiceList> choices = ParseChoices(options.choices);
    if (!choices.ok()) {
      exploration.failure = Failure();
      exploration.failure->what = std::string(choices.status().message());
      return exploration;
    }
    ScheduleResult result =
        schedules.Run({.choices = &*choices, .most_steps = options.most_steps, .keep = true});
    if (result.stopped) return exploration;
    ++exploration.schedules;
    result.choices = *choices;
    exploration.trace = result.trace;
    if (!result.failure.empty()) exploration.failure = ToFailure(std::nullopt, std::move(result));
    return exploration;
  }
  const bool only = options.seeds == 1;
  for (uint64_t i = 0; i < options.seeds; ++i) {
    if (options.go_on && !options.go_on(i)) break;
    const uint64_t seed = options.first_seed + i;
    const Schedule schedule{.seed = seed, .most_steps = options.most_steps, .keep = only};
    ScheduleResult result = schedules.Run(schedule);
    if (result.stopped) break;
    ++exploration.schedules;
    if (only) exploration.trace = result.trace;
    if (!result.failure.empty()) {
      exploration.failure = Shorten(schedules, options, seed, result);
      break;
    }
    if (i % kRunTwice != 0) continue;
    const ScheduleResult again = schedules.Run(schedule);
    if (again.stopped) break;
    if (again.digest != result.digest) {
      result.failure = kNotDecided;
      exploration.failure = AsFound(seed, std::move(result));
      break;
    }
  }
  return exploration;
}

std::string Exploration::ToString() const {
  if (ok())
    return absl::StrCat(schedules, schedules == 1 ? " schedule" : " schedules", ", no failure");
  std::string text = failure->what;
  if (failure->seed.has_value()) text = absl::StrCat("seed ", *failure->seed, ": ", text);
  for (const std::string& fault : failure->faults)
    absl::StrAppend(&text, "\n  the simulator ", fault);
  if (!failure->choices.empty()) {
    absl::StrAppend(&text, "\n  after ", failure->steps, " steps with the choices ",
                    failure->choices);
  }
  return text;
}

std::string FormatChoices(const std::vector<uint32_t>& choices) {
  std::vector<std::string> parts;
  for (size_t i = 0; i < choices.size();) {
    size_t end = i;
    while (end < choices.size() && choices[end] == choices[i]) ++end;
    parts.push_back(end - i > 1 ? absl::StrCat(choices[i], "*", end - i)
                                : absl::StrCat(choices[i]));
    i = end;
  }
  return parts.empty() ? "0" : absl::StrJoin(parts, ",");
}

absl::StatusOr<std::vector<uint32_t>> ParseChoices(std::string_view text) {
  constexpr size_t kMost = 100'000'000;
  std::vector<uint32_t> choices;
  for (const std::string& part : std::vector<std::string>(absl::StrSplit(std::string(text), ','))) {
    const std::vector<std::string> numbers = absl::StrSplit(std::string(part), '*');
    uint32_t choice = 0;
    size_t times = 1;
    if (numbers.size() > 2 || !absl::SimpleAtoi(numbers[0], &choice) ||
        (numbers.size() == 2 && !absl::SimpleAtoi(numbers[1], &times)) ||
        times > kMost - choices.size()) {
      return absl::InvalidArgumentError(absl::StrCat(
          "'", part,
          "' is no choice; choices are numbers with commas between them, such as 2,0*5,1"));
    }
    choices.insert(choices.end(), times, choice);
  }
  return choices;
}

}  // namespace weir
