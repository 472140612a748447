#include "tools/bench/blocked_graph.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string>
#include <thread>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "weir/weir.h"

namespace weir::bench {
namespace {

// Stands first, and is what the others are made of.
class Blocked : public Stage {
 public:
  Out<uint64_t> out{this, "out"};

  Blocked(size_t capacity, std::atomic<size_t>& blocked) : capacity_(capacity), blocked_(blocked) {}

  Task<> Work(Context&) override {
    uint64_t item = 0;
    for (size_t i = 0; i < capacity_; ++i) {
      absl::Status sent = co_await out.Send(item);
      if (!sent.ok()) co_return sent;
      if (second_ == nullptr) continue;
      sent = co_await second_->Send(item);
      if (!sent.ok()) co_return sent;
    }
    ++blocked_;
    absl::Status sent = co_await out.Send(item);
    co_return sent;
  }

 protected:
  Out<uint64_t>* second_ = nullptr;

 private:
  const size_t capacity_;
  std::atomic<size_t>& blocked_;
};

class BlockedBetween : public Blocked {
 public:
  In<uint64_t> in{this, "in"};
  using Blocked::Blocked;
};

class BlockedTwice final : public BlockedBetween {
 public:
  In<uint64_t> second_in{this, "second_in"};
  Out<uint64_t> second_out{this, "second_out"};

  BlockedTwice(size_t capacity, std::atomic<size_t>& blocked) : BlockedBetween(capacity, blocked) {
    second_ = &second_out;
  }
};

class Asleep final : public Stage {
 public:
  In<uint64_t> in{this, "in"};

  Task<> Work(Context& context) override {
    absl::Status slept = co_await context.Sleep(absl::Hours(24));
    co_return slept;
  }
};

}  // namespace

BlockedGraph::BlockedGraph(int stages, size_t capacity, Joined joined) {
  const ChannelOptions channel{.capacity = capacity};
  const auto name = [](int i) { return absl::StrCat("stage", i); };
  auto& first = graph_.Add<Blocked>("first", capacity, blocked_);
  Out<uint64_t>* last = &first.out;
  senders_ = stages;
  if (joined == Joined::kByOneChannel) {
    for (int i = 1; i < stages; ++i) {
      auto& stage = graph_.Add<BlockedBetween>(name(i), capacity, blocked_);
      graph_.Connect(*last, stage.in, channel);
      last = &stage.out;
    }
  } else {
    auto& second_first = graph_.Add<Blocked>("second_first", capacity, blocked_);
    Out<uint64_t>* second_last = &second_first.out;
    for (int i = 1; i < stages; ++i) {
      auto& stage = graph_.Add<BlockedTwice>(name(i), capacity, blocked_);
      graph_.Connect(*last, stage.in, channel);
      graph_.Connect(*second_last, stage.second_in, channel);
      last = &stage.out;
      second_last = &stage.second_out;
    }
    auto& second_sink = graph_.Add<Asleep>("second_sink");
    graph_.Connect(*second_last, second_sink.in, channel);
    ++senders_;
  }
  auto& sink = graph_.Add<Asleep>("sink");
  graph_.Connect(*last, sink.in, channel);
}

void BlockedGraph::AwaitBlocked(const Engine& engine) {
  expected_ += senders_;
  while (blocked_.load() < expected_) std::this_thread::yield();
  // They have said so just before they wait: the census tells when they do.
  const auto waits = [](const CensusEntry& entry) { return !entry.place.empty(); };
  while (true) {
    const Census census = engine.Census();
    const size_t waiting = std::count_if(census.works.begin(), census.works.end(), waits);
    if (waiting == graph_.stages().size()) return;
    std::this_thread::yield();
  }
}

}  // namespace weir::bench
