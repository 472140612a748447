// Random graphs for the simulator, drawn from a seed: sources, function stages with and without workers and order, custom
// stages with timed sends, splits, merges and joins, and sinks that commit what they received only if it was complete.
//
// What a sink receives does not depend on the schedule: in order where no step on the way loses the order, as a multiset
// otherwise. So every complete run can be compared with the first. Joins that wait for both sides meet only streams that have
// no stage in common, directly or indirectly: other graphs of the kind may wedge, rightly.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <ostream>
#include <random>
#include <string>
#include <vector>

#include "weir/weir.h"

namespace weir::testing {

// A number that counts how many of its kind are alive.
class Token {
 public:
  explicit Token(uint64_t value) : value_(value) { ++alive_; }
  Token(const Token& other) : value_(other.value_) { ++alive_; }
  Token(Token&& other) noexcept : value_(other.value_) { ++alive_; }
  Token& operator=(const Token&) = default;
  Token& operator=(Token&&) noexcept = default;
  ~Token() { --alive_; }
  uint64_t value() const { return value_; }
  static int64_t alive() { return alive_; }

 private:
  static inline int64_t alive_ = 0;
  uint64_t value_;
};

// Which stage fails when, in the run that follows.
struct Fault {
  int stage = -1;        // counted in the order of their making; none if negative
  uint64_t at_item = 0;  // its n-th
  bool throws = false;   // rather than returning a Status
};

class GeneratedGraph {
 public:
  explicit GeneratedGraph(uint64_t seed);

  Graph& graph() { return graph_; }
  void set_fault(Fault fault) { fault_ = fault; }
  int fault_points() const { return fault_points_; }

  // What the sinks have committed since the last call, by sink.
  struct Committed {
    bool happened = false;
    std::vector<uint64_t> values;  // sorted where order is not kept
    bool operator==(const Committed&) const = default;
    friend std::ostream& operator<<(std::ostream& out, const Committed& committed) {
      out << (committed.happened ? "committed" : "nothing");
      for (uint64_t value : committed.values) out << " " << value;
      return out;
    }
  };
  std::vector<Committed> TakeCommitted();

 private:
  struct Stream {
    Out<Token>* out;
    bool ordered;
    int component;
  };

  Stream TakeStream();
  void AddSource();
  void AddStep();
  void AddSink(const Stream& stream);
  std::string Name(const std::string& kind);
  StepOptions Options(bool may_have_workers);
  ChannelOptions Capacity();
  uint64_t Draw(uint64_t n) { return random_() % n; }
  // Merges two components into one.
  void Unite(int a, int b);

  std::mt19937_64 random_;
  Graph graph_;
  Fault fault_;
  int fault_points_ = 0;
  int named_ = 0;
  int components_ = 0;
  std::vector<Stream> open_;  // outputs that are not connected yet
  std::vector<std::unique_ptr<Committed>> committed_;
  std::vector<bool> sink_ordered_;
};

}  // namespace weir::testing
