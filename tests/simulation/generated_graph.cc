#include "tests/simulation/generated_graph.h"

#include <algorithm>
#include <stdexcept>
#include <utility>

#include "absl/strings/str_cat.h"

namespace weir::testing {
namespace {

// Passes items on, fails when the fault says so.
struct FaultyIdentity {
  const Fault* fault;
  int me;
  absl::StatusOr<Token> operator()(Token item) const {
    if (fault->stage == me && item.value() % 7 == fault->at_item) {
      if (fault->throws) throw std::runtime_error("thrown on purpose");
      return absl::DataLossError("failed on purpose");
    }
    return item;
  }
};

// A custom stage, item by item: sends in time, or waits as long as it takes.
class TimedRelay final : public Stage {
 public:
  In<Token> in{this, "in"};
  Out<Token> out{this, "out"};

  Task<> Work(Context& context) override {
    while (auto item = co_await in.Receive()) {
      auto timed = out.SendWithin(absl::Milliseconds(1), *item);
      absl::Status sent = co_await timed;
      if (absl::IsDeadlineExceeded(sent)) {
        auto sleep = context.Sleep(absl::Microseconds(10));
        absl::Status slept = co_await sleep;
        if (!slept.ok()) co_return slept;
        auto patient = out.Send(std::move(*item));
        sent = co_await patient;
      }
      if (!sent.ok()) co_return sent;
    }
    co_return in.status();
  }
};

// Does its work on the threads for blocking calls, through a helper coroutine.
class BlockingRelay final : public Stage {
 public:
  In<Token> in{this, "in"};
  Out<Token> out{this, "out"};

  Task<> Work(Context& context) override {
    while (true) {
      auto receive = in.ReceiveWithin(absl::Seconds(1));
      absl::StatusOr<Token> item = co_await receive;
      if (absl::IsDeadlineExceeded(item.status())) continue;
      if (absl::IsOutOfRange(item.status())) co_return in.status();
      if (!item.ok()) co_return item.status();
      Task<absl::Status> passing = Pass(context, *item);
      absl::Status passed = co_await passing;
      if (!passed.ok()) co_return passed;
    }
  }

 private:
  Task<absl::Status> Pass(Context& context, Token& item) {
    Context attempt = context.WithTimeout(absl::Seconds(10));
    auto identity = [&item] { return item.value(); };
    auto call = attempt.Blocking(identity);
    absl::StatusOr<uint64_t> value = co_await call;
    if (absl::IsCancelled(value.status()) && !context.cancelled()) {
      value = item.value();  // only the attempt has timed out
    }
    if (!value.ok()) co_return value.status();
    Token passed(*value);
    auto send = out.Send(passed);
    absl::Status sent = co_await send;
    co_return sent;
  }
};

// Sends each item round a loop a few times before it lets it go. The channel back to it holds whatever comes: it alone empties
// it.
class Rounds final : public Stage {
 public:
  In<Token> in{this, "in"};
  Out<Token> out{this, "out"};
  Out<Token> again{this, "again"};

  Task<> Work(Context&) override {
    while (auto item = co_await in.Receive()) {
      const uint64_t value = item->value();
      absl::Status sent;
      if (value >> 32 < value % 3) {
        Token next(value + (uint64_t{1} << 32));
        auto send = again.Send(next);
        sent = co_await send;
      } else {
        Token done(value & 0xFFFFFFFF);
        auto send = out.Send(done);
        sent = co_await send;
      }
      if (!sent.ok()) co_return sent;
    }
    co_return in.status();
  }
};

// Commits what it has received if, and only if, its input was complete.
class CommitSink final : public Stage {
 public:
  In<Token> in{this, "in"};
  explicit CommitSink(GeneratedGraph::Committed& into) : into_(into) {}

  Task<> Work(Context&) override {
    std::vector<uint64_t> values;
    while (auto item = co_await in.Receive()) values.push_back(item->value());
    absl::Status complete = in.status();
    if (complete.ok()) into_ = {true, std::move(values)};
    co_return complete;
  }

 private:
  GeneratedGraph::Committed& into_;
};

}  // namespace

GeneratedGraph::GeneratedGraph(uint64_t seed)
    : random_(seed), graph_(absl::StrCat("generated ", seed)) {
  const uint64_t sources = 1 + Draw(3);
  for (uint64_t i = 0; i < sources; ++i) AddSource();
  const uint64_t steps = 1 + Draw(6);
  for (uint64_t i = 0; i < steps; ++i) AddStep();
  while (!open_.empty()) AddSink(TakeStream());
}

std::string GeneratedGraph::Name(const std::string& kind) { return absl::StrCat(kind, named_++); }

ChannelOptions GeneratedGraph::Capacity() { return {.capacity = 1 + Draw(4)}; }

StepOptions GeneratedGraph::Options(bool may_have_workers) {
  StepOptions options;
  options.capacity = 1 + Draw(4);
  if (may_have_workers && Draw(3) == 0) {
    options.workers = static_cast<int>(2 + Draw(2));
    options.ordered = Draw(2) == 0;
  }
  options.blocking = Draw(6) == 0;
  return options;
}

GeneratedGraph::Stream GeneratedGraph::TakeStream() {
  const size_t i = Draw(open_.size());
  Stream stream = open_[i];
  open_.erase(open_.begin() + i);
  return stream;
}

void GeneratedGraph::Unite(int a, int b) {
  for (Stream& stream : open_) {
    if (stream.component == b) stream.component = a;
  }
}

void GeneratedGraph::AddSource() {
  std::vector<Token> items;
  const uint64_t count = Draw(12);
  for (uint64_t i = 0; i < count; ++i) items.emplace_back(1000 * components_ + i);
  auto& source = graph_.Add(Name("source"), FromVector(std::move(items)));
  open_.push_back({&source.out, true, components_++});
}

void GeneratedGraph::AddStep() {
  Stream stream = TakeStream();
  Flow<Token> flow(graph_, *stream.out);
  auto continue_with = [&](Out<Token>& out, bool ordered) {
    open_.push_back({&out, ordered, stream.component});
  };
  switch (Draw(12)) {
    case 0:
    case 1: {
      const StepOptions options = Options(true);
      auto next = flow.Map(Name("map"), FaultyIdentity{&fault_, fault_points_++}, options);
      continue_with(next.out(), stream.ordered && options.ordered);
      break;
    }
    case 2: {
      const StepOptions options = Options(true);
      auto next = flow.Filter(
          Name("filter"), [](const Token& item) { return item.value() % 3 != 0; }, options);
      continue_with(next.out(), stream.ordered && options.ordered);
      break;
    }
    case 3: {
      const StepOptions options = Options(true);
      auto next = flow.FlatMap(
          Name("flat_map"),
          [](const Token& item) {
            return std::vector<Token>(item.value() % 4, Token(item.value()));
          },
          options);
      continue_with(next.out(), stream.ordered && options.ordered);
      break;
    }
    case 4: {
      auto next = flow.Via(Name("timed"), std::make_unique<TimedRelay>(), Capacity());
      continue_with(next.out(), stream.ordered);
      break;
    }
    case 5: {
      auto next = flow.Via(Name("blocking"), std::make_unique<BlockingRelay>(), Capacity());
      continue_with(next.out(), stream.ordered);
      break;
    }
    case 6: {
      for (Flow<Token>& branch : flow.Broadcast(Name("broadcast"), 2, Capacity())) {
        continue_with(branch.out(), stream.ordered);
      }
      break;
    }
    case 7: {
      auto which = [](const Token& item) { return item.value() % 2; };
      for (Flow<Token>& branch : flow.Partition(Name("partition"), 2, which, Capacity())) {
        continue_with(branch.out(), stream.ordered);
      }
      break;
    }
    case 8: {
      if (open_.empty()) {
        open_.push_back(stream);
        break;
      }
      Stream other = TakeStream();
      auto next = flow.Merge(Name("merge"), Flow<Token>(graph_, *other.out));
      Unite(stream.component, other.component);
      continue_with(next.out(), false);
      break;
    }
    case 9: {
      auto other = std::find_if(open_.begin(), open_.end(), [&](const Stream& candidate) {
        return candidate.component != stream.component;
      });
      if (other == open_.end()) {
        open_.push_back(stream);
        break;
      }
      const Stream second = *other;
      open_.erase(other);
      Unite(stream.component, second.component);
      Flow<Token> second_flow(graph_, *second.out);
      if (stream.ordered && second.ordered && Draw(2) == 0) {
        auto pairs = flow.Zip(Name("zip"), second_flow);
        auto sums = pairs.Map(Name("sum"), [](std::pair<Token, Token> pair) {
          return Token(pair.first.value() * 31 + pair.second.value());
        });
        continue_with(sums.out(), true);
      } else {
        auto next = flow.Concat(Name("concat"), second_flow);
        continue_with(next.out(), stream.ordered && second.ordered);
      }
      break;
    }
    case 11: {
      auto& rounds = graph_.Add<Rounds>(Name("rounds"));
      auto& relay = graph_.Add(Name("back"), Map<Token>([](Token item) { return item; }));
      graph_.Connect(*stream.out, rounds.in, {.capacity = 1000});
      graph_.Connect(rounds.again, relay.in, Capacity());
      graph_.Connect(relay.out, rounds.in, {.feedback = true});
      continue_with(rounds.out, false);
      break;
    }
    case 10: {
      // What is taken of an unordered stream depends on the schedule.
      if (!stream.ordered) {
        open_.push_back(stream);
        break;
      }
      auto next = flow.Take(Name("take"), Draw(6), Capacity());
      continue_with(next.out(), true);
      break;
    }
  }
}

void GeneratedGraph::AddSink(const Stream& stream) {
  committed_.push_back(std::make_unique<Committed>());
  sink_ordered_.push_back(stream.ordered);
  auto& sink = graph_.Add<CommitSink>(Name("sink"), *committed_.back());
  graph_.Connect(*stream.out, sink.in, Capacity());
}

std::vector<GeneratedGraph::Committed> GeneratedGraph::TakeCommitted() {
  std::vector<Committed> taken;
  for (size_t i = 0; i < committed_.size(); ++i) {
    Committed committed = std::exchange(*committed_[i], {});
    if (!sink_ordered_[i]) std::sort(committed.values.begin(), committed.values.end());
    taken.push_back(std::move(committed));
  }
  return taken;
}

}  // namespace weir::testing
