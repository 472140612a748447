#include "weir/stages/source.h"

#include <algorithm>
#include <memory>
#include <utility>

#include "weir/stages/fuse.h"

namespace weir::internal {
namespace {

constexpr size_t kMostPulled = 64;

// What a Work does between two waits, as in FunctionStage.
struct SourceRound {
  SourceRound(std::unique_ptr<SourceBody> from, OutBase* out, internal::Work& work)
      : body(std::move(from)), onward(out, &body->outputs(), work, kMostPulled) {}

  // Draws as much as there is room for.
  // One item even where there is no room, for what the channel's policy is to decide on.
  void Pull() {
    onward.Begin();
    verdict = body->Pull(std::min(onward.limit(), std::max<size_t>(onward.room(), 1)), error);
    onward.Run(body->outputs().size());
  }

  const std::unique_ptr<SourceBody> body;
  Onward onward;
  Verdict verdict = Verdict::kNext;
  absl::Status error;
};

}  // namespace

Task<> SourceStage::Work(Context& context) {
  absl::Status error;
  std::unique_ptr<SourceBody> body = MakeBody(error);
  if (!error.ok()) co_return error;
  ThisWork this_work;
  internal::Work& work = co_await this_work;
  SourceRound round(std::move(body), outs()[0], work);
  Onward& onward = round.onward;
  while (round.verdict == Verdict::kNext && !context.draining()) {
    if (onward.room() == 0) {
      SendOnward wait = onward.WaitForRoom();
      absl::Status waited = co_await wait;
      if (!waited.ok()) co_return onward.Refused(waited);
    }
    round.Pull();
    const bool more = round.verdict == Verdict::kNext && !onward.failed();
    SendOnward send =
        onward.Send(more ? SendOnward::What::kItemsThenRoom : SendOnward::What::kItems);
    absl::Status sent = co_await send;
    if (!sent.ok()) co_return onward.Refused(sent);
    if (onward.failed()) co_return onward.Fail(round.error);
    onward.Consider();
  }
  co_return round.error;
}

}  // namespace weir::internal
