// Items by the million through runs on real threads that are cancelled at random moments: after each run its ledgers balance and
// nothing of it is left; over all of them resident memory stays flat (tests/promises/memory_is_bounded.md).
//
// A moment is a number of items that the sink has received, drawn from a seed: no clock chooses it. By default ten million items
// through a thousand runs, which takes some ten seconds; WEIR_SOAK_RUNS asks for another number of runs, of some ten thousand items
// each.
#include <gtest/gtest.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <memory>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "tests/simulation/schedules.h"
#include "weir/testing.h"

namespace weir::testing {
namespace {

int Runs() {
  const char* wanted = std::getenv("WEIR_SOAK_RUNS");
  int runs = 0;
  if (wanted != nullptr && absl::SimpleAtoi(wanted, &runs) && runs > 0) return runs;
  return kSanitized ? 40 : 1000;
}

// In bytes.
int64_t ResidentMemory() {
  std::ifstream statm("/proc/self/statm");
  int64_t pages = 0, resident = 0;
  statm >> pages >> resident;
  return resident * sysconf(_SC_PAGESIZE);
}

int64_t Median(std::vector<int64_t> samples) {
  std::nth_element(samples.begin(), samples.begin() + samples.size() / 2, samples.end());
  return samples[samples.size() / 2];
}

// How many items the sink has received, for a thread that waits for a number of them.
class Progress {
 public:
  void Add() {
    const uint64_t now = received_.fetch_add(1, std::memory_order_relaxed) + 1;
    if (now == wanted_.load(std::memory_order_relaxed)) {
      reached_.store(true);
      reached_.notify_all();
    }
  }
  void Begin(uint64_t wanted) {
    received_ = 0;
    wanted_ = wanted;
    reached_ = false;
  }
  void Wait() { reached_.wait(false); }
  uint64_t received() const { return received_; }

 private:
  std::atomic<uint64_t> received_{0}, wanted_{0};
  std::atomic<bool> reached_{false};
};

// --- Graphs whose sources never end ---

auto Endless() {
  return Generate([n = 0]() mutable -> std::optional<Counted> { return Counted(n++ % 1000); });
}
Counted Pass(Counted item) { return item; }

void Line(Graph& graph, Progress& progress) {
  From(graph, "source", Endless())
      .Map("map", Pass)
      .Filter("filter", [](const Counted& item) { return item.value() % 100 != 0; })
      .ForEach("sink", [&](Counted) { progress.Add(); });
}

void Workers(Graph& graph, Progress& progress) {
  From(graph, "source", Endless())
      .Map("ordered", Pass, {.workers = 3, .capacity = 16})
      .Map("unordered", Pass, {.workers = 3, .ordered = false, .capacity = 8})
      .ForEach("sink", [&](Counted) { progress.Add(); }, {.capacity = 4});
}

void SplitAndJoin(Graph& graph, Progress& progress) {
  const auto branches =
      From(graph, "source", Endless())
          .Map("copyable", [](Counted item) { return CopyableCounted(item.value()); })
          .Broadcast("broadcast", 2, {.capacity = 16});
  branches[0]
      .Map("left", [](CopyableCounted item) { return item; }, {.fuse = false})
      .Zip("zip", branches[1])
      .ForEach("sink", [&](std::pair<CopyableCounted, CopyableCounted>) { progress.Add(); });
}

// Timed sends, a policy that drops, and a bound on bytes.
void Waits(Graph& graph, Progress& progress) {
  class Route final : public Stage {
   public:
    In<Counted> in{this, "in"};
    Out<Counted> out{this, "out"};
    Out<Counted> lossy{this, "lossy"};
    Task<> Work(Context& context) override {
      while (auto item = co_await in.Receive()) {
        Counted extra(item->value());
        auto drop = lossy.Send(extra);
        absl::Status sent = co_await drop;
        if (!sent.ok()) co_return sent;
        Context attempt = context.WithTimeout(absl::Seconds(1000));
        auto send = out.SendWithin(absl::Seconds(100), *item, attempt);
        sent = co_await send;
        if (!sent.ok()) co_return sent;
      }
      co_return in.status();
    }
  };
  auto& route = graph.Add<Route>("route");
  From(graph, "source", Endless()).To(route.in, {.capacity = 8});
  auto& sink = graph.Add("sink", ForEach<Counted>([&](Counted) { progress.Add(); }));
  sink.in.MeasureBy([](const Counted& item) { return static_cast<size_t>(item.value()); });
  graph.Connect(route.out, sink.in, {.capacity = 8, .bytes = 2000});
  Flow<Counted>(graph, route.lossy)
      .Ignore("ignore", {.capacity = 2, .when_full = WhenFull::kDropOldest});
}

TEST(Soak, RunsCancelledAtRandomMoments_LeaveNothing_MemoryIsFlat) {
  constexpr void (*kGraphs[])(Graph&, Progress&) = {Line, Workers, SplitAndJoin, Waits};
  const int runs = Runs();
  Engine engine({.threads = 3, .log = [](std::string_view) {}});
  std::mt19937_64 random(1);
  Progress progress;
  uint64_t items = 0, discarded = 0;
  std::vector<int64_t> resident;
  resident.reserve(runs);
  std::unique_ptr<Graph> kept;  // some runs are of a graph that has run before
  for (int i = 0; i < runs; ++i) {
    if (i % 3 != 1) {
      kept = std::make_unique<Graph>("soak");
      kGraphs[random() % std::size(kGraphs)](*kept, progress);
    }
    progress.Begin(1 + random() % 20'000);
    {
      weir::Run run(engine, *kept);
      progress.Wait();
      run.Cancel(absl::AbortedError("enough"));
      const Report report = run.Wait();
      ASSERT_TRUE(absl::IsAborted(report.status)) << report.status;
      ASSERT_TRUE(report.over && report.balanced()) << ToJson(report);
      for (const ChannelReport& channel : report.channels) {
        ASSERT_EQ(channel.ledger.queued, 0u) << channel.name;
        discarded += channel.ledger.discarded;
      }
    }
    ASSERT_TRUE(engine.Census().empty()) << engine.Census();
    ASSERT_EQ(CountedItems::alive(), 0);
    items += progress.received();
    resident.push_back(ResidentMemory());
  }
  const auto window = [&](double from, double to) {
    return Median({resident.begin() + static_cast<int>(from * runs),
                   resident.begin() +
                       std::max(static_cast<int>(from * runs) + 1, static_cast<int>(to * runs))});
  };
  const int64_t warm = window(0.2, 0.3), last = window(0.9, 1.0);
  std::printf(
      "%lu items received and %lu discarded in %d runs; resident: %.2f MB warm, %.2f MB last\n",
      static_cast<unsigned long>(items), static_cast<unsigned long>(discarded), runs, warm / 1e6,
      last / 1e6);
  RecordProperty("items", std::to_string(items));
  RecordProperty("resident_warm", std::to_string(warm));
  RecordProperty("resident_last", std::to_string(last));
  // A sanitizer keeps freed memory for a while.
  if (!kSanitized) {
    EXPECT_LE(last, warm + std::max<int64_t>(2'000'000, warm / 50));
  }
}

}  // namespace
}  // namespace weir::testing
