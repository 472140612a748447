// However a run is cancelled, and whatever the threads were doing: its Works unwind one at a time in one order, and its items
// are discarded channel by channel in one order.
#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <mutex>
#include <random>
#include <ranges>
#include <string>
#include <thread>
#include <vector>

#include "absl/strings/str_cat.h"
#include "weir/weir.h"

namespace weir {
namespace {

// What was destroyed, in the order in which it was.
class Diary {
 public:
  void Write(std::string line) {
    std::lock_guard lock(mutex_);
    lines_.push_back(std::move(line));
  }
  std::vector<std::string> TakeLines() {
    std::lock_guard lock(mutex_);
    return std::exchange(lines_, {});
  }

 private:
  std::mutex mutex_;
  std::vector<std::string> lines_;
};

// A move-only item that tells the diary of its end, if it has not been consumed.
class Item {
 public:
  Item(Diary& diary, uint64_t number) : diary_(&diary), number_(number) {}
  Item(Item&& other) noexcept
      : diary_(std::exchange(other.diary_, nullptr)), number_(other.number_) {}
  Item& operator=(Item&& other) noexcept {
    std::swap(diary_, other.diary_);
    std::swap(number_, other.number_);
    return *this;
  }
  ~Item() {
    if (diary_ != nullptr) diary_->Write(absl::StrCat("item ", number_));
  }
  void Consume() { diary_ = nullptr; }
  uint64_t number() const { return number_; }

 private:
  Diary* diary_;
  uint64_t number_;
};

// Tells the diary when a Work's locals are destroyed.
class Local {
 public:
  Local(Diary& diary, std::string name) : diary_(diary), name_(std::move(name)) {}
  ~Local() { diary_.Write(absl::StrCat("work ", name_)); }

 private:
  Diary& diary_;
  std::string name_;
};

class Source final : public Stage {
 public:
  Out<Item> out{this, "out"};
  explicit Source(Diary& diary) : diary_(diary) {}
  Task<> Work(Context&) override {
    Local local(diary_, name());
    for (uint64_t number = 0;; ++number) {
      Item item(diary_, number);
      auto send = out.Send(item);
      absl::Status sent = co_await send;
      if (!sent.ok()) {
        item.Consume();  // it is still ours
        co_return sent;
      }
    }
  }

 private:
  Diary& diary_;
};

class Relay final : public Stage {
 public:
  In<Item> in{this, "in"};
  Out<Item> out{this, "out"};
  explicit Relay(Diary& diary) : diary_(diary) {}
  Task<> Work(Context&) override {
    Local local(diary_, name());
    while (auto item = co_await in.Receive()) {
      auto send = out.Send(*item);
      absl::Status sent = co_await send;
      if (!sent.ok()) {
        item->Consume();
        co_return sent;
      }
    }
    co_return in.status();
  }

 private:
  Diary& diary_;
};

class Sink final : public Stage {
 public:
  In<Item> in{this, "in"};
  Sink(Diary& diary, std::atomic<uint64_t>& received) : diary_(diary), received_(received) {}
  Task<> Work(Context&) override {
    Local local(diary_, name());
    while (auto item = co_await in.Receive()) {
      item->Consume();
      received_.fetch_add(1);
      received_.notify_all();
    }
    co_return in.status();
  }

 private:
  Diary& diary_;
  std::atomic<uint64_t>& received_;
};

constexpr int kRelays = 6;

TEST(Teardown, ThousandCancelledRuns_UnwindAndDiscardInOneOrder) {
  Diary diary;
  std::atomic<uint64_t> received{0};
  Graph graph("chain");
  std::vector<std::string> order = {"work source"};
  auto& source = graph.Add<Source>("source", diary);
  Out<Item>* out = &source.out;
  for (int i = 0; i < kRelays; ++i) {
    auto& relay = graph.Add<Relay>(absl::StrCat("relay", i), diary);
    graph.Connect(*out, relay.in, {.capacity = 4});
    order.push_back(absl::StrCat("work relay", i));
    out = &relay.out;
  }
  auto& sink = graph.Add<Sink>("sink", diary, received);
  graph.Connect(*out, sink.in, {.capacity = 4});
  order.push_back("work sink");

  Engine engine({.threads = 4});
  std::mt19937 random(1);
  int discarding_runs = 0;
  for (int round = 0; round < 1000; ++round) {
    received = 0;
    Report report;
    {
      weir::Run run(engine, graph);
      // A moment that the clock does not choose: after so many items, from a thread that is not the engine's.
      const uint64_t moment = random() % 200;
      for (uint64_t seen = received; seen < moment; seen = received) received.wait(seen);
      run.Cancel(absl::AbortedError("enough"));
      report = run.Wait();
    }
    ASSERT_TRUE(absl::IsAborted(report.status)) << report.status;
    ASSERT_TRUE(report.balanced());
    ASSERT_TRUE(report.teardown.overdue.empty());
    ASSERT_TRUE(engine.Census().empty());

    const std::vector<std::string> lines = diary.TakeLines();
    // All Works that had begun, one at a time, in the graph's order (one that had not begun has nothing to unwind);
    std::vector<std::string> works, items;
    for (const std::string& line : lines) {
      const bool is_work = line.starts_with("work");
      if (is_work) {
        ASSERT_TRUE(items.empty()) << "an item was discarded before the last Work had unwound";
      }
      (is_work ? works : items).push_back(line);
    }
    auto at = order.begin();
    for (const std::string& work : works) {
      at = std::find(at, order.end(), work);
      ASSERT_NE(at, order.end()) << work << " out of turn in round " << round;
    }
    // then the items, channel by channel from the source on: each channel holds later ones than the next, in order.
    std::vector<uint64_t> queued;
    uint64_t discarded = 0;
    for (const ChannelReport& channel : report.channels) {
      queued.push_back(channel.ledger.discarded);
      discarded += channel.ledger.discarded;
    }
    ASSERT_EQ(items.size(), discarded);
    size_t next = 0;
    uint64_t earlier_channel_least = UINT64_MAX;
    for (uint64_t count : queued) {
      uint64_t least = UINT64_MAX, previous = 0;
      for (uint64_t i = 0; i < count; ++i) {
        uint64_t number = 0;
        ASSERT_EQ(std::sscanf(items[next++].c_str(), "item %lu", &number), 1);
        if (i > 0) {
          ASSERT_GT(number, previous) << "not first to last";
        }
        previous = number;
        least = std::min(least, number);
      }
      if (count > 0) {
        ASSERT_LT(previous, earlier_channel_least) << "not channel by channel";
        earlier_channel_least = least;
      }
    }
    discarding_runs += discarded > 0;
  }
  EXPECT_GT(discarding_runs, 100);  // or the test has tested little
}

TEST(Teardown, CancelFromManyThreadsWhileTheRunEnds_LeavesNothing) {
  Engine engine({.threads = 4});
  for (int round = 0; round < 300; ++round) {
    Graph graph("short");
    uint64_t sum = 0;
    From(graph, "numbers", FromRange(std::views::iota(0, 200))).ForEach("add", [&](int x) {
      sum += x;
    });
    weir::Run run(engine, graph);
    std::vector<std::thread> threads;
    for (int i = 0; i < 4; ++i) {
      threads.emplace_back(
          [&run, i] { run.Cancel(absl::AbortedError(absl::StrCat("thread ", i))); });
    }
    const Report report = run.Wait();
    for (std::thread& thread : threads) thread.join();
    ASSERT_TRUE(report.over);
    ASSERT_TRUE(report.balanced());
    ASSERT_TRUE(report.ok() || absl::IsAborted(report.status)) << report.status;
    ASSERT_TRUE(engine.Census().empty());
  }
}

}  // namespace
}  // namespace weir
