#include "weir/testing.h"

#include "absl/strings/str_cat.h"

namespace weir::testing {
namespace {

std::function<void(int)>& DestructionListener() {
  static auto* listener = new std::function<void(int)>;
  return *listener;
}

}  // namespace

void CountedItems::OnDestroyed(std::function<void(int value)> told) {
  DestructionListener() = std::move(told);
}

void CountedItems::Died(bool moved_from, int value) {
  alive_.fetch_sub(1);
  if (!moved_from && DestructionListener()) DestructionListener()(value);
}

Task<> Until(Context& context, const std::atomic<bool>& flag) {
  while (!flag.load() && !context.cancelled()) co_await context.Yield();
  co_return context.cancelled() ? absl::CancelledError("") : absl::OkStatus();
}

namespace {

void ExpectNothingAlive(const Engine& engine) {
  const Census census = engine.Census();
  EXPECT_TRUE(census.empty()) << "alive on an engine after all of its runs:\n" << census;
}

class AfterEachTest final : public ::testing::EmptyTestEventListener {
 public:
  explicit AfterEachTest(const Engine& engine) : engine_(engine) {}
  void OnTestEnd(const ::testing::TestInfo&) override { ExpectNothingAlive(engine_); }

 private:
  const Engine& engine_;
};

}  // namespace

void VerifyNothingLeft::Check(const Report& report) { EXPECT_EQ(LeftBehind(report), ""); }

void VerifyNothingLeft::TearDown() {
  for (const Engine* engine : engines_) ExpectNothingAlive(*engine);
  engines_.clear();
}

void VerifyNothingLeftEnvironment::SetUp() {
  after_each_ = new AfterEachTest(engine_);
  ::testing::UnitTest::GetInstance()->listeners().Append(after_each_);
}

void VerifyNothingLeftEnvironment::TearDown() {
  delete ::testing::UnitTest::GetInstance()->listeners().Release(after_each_);
  ExpectNothingAlive(engine_);
}

WeirTest::WeirTest() = default;
WeirTest::~WeirTest() = default;

EngineOptions WeirTest::WithLog(EngineOptions options) {
  if (!options.log) {
    options.log = [this](std::string_view line) {
      std::lock_guard lock(mutex_);
      log_.emplace_back(line);
    };
  }
  return options;
}

Engine& WeirTest::Simulated(uint64_t seed, EngineOptions options) {
  engines_.emplace_back(new Engine(Engine::Simulated(seed, WithLog(std::move(options)))));
  Watch(*engines_.back());
  return *engines_.back();
}

Engine& WeirTest::Threaded(int threads, EngineOptions options) {
  options.threads = threads;
  engines_.push_back(std::make_unique<Engine>(WithLog(std::move(options))));
  Watch(*engines_.back());
  return *engines_.back();
}

Graph& WeirTest::NewGraph(std::string_view name) {
  return *graphs_.emplace_back(std::make_unique<Graph>(name));
}

Run& WeirTest::Start(Engine& engine, Graph& graph, RunOptions options) {
  return *runs_.emplace_back(std::make_unique<Run>(engine, graph, options));
}

Report WeirTest::Wait(Run& run) {
  Report report = run.Wait();
  Check(report);
  return report;
}

Report WeirTest::RunToEnd(Engine& engine, Graph& graph, RunOptions options) {
  return Wait(Start(engine, graph, options));
}

std::vector<std::string> WeirTest::log() const {
  std::lock_guard lock(mutex_);
  return log_;
}

void WeirTest::TearDown() {
  for (auto& run : runs_) {
    if (!run->over()) run->Cancel(absl::CancelledError("the test has ended"));
    Check(run->Wait());
  }
  VerifyNothingLeft::TearDown();
  runs_.clear();
  graphs_.clear();
  engines_.clear();
  CountedItems::OnDestroyed(nullptr);
  EXPECT_EQ(CountedItems::alive(), 0) << "Counted items are alive after the test";
}

std::ostream& operator<<(std::ostream& os, const EngineKind& kind) {
  return kind.threads > 0 ? os << kind.threads << " threads" : os << "seed " << kind.seed;
}

Engine& EveryEngineTest::engine() {
  if (engine_ == nullptr) {
    const EngineKind& kind = GetParam();
    engine_ = kind.threads > 0 ? &Threaded(kind.threads) : &Simulated(kind.seed);
  }
  return *engine_;
}

std::vector<EngineKind> EverySeed() {
  constexpr uint64_t kSeeds = 24;
  std::vector<EngineKind> kinds;
  for (uint64_t seed = 1; seed <= kSeeds; ++seed) kinds.push_back({.seed = seed});
  return kinds;
}

std::vector<EngineKind> EveryEngine() {
  std::vector<EngineKind> kinds = EverySeed();
  for (int threads : {1, 2, 8}) kinds.push_back({.threads = threads});
  return kinds;
}

std::string EngineKindName(const ::testing::TestParamInfo<EngineKind>& info) {
  return info.param.threads > 0 ? absl::StrCat("threads", info.param.threads)
                                : absl::StrCat("seed", info.param.seed);
}

}  // namespace weir::testing
