// Choices: the numbers that a simulation is decided by: drawn from a seed, or given as a list, which can be shortened until what
// is left is what matters.
#pragma once

#include <cassert>
#include <cstdint>
#include <random>
#include <utility>
#include <vector>

namespace weir::internal {

class Choices {
 public:
  explicit Choices(uint64_t seed) : random_(seed) {}

  // From now on they come from `list`, each modulo what is asked for, and past its end all are 0. Whoever asks lets 0 stand for
  // what is least surprising: the first in the queue, no fault.
  void Replay(std::vector<uint32_t> list) {
    list_ = std::move(list);
    next_ = 0;
    replays_ = true;
  }
  // Those that were made are kept from now on.
  void Keep() { keeps_ = true; }
  const std::vector<uint32_t>& made() const { return made_; }

  // A number below `n`, which is at most 2^32.
  uint64_t Pick(uint64_t n) {
    assert(n <= uint64_t{1} << 32);
    if (n <= 1) return 0;
    const uint64_t choice = !replays_              ? random_() % n
                            : next_ < list_.size() ? list_[next_++] % n
                                                   : 0;
    if (keeps_) made_.push_back(static_cast<uint32_t>(choice));
    return choice;
  }

 private:
  std::mt19937_64 random_;
  bool replays_ = false;
  std::vector<uint32_t> list_;
  size_t next_ = 0;  // in list_
  bool keeps_ = false;
  std::vector<uint32_t> made_;
};

}  // namespace weir::internal
