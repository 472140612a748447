// libFuzzer over graph shapes and schedules: the bytes are a graph's choices (tests/simulation/generated_graph.h), a seed of
// the simulator, and what happens on the way: a cancellation, a drain, a deadline, a stage that fails. What must hold after a run is
// what simulation_test expects of random ones; here the fuzzer looks for those that reach new code.
//
//   bazel run --config=fuzz //tests/fuzz:graph_fuzz -- -max_total_time=60 $PWD/tests/fuzz/corpus
//   bazel test --config=fuzz //tests/fuzz:graph_fuzz_test        30 seconds from the corpus, as in CI
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <span>
#include <string>
#include <vector>

#include "tests/simulation/generated_graph.h"
#include "weir/core/simulator.h"
#include "weir/weir.h"

namespace weir::testing {
namespace {

constexpr uint64_t kMostSteps = 100'000;
constexpr uint64_t kNever = UINT64_MAX;

void Expect(bool holds, const char* what, const Report& report) {
  if (holds) return;
  std::fprintf(stderr, "%s\n%s\n", what, ToJson(report).c_str());
  std::abort();
}

// The bytes of a test case, from the first on; zeros once there are no more.
class Bytes {
 public:
  Bytes(const uint8_t* data, size_t size) : rest_(data, size) {}
  uint64_t Take(int bytes) {
    uint64_t value = 0;
    for (; bytes > 0; --bytes) {
      value <<= 8;
      if (rest_.empty()) continue;
      value |= rest_.front();
      rest_ = rest_.subspan(1);
    }
    return value;
  }
  std::span<const uint8_t> rest() const { return rest_; }

 private:
  std::span<const uint8_t> rest_;
};

struct Events {
  uint64_t cancel_at = kNever, drain_at = kNever;
  Fault fault = {};
  absl::Duration deadline = absl::InfiniteDuration();
};

Report RunOnce(GeneratedGraph& generated, uint64_t seed, const Events& events) {
  generated.set_fault(events.fault);
  Report report;
  {
    Engine engine = Engine::Simulated(seed, {.log = [](std::string_view) {}});
    Run run(engine, generated.graph(), {.deadline = events.deadline});
    engine.simulator()->OnStep([&](uint64_t step) {
      if (step == events.cancel_at) run.Cancel(absl::AbortedError("cancelled on purpose"));
      if (step == events.drain_at) run.Drain();
      if (step > kMostSteps) {
        std::fprintf(stderr, "the run does not end\n");
        std::abort();
      }
    });
    report = run.Wait();
    Expect(engine.Census().empty(), "the engine's census is not empty", report);
  }
  Expect(report.over, "the run is not over", report);
  Expect(report.balanced(), "a ledger does not balance", report);
  Expect(report.teardown.overdue.empty(), "a Work was overdue", report);
  for (const ChannelReport& channel : report.channels) {
    Expect(channel.ledger.queued == 0, "something is left in a channel", report);
    Expect(channel.ledger.high_water <= channel.capacity, "a channel was too full", report);
  }
  for (const StageReport& stage : report.stages) {
    Expect(stage.ended == stage.workers, "a Work has not ended", report);
  }
  return report;
}

void RunCase(Bytes bytes) {
  const uint64_t seed = bytes.Take(4);
  const uint64_t event = bytes.Take(1), at = bytes.Take(2);
  const int64_t alive = Token::alive();
  {
    GeneratedGraph generated(bytes.rest());
    if (!generated.graph().Check().ok()) return;
    const Report complete = RunOnce(generated, seed, {});
    Expect(complete.ok(), "a run without any event has failed", complete);
    const auto expected = generated.TakeCommitted();
    for (const auto& sink : expected) Expect(sink.happened, "a sink has not committed", complete);

    Events events;
    switch (event % 5) {
      case 0: break;
      case 1: events.cancel_at = at % 512; break;
      case 2: events.drain_at = at % 512; break;
      case 3: events.deadline = absl::Microseconds(at); break;
      case 4:
        if (generated.fault_points() == 0) break;
        events.fault = {static_cast<int>(at % generated.fault_points()), at / 16 % 7, at % 2 == 0};
        break;
    }
    const Report report = RunOnce(generated, seed + 1, events);
    const auto committed = generated.TakeCommitted();
    if (event % 5 == 0 || event % 5 == 2) Expect(report.ok(), "the run has failed", report);
    for (size_t i = 0; i < committed.size(); ++i) {
      if (event % 5 == 2) {
        Expect(committed[i].happened, "a sink of a drained run has not committed", report);
      } else if (committed[i].happened) {
        Expect(committed[i] == expected[i], "a sink has committed something else", report);
      }
    }
  }
  if (Token::alive() != alive) {
    std::fprintf(stderr, "items are left\n");
    std::abort();
  }
}

}  // namespace
}  // namespace weir::testing

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  weir::testing::RunCase(weir::testing::Bytes(data, size));
  return 0;
}
