// Random graphs for the simulator, drawn from a seed: sources, function stages with and without workers and order, custom
// stages with timed sends, splits, merges and joins, and sinks that commit what they received only if it was complete.
//
// What a sink receives does not depend on the schedule: in order where no step on the way loses the order, as a multiset
// otherwise. So every complete run can be compared with the first. Where a policy may drop items on the way to a sink, what it
// receives is a part of what the same graph gives that only blocks (`lossless`), in the same order. Joins that wait for both
// sides meet only streams that have no stage in common, directly or indirectly: other graphs of the kind may wedge, rightly.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <ostream>
#include <random>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "weir/weir.h"

namespace weir::testing {

// A number that counts how many of its kind are alive. One that has been moved from has another value than any that is sent, so
// whoever goes on with it shows.
class Token {
 public:
  static constexpr uint64_t kMovedFrom = UINT64_MAX;

  explicit Token(uint64_t value) : value_(value) { ++alive_; }
  Token(const Token& other) : value_(other.value_) { ++alive_; }
  Token(Token&& other) noexcept : value_(std::exchange(other.value_, kMovedFrom)) { ++alive_; }
  Token& operator=(const Token&) = default;
  Token& operator=(Token&& other) noexcept {
    value_ = std::exchange(other.value_, kMovedFrom);
    return *this;
  }
  ~Token() {
    --alive_;
    if (value_ != kMovedFrom && on_destroyed_) on_destroyed_();
  }
  uint64_t value() const { return value_; }
  static int64_t alive() { return alive_; }
  // Called for each that is destroyed and has not been moved from; null ends it.
  static void OnDestroyed(std::function<void()> told) { on_destroyed_ = std::move(told); }

 private:
  static inline int64_t alive_ = 0;
  static inline std::function<void()> on_destroyed_;
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
  // With `lossless`, the same graph, but that its channels block where they would drop something.
  explicit GeneratedGraph(uint64_t seed, bool lossless = false);
  // Every choice is a byte of `choices`, from the first on; 0 once there are no more.
  explicit GeneratedGraph(std::span<const uint8_t> choices, bool lossless = false);

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
  // What is to be expected of a sink.
  struct SinkTraits {
    bool ordered = true;  // it receives in the order of the sources
    bool exact = true;    // nothing is dropped on the way to it
    bool newest = false;  // the last item is never dropped
    bool part = true;     // where its sources end early it receives a part of what it would have
  };
  const std::vector<SinkTraits>& sinks() const { return sinks_; }
  // How many items have been handed over as dropped since the last call.
  uint64_t TakeDropped() { return std::exchange(dropped_, 0); }
  // Its sleepy sources, when they have sent all, sleep until the run drains.
  void set_endless(bool endless) { endless_ = endless; }

 private:
  struct Stream {
    Out<Token>* out;
    SinkTraits traits;
    int component;
  };

  void Generate();
  Stream TakeStream();
  void AddSource();
  void AddStep();
  void AddSink(const Stream& stream);
  // Connects `out` to `in` by a policy that may drop what is sent.
  void ConnectLossy(Out<Token>& out, In<Token>& in, ChannelOptions options);
  std::string Name(const std::string& kind);
  StepOptions Options(bool may_have_workers);
  ChannelOptions Capacity();
  uint64_t Draw(uint64_t n);
  // Merges two components into one.
  void Unite(int a, int b);

  std::mt19937_64 random_;
  bool by_choices_ = false;  // rather than by random_
  std::span<const uint8_t> choices_;
  const bool lossless_;
  Graph graph_;
  Fault fault_;
  int fault_points_ = 0;
  int named_ = 0;
  int components_ = 0;
  std::vector<Stream> open_;  // outputs that are not connected yet
  std::vector<std::unique_ptr<Committed>> committed_;
  std::vector<SinkTraits> sinks_;
  uint64_t dropped_ = 0;
  bool endless_ = false;
};

}  // namespace weir::testing
