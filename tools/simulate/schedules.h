// Schedules: runs one schedule of a trial at a time; what Explore and Grow are made of.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "weir/explore.h"

namespace weir {

struct Schedule {
  uint64_t seed = 0;
  const std::vector<uint32_t>* choices = nullptr;  // instead of the seed's, if given
  uint64_t most_steps = 0;
  bool keep = false;  // the choices and the trace
};

struct ScheduleResult {
  std::string failure;  // empty if there is none
  std::optional<NextCapacity> next;
  std::vector<uint32_t> choices;
  std::vector<std::string> faults;
  std::string trace;
  uint64_t steps = 0;
  uint64_t digest = 0;
  bool stopped = false;  // by `stop`: it says nothing

  // True if both fail, and their sentences differ in nothing but numbers.
  bool FailsLike(const ScheduleResult& other) const;
};

class Schedules {
 public:
  // `stop` may be empty.
  Schedules(bool faults, const std::function<bool()>& stop, const std::function<void(Trial&)>& body)
      : faults_(faults), stop_(stop), body_(body) {}

  // The graphs' channels have these from now on.
  void set_capacities(std::vector<NextCapacity> capacities) { capacities_ = std::move(capacities); }
  ScheduleResult Run(const Schedule& schedule) const;

 private:
  const bool faults_;
  const std::function<bool()>& stop_;
  const std::function<void(Trial&)>& body_;
  std::vector<NextCapacity> capacities_;
};

}  // namespace weir
