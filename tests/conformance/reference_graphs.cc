#include "tests/conformance/reference_graphs.h"

#include <exception>
#include <optional>
#include <stdexcept>

namespace weir::testing {

void FaultPoints::Pass(int point) {
  const uint64_t nth = passed_[point].fetch_add(1);
  if (point == armed_point_ && nth == armed_nth_) throw std::runtime_error("thrown on purpose");
}

std::vector<ReferenceGraph::Committed> ReferenceGraph::committed() const {
  std::vector<Committed> committed;
  for (const auto& [sink, depends_on_schedule] : committed_) {
    if (!depends_on_schedule) committed.push_back(sink);
  }
  return committed;
}

void ReferenceGraph::Prepare(Engine& engine) {
  faults_.Reset();
  for (auto& [sink, depends] : committed_) sink = {};
  for (const auto& prepare : on_prepare_) prepare(engine);
}

std::unique_ptr<ReferenceGraph> ReferenceGraphKind::Make() const {
  auto graph = std::make_unique<ReferenceGraph>(name);
  build(*graph);
  return graph;
}

namespace {

class CommitSink final : public Stage {
 public:
  In<Counted> in{this, "in"};
  explicit CommitSink(ReferenceGraph::Committed& into) : into_(into) {}

  Task<> Work(Context&) override {
    ReferenceGraph::Committed received{.happened = true};
    while (auto item = co_await in.Receive()) {
      ++received.count;
      received.sum += item->value();
    }
    absl::Status complete = in.status();
    if (complete.ok()) into_ = received;
    co_return complete;
  }

 private:
  ReferenceGraph::Committed& into_;
};

// `count` items from `first` on, anew in each run.
class Numbers final : public Stage {
 public:
  Out<Counted> out{this, "out"};
  Numbers(int first, int count) : first_(first), count_(count) {}

  Task<> Work(Context&) override {
    for (int i = 0; i < count_; ++i) {
      Counted item(first_ + i);
      auto send = out.Send(item);
      absl::Status sent = co_await send;
      if (!sent.ok()) co_return sent;
    }
    co_return absl::OkStatus();
  }

 private:
  const int first_, count_;
};

Flow<Counted> From(ReferenceGraph& into, std::string_view name, int first, int count) {
  return weir::From(into.graph(), name, std::make_unique<Numbers>(first, count));
}

// A function that passes its item on, through a fault point.
auto Through(ReferenceGraph& into, int point) {
  return [faults = &into.faults(), point](Counted item) {
    faults->Pass(point);
    return item;
  };
}

// --- Lines, workers ---

void Line(ReferenceGraph& into) {
  into.Commit("sink", From(into, "numbers", 1, 40)
                          .Map("map", Through(into, 0), {.capacity = 3})
                          .Filter("filter",
                                  [faults = &into.faults()](const Counted& item) {
                                    faults->Pass(1);
                                    return item.value() % 3 != 0;
                                  },
                                  {.capacity = 3}));
}

void OrderedWorkers(ReferenceGraph& into) {
  into.Commit("sink", From(into, "numbers", 1, 40)
                          .Map("map", Through(into, 0), {.workers = 3, .capacity = 4})
                          .Map("next", Through(into, 1), {.workers = 2, .capacity = 2}));
}

void UnorderedWorkers(ReferenceGraph& into) {
  into.Commit("sink",
              From(into, "numbers", 1, 40)
                  .Map("map", Through(into, 0), {.workers = 3, .ordered = false, .capacity = 2}));
}

void BatchAndFlatMap(ReferenceGraph& into) {
  into.Commit("sink", From(into, "numbers", 1, 40)
                          .Batch("batch", 3, {.capacity = 2})
                          .FlatMap("flat_map",
                                   [faults = &into.faults()](std::vector<Counted> batch) {
                                     faults->Pass(0);
                                     return batch;
                                   },
                                   {.capacity = 1})
                          .Skip("skip", 2, {.capacity = 3}));
}

void EarlyEnd(ReferenceGraph& into) {
  into.Commit("sink", From(into, "numbers", 1, 200)
                          .Map("map", Through(into, 0), {.fuse = false, .capacity = 2})
                          .Take("take", 45, {.capacity = 2}));
}

// --- Splits and joins ---

void FanOutFanIn(ReferenceGraph& into) {
  auto which = [faults = &into.faults()](const Counted& item) {
    faults->Pass(0);
    return item.value() % 3;
  };
  const auto branches =
      From(into, "numbers", 1, 40).Partition("partition", 3, which, {.capacity = 2});
  into.Commit("sink",
              branches[0]
                  .Map("left", Through(into, 1), {.capacity = 1})
                  .Merge("merge", branches[1].Map("middle", Through(into, 2), {.capacity = 2}),
                         branches[2]));
}

// Items that can be copied, and what makes them of Counted ones and back.
auto ToCopyable(ReferenceGraph& into, int point) {
  return [faults = &into.faults(), point](Counted item) {
    faults->Pass(point);
    return CopyableCounted(item.value());
  };
}
Counted ToCounted(CopyableCounted item) { return Counted(item.value()); }

void DiamondWithZip(ReferenceGraph& into) {
  const auto branches = From(into, "numbers", 1, 32)
                            .Map("copyable", ToCopyable(into, 0), {.capacity = 2})
                            .Broadcast("broadcast", 2, {.capacity = 2});
  auto sum = [faults = &into.faults()](std::pair<CopyableCounted, CopyableCounted> pair) {
    faults->Pass(2);
    return Counted(pair.first.value() + pair.second.value());
  };
  auto twice = [faults = &into.faults()](CopyableCounted item) {
    faults->Pass(1);
    return CopyableCounted(2 * item.value());
  };
  into.Commit("sink", branches[0]
                          .Map("twice", twice, {.capacity = 2})
                          .Zip("zip", branches[1])
                          .Map("sum", sum, {.capacity = 2}));
}

void SlowBranchThatDrops(ReferenceGraph& into) {
  const auto branches = From(into, "numbers", 1, 40)
                            .Map("copyable", ToCopyable(into, 0), {.capacity = 2})
                            .Broadcast("broadcast", 2, {.capacity = 2});
  auto slow = std::make_unique<ProbeStage<CopyableCounted, Counted>>(
      [](Context& context, In<CopyableCounted>& in, Out<Counted>& out) -> Task<> {
        while (auto item = co_await in.Receive()) {
          auto sleep = context.Sleep(absl::Milliseconds(1));
          absl::Status status = co_await sleep;
          if (!status.ok()) co_return status;
          Counted passed(item->value());
          auto send = out.Send(passed);
          status = co_await send;
          if (!status.ok()) co_return status;
        }
        co_return in.status();
      });
  into.Commit(
      "lossy_sink",
      branches[0].Via("slow", std::move(slow), {.capacity = 1, .when_full = WhenFull::kDropOldest}),
      {.capacity = 1}, /*depends_on_schedule=*/true);
  into.Commit("sink", branches[1].Map("counted", ToCounted, {.capacity = 2}));
}

void PartitionToTwoSinks(ReferenceGraph& into) {
  auto which = [faults = &into.faults()](const Counted& item) {
    faults->Pass(0);
    return item.value() % 2;
  };
  const auto branches =
      From(into, "numbers", 1, 40).Partition("partition", 2, which, {.capacity = 3});
  into.Commit("even", branches[0], {.capacity = 1});
  branches[1].ForEach("odd", [faults = &into.faults()](Counted) { faults->Pass(1); },
                      {.capacity = 1});
}

void MergeOfThree(ReferenceGraph& into) {
  const auto a = From(into, "a", 100, 20);
  const auto b = From(into, "b", 200, 20);
  const auto c = From(into, "c", 300, 20);
  into.Commit("sink", a.Merge("merge", b, c).Map("map", Through(into, 0), {.capacity = 2}));
}

void ConcatOfTwo(ReferenceGraph& into) {
  const auto first = From(into, "first", 100, 30).Map("map", Through(into, 0), {.capacity = 2});
  const auto second = From(into, "second", 200, 30);
  into.Commit("sink",
              first.Concat("concat", second).Map("last", Through(into, 1), {.capacity = 2}));
}

// Sends an item round again until its value is odd. The channel back takes whatever comes, since it alone is emptied by it.
void FeedbackLoop(ReferenceGraph& into) {
  class Halve final : public Stage {
   public:
    In<Counted> in{this, "in"};
    Out<Counted> odd{this, "odd"};
    Out<Counted> again{this, "again"};
    explicit Halve(FaultPoints& faults) : faults_(faults) {}
    Task<> Work(Context&) override {
      while (auto item = co_await in.Receive()) {
        faults_.Pass(0);
        const bool done = item->value() % 2 == 1;
        Counted next(done ? item->value() : item->value() / 2);
        auto send = (done ? odd : again).Send(next);
        absl::Status sent = co_await send;
        if (!sent.ok()) co_return sent;
      }
      co_return in.status();
    }

   private:
    FaultPoints& faults_;
  };
  Graph& graph = into.graph();
  auto& halve = graph.Add<Halve>("halve", into.faults());
  auto& back = graph.Add("back", Map<Counted>(Through(into, 1)));
  From(into, "numbers", 1, 32).To(halve.in, {.capacity = 100});
  graph.Connect(halve.again, back.in, {.capacity = 2});
  graph.Connect(back.out, halve.in, {.feedback = true});
  into.Commit("sink", Flow<Counted>(graph, halve.odd), {.capacity = 2});
}

// --- Time ---

// What cannot be sent in time goes to another output, of its own accord and by policy.
void TimedSendsAndDivert(ReferenceGraph& into) {
  class Route final : public Stage {
   public:
    In<Counted> in{this, "in"};
    Out<Counted> out{this, "out"};
    Out<Counted> patient{this, "patient"};
    Out<Counted> late{this, "late"};
    explicit Route(FaultPoints& faults) : faults_(faults) {}
    Task<> Work(Context&) override {
      while (auto item = co_await in.Receive()) {
        faults_.Pass(0);
        absl::Status sent;
        if (item->value() % 2 == 0) {
          auto send = patient.Send(*item);
          sent = co_await send;
        } else {
          auto timed = out.SendWithin(absl::Microseconds(200), *item);
          sent = co_await timed;
          if (absl::IsDeadlineExceeded(sent)) {
            auto send = late.Send(*item);  // it is still ours
            sent = co_await send;
          }
        }
        if (!sent.ok()) co_return sent;
      }
      co_return in.status();
    }

   private:
    FaultPoints& faults_;
  };
  Graph& graph = into.graph();
  auto& route = graph.Add<Route>("route", into.faults());
  From(into, "numbers", 1, 40).To(route.in, {.capacity = 2});
  auto slow = [&](std::string_view name, Out<Counted>& out, ChannelOptions options) {
    auto& sink =
        graph.Add<ProbeSink<Counted>>(name, [](Context& context, In<Counted>& in) -> Task<> {
          while (auto item = co_await in.Receive()) {
            auto sleep = context.Sleep(absl::Microseconds(300));
            absl::Status slept = co_await sleep;
            if (!slept.ok()) co_return slept;
          }
          co_return in.status();
        });
    graph.Connect(out, sink.in, options);
  };
  slow("ship", route.out, {.capacity = 1});
  slow("post", route.patient,
       {.capacity = 1, .when_full = WhenFull::kDivert, .patience = absl::Microseconds(100)});
  route.patient.DivertTo(route.late);
  into.Commit("late_sink", Flow<Counted>(graph, route.late), {.capacity = 2},
              /*depends_on_schedule=*/true);
}

void Sleeping(ReferenceGraph& into) {
  auto pause = std::make_unique<ProbeStage<Counted, Counted>>(
      [faults = &into.faults()](Context& context, In<Counted>& in, Out<Counted>& out) -> Task<> {
        while (auto item = co_await in.Receive()) {
          auto sleep = context.Sleep(absl::Milliseconds(1));
          absl::Status status = co_await sleep;
          if (!status.ok()) co_return status;
          faults->Pass(0);
          auto send = out.Send(*item);
          status = co_await send;
          if (!status.ok()) co_return status;
        }
        co_return in.status();
      });
  into.Commit("sink", From(into, "numbers", 1, 40).Via("pause", std::move(pause), {.capacity = 2}),
              {.capacity = 1});
}

// Each wait has a Context of its own, which may end before it.
void ChildContexts(ReferenceGraph& into) {
  auto attempts = std::make_unique<ProbeStage<Counted, Counted>>(
      [faults = &into.faults()](Context& context, In<Counted>& in, Out<Counted>& out) -> Task<> {
        while (true) {
          std::optional<Counted> item;
          while (!item.has_value()) {
            Context attempt = context.WithTimeout(absl::Microseconds(50));
            auto receive = in.ReceiveWithin(absl::Microseconds(80), attempt);
            absl::StatusOr<Counted> received = co_await receive;
            if (received.ok()) {
              item.emplace(*std::move(received));
            } else if (absl::IsOutOfRange(received.status())) {
              co_return in.status();
            } else if (context.cancelled()) {
              co_return absl::CancelledError("");
            }
          }
          faults->Pass(0);
          absl::Status sent = absl::CancelledError("");
          while (!sent.ok()) {
            Context attempt = context.WithTimeout(absl::Microseconds(50));
            auto send = out.Send(*item, attempt);
            sent = co_await send;
            if (absl::IsOutOfRange(sent)) co_return sent;
            if (context.cancelled()) co_return absl::CancelledError("");
          }
        }
      });
  into.Commit("sink",
              From(into, "numbers", 1, 32).Via("attempts", std::move(attempts), {.capacity = 1}),
              {.capacity = 1});
}

// --- Bytes, blocking calls, runs within runs, errors, a source that drains ---

void BytesBound(ReferenceGraph& into) {
  auto& heavy = into.graph().Add("heavy", Map<Counted>(Through(into, 0)));
  heavy.in.MeasureBy([](const Counted& item) { return static_cast<size_t>(item.value()); });
  From(into, "numbers", 1, 40).To(heavy.in, {.capacity = 8, .bytes = 10});
  into.Commit("sink", Flow<Counted>(into.graph(), heavy.out), {.capacity = 2});
}

void BlockingCalls(ReferenceGraph& into) {
  into.Commit("sink",
              From(into, "numbers", 1, 32)
                  .Map("block", Through(into, 0), {.workers = 2, .blocking = true, .capacity = 2}));
}

// For each item it runs a graph of its own, on the same engine, and waits for that.
void NestedRuns(ReferenceGraph& into) {
  struct Inner {
    explicit Inner(ReferenceGraph& into) : graph("inner") {
      weir::From(graph, "numbers", std::make_unique<Numbers>(1, 5))
          .Map("map", Through(into, 0), {.fuse = false, .capacity = 1})
          .ForEach("add", [this](Counted item) { sum += item.value(); }, {.fuse = false});
    }
    Engine* engine = nullptr;
    int sum = 0;
    Graph graph;
  };
  auto inner = std::make_shared<Inner>(into);
  into.Keep(inner);
  into.OnPrepare([inner = inner.get()](Engine& engine) { inner->engine = &engine; });
  auto runs = std::make_unique<ProbeStage<Counted, Counted>>(
      [inner = inner.get()](Context& context, In<Counted>& in, Out<Counted>& out) -> Task<> {
        while (auto item = co_await in.Receive()) {
          inner->sum = 0;
          absl::StatusOr<Report> report = absl::UnknownError("it has not been asked");
          std::exception_ptr failure;
          {
            weir::Run run(*inner->engine, inner->graph, {.parent = &context});
            try {
              auto finished = run.Finished();
              report = co_await finished;
            } catch (...) {
              failure = std::current_exception();
              run.Cancel();
            }
            // Whatever has happened: a Run is not destroyed on its engine's thread before it is over.
            while (!run.over()) co_await context.Yield();
          }
          if (failure) std::rethrow_exception(failure);
          if (!report.ok()) co_return report.status();
          if (!report->ok()) co_return report->status;
          Counted sum(inner->sum);
          auto send = out.Send(sum);
          absl::Status sent = co_await send;
          if (!sent.ok()) co_return sent;
        }
        co_return in.status();
      });
  into.Commit("sink", From(into, "numbers", 1, 5).Via("runs", std::move(runs), {.capacity = 1}),
              {.capacity = 1});
}

// Items that a helper coroutine throws at, or gives a Status for, go to an output of their own; the run does not fail.
void ErrorsAreHandled(ReferenceGraph& into) {
  class Parse final : public Stage {
   public:
    In<Counted> in{this, "in"};
    Out<Counted> out{this, "out"};
    Out<Counted> bad{this, "bad"};
    explicit Parse(FaultPoints& faults) : faults_(faults) {}
    Task<> Work(Context&) override {
      while (auto item = co_await in.Receive()) {
        bool parsed = false;
        try {
          auto check = Check(*item);
          absl::Status status = co_await check;
          parsed = status.ok();
        } catch (const std::invalid_argument&) {
        }
        faults_.Pass(0);
        auto send = (parsed ? out : bad).Send(*item);
        absl::Status sent = co_await send;
        if (!sent.ok()) co_return sent;
      }
      co_return in.status();
    }

   private:
    Task<absl::Status> Check(const Counted& item) {
      if (item.value() % 5 == 0) throw std::invalid_argument("five");
      co_return item.value() % 3 == 0 ? absl::InvalidArgumentError("three") : absl::OkStatus();
    }
    FaultPoints& faults_;
  };
  Graph& graph = into.graph();
  auto& parse = graph.Add<Parse>("parse", into.faults());
  From(into, "numbers", 1, 40).To(parse.in, {.capacity = 2});
  into.Commit("sink", Flow<Counted>(graph, parse.out), {.capacity = 1});
  into.Commit("bad_sink", Flow<Counted>(graph, parse.bad), {.capacity = 1});
}

// A generator, and a source that looks at whether the run drains.
void Generators(ReferenceGraph& into) {
  auto next = std::make_shared<std::atomic<int>>(0);
  into.OnPrepare([next](Engine&) { *next = 0; });
  auto generate = [next, faults = &into.faults()]() -> std::optional<Counted> {
    faults->Pass(0);
    const int value = next->fetch_add(1);
    if (value >= 40) return std::nullopt;
    return Counted(value);
  };
  auto ticks =
      std::make_unique<ProbeSource<Counted>>([](Context& context, Out<Counted>& out) -> Task<> {
        for (int i = 0; i < 15 && !context.draining(); ++i) {
          auto sleep = context.Sleep(absl::Milliseconds(1));
          absl::Status status = co_await sleep;
          if (!status.ok()) co_return status;
          Counted tick(1000 + i);
          auto send = out.Send(tick);
          status = co_await send;
          if (!status.ok()) co_return status;
        }
        co_return absl::OkStatus();
      });
  auto& graph = into.graph();
  const auto merged = weir::From(graph, "generate", Generate(generate))
                          .Merge("merge", weir::From(graph, "ticks", std::move(ticks)));
  into.Commit("sink", merged.Map("map", Through(into, 1), {.capacity = 2}));
}

}  // namespace

void ReferenceGraph::Commit(std::string_view name, const Flow<Counted>& flow,
                            ChannelOptions options, bool depends_on_schedule) {
  auto& into = committed_.emplace_back(Committed(), depends_on_schedule);
  flow.To(name, std::make_unique<CommitSink>(into.first), options);
}

const std::array<ReferenceGraphKind, kReferenceGraphs>& ReferenceGraphs() {
  static constexpr std::array<ReferenceGraphKind, kReferenceGraphs> kGraphs = {{
      {"line", Line},
      {"ordered_workers", OrderedWorkers},
      {"unordered_workers", UnorderedWorkers},
      {"batch_and_flat_map", BatchAndFlatMap},
      {"early_end", EarlyEnd},
      {"fan_out_fan_in", FanOutFanIn},
      {"diamond_with_zip", DiamondWithZip},
      {"slow_branch_that_drops", SlowBranchThatDrops},
      {"partition", PartitionToTwoSinks},
      {"merge", MergeOfThree},
      {"concat", ConcatOfTwo},
      {"feedback_loop", FeedbackLoop},
      {"timed_sends_and_divert", TimedSendsAndDivert},
      {"sleeping", Sleeping},
      {"child_contexts", ChildContexts},
      {"bytes_bound", BytesBound},
      {"blocking_calls", BlockingCalls},
      {"nested_runs", NestedRuns},
      {"errors_are_handled", ErrorsAreHandled},
      {"generators", Generators},
  }};
  return kGraphs;
}

}  // namespace weir::testing
