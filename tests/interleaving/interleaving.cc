#include "weir/interleaving.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"

namespace weir::interleaving {

World* World::current_ = nullptr;

World::Result World::Explore(int preemptions, const std::function<Threads()>& scenario,
                             const std::function<std::string()>& after) {
  Result result;
  std::vector<uint32_t> choices;
  while (true) {
    World world(choices);
    world.left_ = preemptions;
    Threads threads = scenario();
    current_ = &world;
    result.wrong = world.Run(std::move(threads));
    current_ = nullptr;
    if (result.wrong.empty()) result.wrong = after();
    ++result.schedules;
    if (!result.wrong.empty()) {
      absl::StrAppend(&result.wrong, " (schedule ", result.schedules, ": ",
                      absl::StrJoin(world.made_, " "), ")");
      return result;
    }
    // The next list of choices: the last one that has a further possibility takes it.
    choices = world.made_;
    while (!choices.empty() && choices.back() + 1 == world.counts_[choices.size() - 1]) {
      choices.pop_back();
    }
    if (choices.empty()) return result;
    ++choices.back();
  }
}

World::Traffic World::Measure(Threads threads) {
  World world({});
  world.take_turns_ = true;
  current_ = &world;
  world.traffic_.all_ended = world.Run(std::move(threads)).empty();
  current_ = nullptr;
  for (const auto& [address, line] : world.lines_) {
    world.traffic_.most_of_a_line = std::max(world.traffic_.most_of_a_line, line.transfers);
  }
  return world.traffic_;
}

uint32_t World::Choose(uint32_t count) {
  if (left_ == 0 || count <= 1) return 0;
  const uint32_t choice = made_.size() < planned_.size() ? planned_[made_.size()] : 0;
  made_.push_back(choice);
  counts_.push_back(count);
  if (choice != 0) --left_;
  return choice;
}

std::string World::Run(Threads bodies) {
  for (std::function<void()>& body : bodies) {
    Thread& thread = threads_.emplace_back();
    thread.fiber = boost::context::fiber([this, body](boost::context::fiber&& main) {
      main_ = std::move(main);
      body();
      Drain();
      threads_[running_].ended = true;
      return std::move(main_);
    });
  }
  while (true) {
    // A thread that waits or has ended gives way for nothing: the next that can go on is free, the others are choices too.
    std::vector<size_t> able;
    bool all_ended = true;
    for (size_t i = 0; i < threads_.size(); ++i) {
      const size_t index = (running_ + i + (take_turns_ ? 1 : 0)) % threads_.size();
      Thread& thread = threads_[index];
      all_ended &= thread.ended;
      if (thread.ended || (thread.ready && !thread.ready())) continue;
      able.push_back(index);
    }
    if (all_ended) return "";
    if (able.empty()) {
      new std::vector<Thread>(
          std::move(threads_));  // their stacks must not be unwound where they stand
      return "nobody can go on";
    }
    running_ = able[Choose(static_cast<uint32_t>(able.size()))];
    threads_[running_].ready = nullptr;
    threads_[running_].fiber = std::move(threads_[running_].fiber).resume();
  }
}

void World::SwitchAway() { main_ = std::move(main_).resume(); }

void World::Step() {
  if (take_turns_ || left_ > 0) SwitchAway();
}

void World::Touch(const void* where, Access access) {
  constexpr uintptr_t kCacheLine = 64;
  Line& line = lines_[reinterpret_cast<uintptr_t>(where) / kCacheLine];
  const uint64_t own = uint64_t{1} << running_;
  const bool holds = access == Access::kRead ? (line.holders & own) != 0 : line.holders == own;
  ++traffic_.operations;
  if (!holds && line.holders != 0) {
    ++traffic_.transfers;
    ++line.transfers;
  }
  line.holders = access == Access::kRead ? line.holders | own : own;
}

void World::WaitUntil(const std::function<bool()>& ready) {
  Drain();
  while (!ready()) {
    threads_[running_].ready = ready;
    SwitchAway();
  }
}

bool World::MustDelay() { return !threads_[running_].delayed.empty() || Choose(2) != 0; }

void World::Delay(const void* where, uint64_t value, std::function<void()> store) {
  threads_[running_].delayed.push_back({where, value, std::move(store)});
}

void World::Drain() {
  for (Thread::Store& store : std::exchange(threads_[running_].delayed, {})) store.apply();
}

const uint64_t* World::Delayed(const void* where) const {
  const auto& delayed = threads_[running_].delayed;
  for (size_t i = delayed.size(); i-- > 0;) {
    if (delayed[i].where == where) return &delayed[i].value;
  }
  return nullptr;
}

}  // namespace weir::interleaving
