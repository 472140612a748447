#include "tests/simulation/generated_graph.h"

#include <algorithm>
#include <array>
#include <deque>
#include <optional>
#include <stdexcept>
#include <utility>

#include "absl/strings/str_cat.h"
#include "weir/core/batch_limit.h"

namespace weir::testing {
namespace {

// Passes items on, fails when the fault says so. Some items are slow, as far as the engine can see: their batch is stopped.
struct FaultyIdentity {
  const Fault* fault;
  int me;
  absl::StatusOr<Token> operator()(Token item) const {
    if (item.value() % 5 == 0) internal::BatchLimit::OfThisThread().Stop();
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
    const bool not_made = absl::IsCancelled(value.status());
    const bool late = absl::IsDeadlineExceeded(value.status());
    if ((not_made || late) && !context.cancelled()) {
      value = item.value();  // only the attempt has timed out
    }
    if (!value.ok()) co_return value.status();
    Token passed(*value);
    auto send = out.Send(passed);
    absl::Status sent = co_await send;
    co_return sent;
  }
};

// Passes items on as they come: what stands behind a channel that is looked at.
class Relay final : public Stage {
 public:
  In<Token> in{this, "in"};
  Out<Token> out{this, "out"};

  Task<> Work(Context&) override {
    while (auto item = co_await in.Receive()) {
      auto send = out.Send(*item);
      absl::Status sent = co_await send;
      if (!sent.ok()) co_return sent;
    }
    co_return in.status();
  }
};

// Leases batches within a time, takes a part of each, lets the rest go back, and sends batches on.
class BatchRelay final : public Stage {
 public:
  In<Token> in{this, "in"};
  Out<Token> out{this, "out"};
  BatchRelay(size_t most, size_t take, int workers) : most_(most), take_(take) {
    set_workers(workers);
  }

  Task<> Work(Context& context) override {
    std::vector<Token> batch;
    bool more = true;
    while (more) {
      Lease<Token> lease;
      {
        Context attempt = context.WithTimeout(absl::Milliseconds(1));
        auto receive = in.ReceiveBatch(lease, most_, attempt);
        const bool received = co_await receive;
        if (!received) {
          if (context.cancelled()) co_return absl::CancelledError("");
          if (attempt.cancelled()) continue;
          more = false;
        }
      }
      for (size_t i = 0; i < take_ && !lease.empty(); ++i) {
        batch.push_back(lease.Take());
        // What has been taken makes room while the rest is kept.
        auto yield = context.Yield();
        co_await yield;
      }
      auto send = out.SendBatch(batch);
      absl::Status sent = co_await send;
      if (!sent.ok()) co_return sent;
    }
    co_return in.status();
  }

 private:
  const size_t most_;
  const size_t take_;
};

// Bounds each operation by a Context of its own, and tries again when that ends.
class PatientRelay final : public Stage {
 public:
  In<Token> in{this, "in"};
  Out<Token> out{this, "out"};

  Task<> Work(Context& context) override {
    while (true) {
      Context receiving = context.WithTimeout(absl::Milliseconds(2));
      auto receive = in.Receive(receiving);
      std::optional<Token> item = co_await receive;
      if (!item.has_value()) {
        if (context.cancelled()) co_return absl::CancelledError("");
        // A bound that ends with the input says nothing of it.
        const bool late = receiving.cancelled();
        auto look = in.ReceiveWithin(absl::ZeroDuration());
        absl::StatusOr<Token> left = co_await look;
        if (absl::IsOutOfRange(left.status())) co_return in.status();
        if (!late && !context.cancelled())
          co_return absl::InternalError("a receive ended by itself");
        if (absl::IsDeadlineExceeded(left.status())) continue;
        if (!left.ok()) co_return left.status();
        item.emplace(std::move(*left));
      }
      while (true) {
        // Longer than the other, whose end does not concern this wait.
        Context sending = context.WithTimeout(absl::Milliseconds(5));
        auto send = out.Send(*item, sending);
        absl::Status sent = co_await send;
        if (sent.ok()) break;
        if (!absl::IsCancelled(sent) || context.cancelled()) co_return sent;
        if (!sending.cancelled()) co_return absl::InternalError("a send was cancelled by nobody");
      }
    }
  }
};

// Its output fails when it is full: the item is still its own, and it tries again later.
class Retry final : public Stage {
 public:
  In<Token> in{this, "in"};
  Out<Token> out{this, "out"};

  Task<> Work(Context& context) override {
    while (auto item = co_await in.Receive()) {
      while (true) {
        auto send = out.Send(*item);
        absl::Status sent = co_await send;
        if (sent.ok()) break;
        if (!absl::IsResourceExhausted(sent)) co_return sent;
        auto sleep = context.Sleep(absl::Microseconds(5));
        absl::Status slept = co_await sleep;
        if (!slept.ok()) co_return slept;
      }
    }
    co_return in.status();
  }
};

// What does not fit into `out` goes to `late`.
class Route final : public Stage {
 public:
  In<Token> in{this, "in"};
  Out<Token> out{this, "out"};
  Out<Token> late{this, "late"};
  explicit Route(size_t at_once) : at_once_(at_once) {}

  Task<> Work(Context&) override {
    std::vector<Token> batch;
    for (bool more = true; more;) {
      auto item = co_await in.Receive();
      if (item) batch.push_back(std::move(*item));
      more = item.has_value();
      if (more && batch.size() < at_once_) continue;
      auto send = out.SendBatch(batch);
      absl::Status sent = co_await send;
      if (!sent.ok()) co_return sent;
    }
    co_return in.status();
  }

 private:
  const size_t at_once_;
};

// A source that sleeps between its items. One that was refused while the run drains is still its own.
class SleepySource final : public Stage {
 public:
  Out<Token> out{this, "out"};
  SleepySource(uint64_t first, uint64_t count, const bool& endless)
      : first_(first), count_(count), endless_(endless) {}

  Task<> Work(Context& context) override {
    for (uint64_t i = 0; i < count_; ++i) {
      Token item(first_ + i);
      auto send = out.Send(item);
      absl::Status sent = co_await send;
      if (!sent.ok() && item.value() != first_ + i)
        co_return absl::InternalError("an item that was not sent is gone");
      if (!sent.ok()) co_return sent;
      auto sleep = context.Sleep(absl::Microseconds(100));
      absl::Status slept = co_await sleep;
      if (!slept.ok()) co_return slept;
    }
    auto sleep = context.Sleep(endless_ ? absl::InfiniteDuration() : absl::ZeroDuration());
    absl::Status slept = co_await sleep;
    co_return slept;
  }

 private:
  const uint64_t first_;
  const uint64_t count_;
  const bool& endless_;
};

// Sends without ever having to wait, until nobody wants more: whoever is to end it needs a turn.
class Spinner final : public Stage {
 public:
  Out<Token> out{this, "out"};

  Task<> Work(Context&) override {
    while (true) {
      Token item(0);
      auto send = out.Send(item);
      absl::Status sent = co_await send;
      if (!sent.ok()) co_return sent;
    }
  }
};

// Receives a few, and wants no more. It waits for them, or tries again and again.
class FewSink final : public Stage {
 public:
  In<Token> in{this, "in"};
  FewSink(uint64_t few, bool polls) : few_(few), polls_(polls) {}

  Task<> Work(Context&) override {
    for (uint64_t i = 0; i < few_;) {
      auto receive = in.ReceiveWithin(polls_ ? absl::ZeroDuration() : absl::InfiniteDuration());
      absl::StatusOr<Token> item = co_await receive;
      if (item.ok()) ++i;
      if (absl::IsOutOfRange(item.status())) co_return in.status();
      if (!item.ok() && !absl::IsDeadlineExceeded(item.status())) co_return item.status();
    }
    co_return absl::OkStatus();
  }

 private:
  const uint64_t few_;
  const bool polls_;
};

// Sends more than `out` holds, and only then gives the sign.
class Sluice final : public Stage {
 public:
  In<Token> in{this, "in"};
  Out<Token> out{this, "out"};
  Out<Token> sign{this, "sign"};
  explicit Sluice(size_t group) : group_(group) {}

  Task<> Work(Context&) override {
    for (size_t sent_now = 1;; ++sent_now) {
      auto item = co_await in.Receive();
      if (!item) co_return in.status();
      auto send = out.Send(*item);
      absl::Status sent = co_await send;
      if (!sent.ok()) co_return sent;
      if (sent_now % group_ != 0) continue;
      Token given(0);
      auto give = sign.Send(given);
      sent = co_await give;
      if (!sent.ok()) co_return sent;
    }
  }

 private:
  const size_t group_;
};

// Takes the first of each such group, and waits for the sign before it takes the others: what it has taken makes room, although
// it waits for something else.
class SignedRelay final : public Stage {
 public:
  In<Token> in{this, "in"};
  In<Token> sign{this, "sign"};
  Out<Token> out{this, "out"};
  SignedRelay(size_t group, bool leases) : group_(group), leases_(leases) {}

  Task<> Work(Context&) override {
    Lease<Token> lease;
    for (size_t taken = 0;; ++taken) {
      if (taken % group_ == 1 % group_ && taken > 0) {
        auto given = co_await sign.Receive();
        if (!given && !sign.status().ok()) co_return sign.status();
      }
      std::optional<Token> item;
      if (!leases_) {
        auto receive = in.Receive();
        item = co_await receive;
      } else {
        if (lease.empty()) {
          auto receive = in.ReceiveBatch(lease);
          co_await receive;
        }
        if (!lease.empty()) item.emplace(lease.Take());
      }
      if (!item) co_return in.status();
      auto send = out.Send(*item);
      absl::Status sent = co_await send;
      if (!sent.ok()) co_return sent;
    }
  }

 private:
  const size_t group_;
  const bool leases_;
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

// The same with two ways round, and it never waits for one port alone: it takes what comes from anywhere while it waits for room.
class Roundabout final : public Stage {
 public:
  In<Token> in{this, "in"}, from_left{this, "from_left"}, from_right{this, "from_right"};
  Out<Token> out{this, "out"}, to_left{this, "to_left"}, to_right{this, "to_right"};

  Task<> Work(Context&) override {
    std::deque<Token> kept;
    std::array<bool, 3> open{true, true, true};
    while (!kept.empty() || open[0] || open[1] || open[2]) {
      std::optional<Token> item;
      Token none(0);
      Token& first = kept.empty() ? none : kept.front();
      const uint64_t value = first.value();
      const bool leaves = value >> 32 >= value % 3;
      auto enters = in.OnReceive(item);
      auto left = from_left.OnReceive(item);
      auto right = from_right.OnReceive(item);
      auto onwards = (leaves ? out : value % 2 == 0 ? to_left : to_right).OnSend(first);
      enters.When(open[0] && kept.size() < 3);
      left.When(open[1]);
      right.When(open[2]);
      onwards.When(!kept.empty());
      auto select = weir::Select(onwards, enters, left, right);
      const Selected selected = co_await select;
      if (selected.which > 0 && absl::IsOutOfRange(selected.status)) {
        open[selected.which - 1] = false;
      } else if (!selected.status.ok()) {
        co_return selected.status;
      } else if (selected.which > 0) {
        const uint64_t rounds = selected.which == 1 ? 0 : uint64_t{1} << 32;
        kept.emplace_back(item->value() + rounds);
      } else {
        kept.pop_front();
      }
    }
    co_return in.status();
  }
};

// Commits what it has received if, and only if, its input was complete: as its status says at the end, or as the last receive
// does; or as its status says after each receive that gave nothing, where some of them were ended by a time of their own.
class CommitSink final : public Stage {
 public:
  In<Token> in{this, "in"};
  enum class Trusts { kStatus, kReceive, kStatusInBetween };
  CommitSink(GeneratedGraph::Committed& into, Trusts trusts) : into_(into), trusts_(trusts) {}

  Task<> Work(Context& context) override {
    std::vector<uint64_t> values;
    absl::Status complete;
    if (trusts_ == Trusts::kStatusInBetween) {
      do {
        Context attempt = context.WithTimeout(absl::Milliseconds(1));
        while (true) {
          auto receive = in.Receive(attempt);
          std::optional<Token> item = co_await receive;
          if (!item) break;
          values.push_back(item->value());
        }
        complete = in.status();
      } while (!complete.ok() && !context.cancelled());
    } else if (trusts_ == Trusts::kReceive) {
      while (true) {
        auto receive = in.ReceiveWithin(absl::InfiniteDuration());
        absl::StatusOr<Token> item = co_await receive;
        if (!item.ok() && !absl::IsOutOfRange(item.status())) complete = item.status();
        if (!item.ok()) break;
        values.push_back(item->value());
      }
    } else {
      while (auto item = co_await in.Receive()) values.push_back(item->value());
      complete = in.status();
    }
    if (complete.ok()) into_ = {true, std::move(values)};
    co_return complete;
  }

 private:
  GeneratedGraph::Committed& into_;
  const Trusts trusts_;
};

}  // namespace

GeneratedGraph::GeneratedGraph(uint64_t seed, bool lossless)
    : random_(seed), lossless_(lossless), graph_(absl::StrCat("generated ", seed)) {
  Generate();
}

GeneratedGraph::GeneratedGraph(std::span<const uint8_t> choices, bool lossless)
    : by_choices_(true), choices_(choices), lossless_(lossless), graph_("generated") {
  Generate();
}

uint64_t GeneratedGraph::Draw(uint64_t n) {
  if (!by_choices_) return random_() % n;
  if (choices_.empty()) return 0;
  const uint64_t choice = choices_.front();
  choices_ = choices_.subspan(1);
  return choice % n;
}

void GeneratedGraph::Generate() {
  const uint64_t sources = 1 + Draw(3);
  for (uint64_t i = 0; i < sources; ++i) AddSource();
  const uint64_t steps = 1 + Draw(6);
  for (uint64_t i = 0; i < steps; ++i) AddStep();
  while (!open_.empty()) AddSink(TakeStream());
  if (Draw(3) == 0) {
    auto& few = graph_.Add<FewSink>(Name("few"), 1 + Draw(4), Draw(2) == 0);
    const ChannelOptions shared = Capacity();
    const uint64_t spinners = 1 + Draw(3);
    for (uint64_t i = 0; i < spinners; ++i) {
      auto& spinner = graph_.Add<Spinner>(Name("spinner"));
      ChannelOptions options = shared;
      const uint64_t which = Draw(4);
      if (which == 1) options.when_full = WhenFull::kDropNewest;
      if (which == 2) options.when_full = WhenFull::kDropOldest;
      graph_.Connect(spinner.out, few.in, options);
      spinner.out.OnDropped([this](Token&&) { ++dropped_; });
    }
  }
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

void GeneratedGraph::ConnectLossy(Out<Token>& out, In<Token>& in, ChannelOptions options) {
  options.when_full = Draw(2) == 0 ? WhenFull::kDropNewest : WhenFull::kDropOldest;
  if (Draw(2) == 0) options.patience = absl::Microseconds(200);
  if (lossless_) {
    options.when_full = WhenFull::kBlock;
    options.patience = absl::ZeroDuration();
  }
  graph_.Connect(out, in, options);
  out.OnDropped([this](Token&&) { ++dropped_; });
}

void GeneratedGraph::AddSource() {
  std::vector<Token> items;
  const uint64_t count = Draw(12);
  if (Draw(4) == 0) {
    auto& source = graph_.Add<SleepySource>(Name("sleepy"), 1000 * components_, count, endless_);
    open_.push_back({&source.out, {}, components_++});
    return;
  }
  for (uint64_t i = 0; i < count; ++i) items.emplace_back(1000 * components_ + i);
  auto& source = graph_.Add(Name("source"), FromVector(std::move(items)));
  open_.push_back({&source.out, {}, components_++});
}

void GeneratedGraph::AddStep() {
  Stream stream = TakeStream();
  Flow<Token> flow(graph_, *stream.out);
  const SinkTraits traits = stream.traits;
  auto continue_with = [&](Out<Token>& out, SinkTraits now) {
    open_.push_back({&out, now, stream.component});
  };
  const auto keeps_order = [&](bool keeps) {
    SinkTraits now = traits;
    now.ordered = now.ordered && keeps;
    return now;
  };
  // Which items are the last depends on all of them.
  const auto changes_last = [](SinkTraits now) {
    now.newest = false;
    return now;
  };
  switch (Draw(24)) {
    case 0:
    case 1: {
      const StepOptions options = Options(true);
      auto next = flow.Map(Name("map"), FaultyIdentity{&fault_, fault_points_++}, options);
      continue_with(next.out(), keeps_order(options.workers == 1 || options.ordered));
      break;
    }
    case 2: {
      const StepOptions options = Options(true);
      auto next = flow.Filter(
          Name("filter"), [](const Token& item) { return item.value() % 3 != 0; }, options);
      continue_with(next.out(), changes_last(keeps_order(options.workers == 1 || options.ordered)));
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
      continue_with(next.out(), changes_last(keeps_order(options.workers == 1 || options.ordered)));
      break;
    }
    case 4: {
      auto next = flow.Via(Name("timed"), std::make_unique<TimedRelay>(), Capacity());
      continue_with(next.out(), traits);
      break;
    }
    case 5: {
      auto next = flow.Via(Name("blocking"), std::make_unique<BlockingRelay>(), Capacity());
      continue_with(next.out(), traits);
      break;
    }
    case 6: {
      for (Flow<Token>& branch : flow.Broadcast(Name("broadcast"), 2, Capacity())) {
        continue_with(branch.out(), traits);
      }
      break;
    }
    case 7: {
      auto which = [](const Token& item) { return item.value() % 2; };
      for (Flow<Token>& branch : flow.Partition(Name("partition"), 2, which, Capacity())) {
        continue_with(branch.out(), changes_last(traits));
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
      SinkTraits now = changes_last(keeps_order(false));
      now.exact = now.exact && other.traits.exact;
      now.part = now.part && other.traits.part;
      continue_with(next.out(), now);
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
      const bool exact = traits.exact && second.traits.exact;
      SinkTraits now = changes_last(keeps_order(second.traits.ordered));
      now.exact = exact;
      now.part = now.part && second.traits.part;
      if (now.ordered && exact && Draw(2) == 0) {
        auto pairs = flow.Zip(Name("zip"), second_flow);
        auto sums = pairs.Map(Name("sum"), [](std::pair<Token, Token> pair) {
          return Token(pair.first.value() * 31 + pair.second.value());
        });
        now.part = false;
        continue_with(sums.out(), now);
      } else {
        auto next = flow.Concat(Name("concat"), second_flow);
        continue_with(next.out(), now);
      }
      break;
    }
    case 10: {
      // What is taken of an unordered stream, or of one that loses items, depends on the schedule.
      if (!traits.ordered || !traits.exact) {
        open_.push_back(stream);
        break;
      }
      auto next = flow.Take(Name("take"), Draw(6), Capacity());
      SinkTraits now = traits;
      now.part = false;
      continue_with(next.out(), now);
      break;
    }
    case 11: {
      auto& rounds = graph_.Add<Rounds>(Name("rounds"));
      auto& relay = graph_.Add(Name("back"), Map<Token>([](Token item) { return item; }));
      graph_.Connect(*stream.out, rounds.in, {.capacity = 1000});
      graph_.Connect(rounds.again, relay.in, Capacity());
      graph_.Connect(relay.out, rounds.in, {.feedback = true});
      continue_with(rounds.out, changes_last(keeps_order(false)));
      break;
    }
    case 12:
    case 13: {
      const int workers = Draw(2) == 0 ? 1 : static_cast<int>(2 + Draw(2));
      const size_t most = 1 + Draw(4);
      auto relay = std::make_unique<BatchRelay>(most, 1 + Draw(most), workers);
      auto next = flow.Via(Name("batch"), std::move(relay), Capacity());
      continue_with(next.out(), changes_last(keeps_order(workers == 1)));
      break;
    }
    case 14: {
      auto next = flow.Via(Name("patient"), std::make_unique<PatientRelay>(), Capacity());
      continue_with(next.out(), traits);
      break;
    }
    case 15: {
      const bool in_batches = Draw(2) == 0;
      Out<Token>* out = stream.out;
      if (in_batches) {
        const size_t most = 2 + Draw(3);
        out =
            &flow.Via(Name("batch"), std::make_unique<BatchRelay>(most, most, 1), Capacity()).out();
      }
      StepOptions options = Options(false);
      options.workers = static_cast<int>(1 + Draw(3));
      Out<Token>* next = nullptr;
      switch (Draw(3)) {
        case 0: {
          auto& map =
              graph_.Add(Name("lossy"), Map<Token>([](Token token) { return token; }, options));
          ConnectLossy(*out, map.in, options);
          next = &map.out;
          break;
        }
        case 1: {
          auto& batches = graph_.Add<BatchRelay>(Name("lossy"), 2 + Draw(3), 1, options.workers);
          options.ordered = false;
          ConnectLossy(*out, batches.in, options);
          next = &batches.out;
          break;
        }
        default: {
          auto& relay = graph_.Add<Relay>(Name("lossy"));
          relay.set_workers(options.workers);
          options.ordered = false;
          ConnectLossy(*out, relay.in, options);
          next = &relay.out;
        }
      }
      const bool drops_oldest =
          out->policy() != nullptr && out->policy()->when_full == WhenFull::kDropOldest;
      SinkTraits now = keeps_order(options.workers == 1 || options.ordered);
      now.newest = drops_oldest && now.ordered && traits.exact && !in_batches;
      now.exact = false;
      continue_with(*next, now);
      break;
    }
    case 16: {
      auto& retry = graph_.Add<Retry>(Name("retry"));
      auto& relay = graph_.Add<Relay>(Name("retried"));
      graph_.Connect(*stream.out, retry.in, Capacity());
      ChannelOptions options = Capacity();
      options.when_full = WhenFull::kFail;
      if (Draw(2) == 0) options.patience = absl::Microseconds(20);
      graph_.Connect(retry.out, relay.in, options);
      continue_with(relay.out, traits);
      break;
    }
    case 17: {
      auto& route = graph_.Add<Route>(Name("route"), 1 + Draw(3));
      auto& late = graph_.Add<Relay>(Name("late"));
      auto& merge = graph_.Add<Relay>(Name("routed"));
      graph_.Connect(*stream.out, route.in, Capacity());
      ChannelOptions options = Capacity();
      options.when_full = WhenFull::kDivert;
      if (Draw(2) == 0) options.patience = absl::Microseconds(20);
      graph_.Connect(route.out, merge.in, options);
      route.out.DivertTo(route.late);
      SinkTraits now = changes_last(keeps_order(false));
      if (Draw(2) == 0) {
        ConnectLossy(route.late, late.in, Capacity());
        now.exact = false;
      } else {
        graph_.Connect(route.late, late.in, Capacity());
      }
      graph_.Connect(late.out, merge.in);
      continue_with(merge.out, now);
      break;
    }
    case 22:
    case 23: {
      auto& roundabout = graph_.Add<Roundabout>(Name("roundabout"));
      auto& left = graph_.Add<TimedRelay>(Name("left"));
      auto& right = graph_.Add(Name("right"), Map<Token>([](Token item) { return item; }));
      auto& leaves = graph_.Add(
          Name("leaves"), Map<Token>([](Token item) { return Token(item.value() & 0xFFFFFFFF); }));
      graph_.Connect(*stream.out, roundabout.in, Capacity());
      graph_.Connect(roundabout.to_left, left.in, Capacity());
      graph_.Connect(roundabout.to_right, right.in, Capacity());
      ChannelOptions back = Capacity();
      back.feedback = true;
      graph_.Connect(left.out, roundabout.from_left, back);
      graph_.Connect(right.out, roundabout.from_right, back);
      graph_.Connect(roundabout.out, leaves.in, Capacity());
      continue_with(leaves.out, changes_last(keeps_order(false)));
      break;
    }
    case 21: {
      // Workers that keep order, and are told in the middle that no more is wanted.
      StepOptions options = Options(false);
      options.workers = static_cast<int>(2 + Draw(2));
      auto next = flow.Map(Name("map"), FaultyIdentity{&fault_, fault_points_++}, options);
      if (!traits.ordered || !traits.exact) {
        continue_with(next.out(), traits);
        break;
      }
      auto taken = next.Take(Name("take"), Draw(6), {.capacity = 1 + Draw(2)});
      SinkTraits now = traits;
      now.part = false;
      continue_with(taken.out(), now);
      break;
    }
    case 19:
    case 20: {
      const size_t capacity = 2 + Draw(4);
      auto& sluice = graph_.Add<Sluice>(Name("sluice"), capacity + 1);
      auto& relay = graph_.Add<SignedRelay>(Name("signed"), capacity + 1, Draw(2) == 0);
      graph_.Connect(*stream.out, sluice.in, Capacity());
      graph_.Connect(sluice.out, relay.in, {.capacity = capacity});
      graph_.Connect(sluice.sign, relay.sign, {.capacity = 1000});
      continue_with(relay.out, traits);
      break;
    }
    case 18: {
      auto& relay = graph_.Add<Relay>(Name("weighed"));
      // Most take three bytes or four, and some are larger than the bound.
      relay.in.MeasureBy(
          [](const Token& item) { return item.value() % 5 == 4 ? 20 : 3 + item.value() % 2; });
      ChannelOptions options = Capacity();
      if (Draw(3) == 0) options.capacity = kUnboundedItems;
      options.bytes = 4 + Draw(6);
      if (Draw(2) == 0) {
        graph_.Connect(*stream.out, relay.in, options);
        continue_with(relay.out, traits);
      } else {
        ConnectLossy(*stream.out, relay.in, options);
        SinkTraits now = changes_last(traits);
        now.exact = false;
        continue_with(relay.out, now);
      }
      break;
    }
  }
}

void GeneratedGraph::AddSink(const Stream& stream) {
  committed_.push_back(std::make_unique<Committed>());
  sinks_.push_back(stream.traits);
  constexpr CommitSink::Trusts kEach[] = {CommitSink::Trusts::kReceive, CommitSink::Trusts::kStatus,
                                          CommitSink::Trusts::kStatusInBetween};
  auto& sink = graph_.Add<CommitSink>(Name("sink"), *committed_.back(), kEach[named_ % 3]);
  graph_.Connect(*stream.out, sink.in, Capacity());
}

std::vector<GeneratedGraph::Committed> GeneratedGraph::TakeCommitted() {
  std::vector<Committed> taken;
  for (size_t i = 0; i < committed_.size(); ++i) {
    Committed committed = std::exchange(*committed_[i], {});
    if (!sinks_[i].ordered) std::sort(committed.values.begin(), committed.values.end());
    taken.push_back(std::move(committed));
  }
  return taken;
}

}  // namespace weir::testing
