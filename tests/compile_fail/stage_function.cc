// The common mistakes with the function of a stage, a case each. What comes after the stage is
// right, and must not be refused too.
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "weir/weir.h"

weir::Task<> Blocking([[maybe_unused]] weir::Context& context) {
#if !defined(WEIR_COMPILE_OK) && defined(BLOCKING_COROUTINE)
  auto call = context.Blocking([](weir::Context&) -> weir::Task<int> { co_return 1; });
  auto called = co_await call;
  co_return called.status();
#else
  co_return absl::OkStatus();
#endif
}

void Build(weir::Graph& graph) {
  const std::vector<int> numbers = {1};
  [[maybe_unused]] std::vector<long> longs;
  [[maybe_unused]] auto flow = weir::From(graph, "numbers", weir::FromVector(numbers));
#if defined(WEIR_COMPILE_OK)
  flow.Ignore("into");

#elif defined(MAP_COROUTINE)
  flow.Map("step", [](int i) -> weir::Task<long> { co_return i; }).Collect("into", longs);
#elif defined(MAP_ARGUMENT)
  flow.Map("step", [](const std::string& s) -> long { return s[0]; }).Collect("into", longs);
#elif defined(MAP_REFERENCE)
  flow.Map("step", [](int& i) { return ++i; }).ForEach("into", [](int) {});
#elif defined(MAP_NOTHING)
  flow.Map("step", [](int) {}).Map("next", [](long i) { return i; }).Collect("into", longs);
#elif defined(MAP_STATUS)
  auto& step = graph.Add("step", weir::Map<int>([](int) { return absl::OkStatus(); }));
  auto& into = graph.Add("into", weir::Collect<long>(longs));
  graph.Connect(flow.out(), step.in);
  graph.Connect(step.out, into.in);

#elif defined(FILTER_COROUTINE)
  flow.Filter("step", [](int) -> weir::Task<bool> { co_return true; }).Ignore("into");
#elif defined(FILTER_ARGUMENT)
  flow.Filter("step", [](std::string s) { return s.empty(); }).ForEach("into", [](int) {});
#elif defined(FILTER_NOTHING)
  flow.Filter("step", [](int) {}).ForEach("into", [](int) {});
#elif defined(FILTER_STRING)
  flow.Filter("step", [](int) { return std::string(); }).ForEach("into", [](int) {});

#elif defined(FLAT_MAP_COROUTINE)
  flow.FlatMap("step", [](int) -> weir::Task<std::vector<long>> { co_return std::vector<long>(); })
      .Collect("into", longs);
#elif defined(FLAT_MAP_ARGUMENT)
  flow.FlatMap("step", [](std::string s) { return s; }).ForEach("into", [](char) {});
#elif defined(FLAT_MAP_NOTHING)
  flow.FlatMap("step", [](int) {}).Collect("into", longs);
#elif defined(FLAT_MAP_NUMBER)
  flow.FlatMap("step", [](int i) { return long{i}; }).Collect("into", longs);

#elif defined(FOR_EACH_COROUTINE)
  flow.ForEach("step", [](int) -> weir::Task<> { co_return absl::OkStatus(); });
#elif defined(FOR_EACH_ARGUMENT)
  flow.ForEach("step", [](std::string) {});

#elif defined(TAP_COROUTINE)
  flow.Tap("step", [](int) -> weir::Task<> { co_return absl::OkStatus(); }).Ignore("into");
#elif defined(TAP_ARGUMENT)
  flow.Tap("step", [](int&) {}).ForEach("into", [](int) {});

#elif defined(REDUCE_COROUTINE)
  flow.Reduce("step", 0, [](int a, int b) -> weir::Task<int> { co_return a + b; }).Ignore("into");
#elif defined(REDUCE_ARGUMENT)
  flow.Reduce("step", 0L, [](long& sum, int i) { sum += i; }).Collect("into", longs);
#elif defined(REDUCE_NOTHING)
  flow.Reduce("step", 0L, [](long, int) {}).Collect("into", longs);
#elif defined(REDUCE_TYPE)
  flow.Reduce("step", "", [](std::string s, int) { return s; }).ForEach("into", [](std::string) {});
#elif defined(REDUCE_COPY)
  flow.Reduce("step", std::make_unique<int>(0), [](std::unique_ptr<int> sum, int) { return sum; })
      .Ignore("into");
#elif defined(SCAN_ARGUMENT)
  flow.Scan("step", 0L, [](long& sum, int i) { sum += i; }).Collect("into", longs);

#elif defined(PARTITION_STRING)
  flow.Partition("step", 2, [](int) { return std::string(); })[1].ForEach("into", [](int) {});
#elif defined(GENERATE_NUMBER)
  weir::From(graph, "step", weir::Generate([] { return 1; })).Collect("into", longs);
#elif defined(FROM_VECTOR)
  weir::From(graph, "step", longs).Collect("into", longs);
#elif defined(COLLECT_OTHER)
  flow.Collect("into", longs);
#endif
}
