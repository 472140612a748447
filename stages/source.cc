#include "weir/stages/source.h"

#include "weir/stages/fuse.h"
#include "weir/stages/pace.h"

namespace weir::internal {
namespace {

constexpr size_t kMostPulled = 64;

}  // namespace

Task<> SourceStage::Work(Context& context) {
  absl::Status error;
  const std::unique_ptr<SourceBody> body = MakeBody(error);
  if (!error.ok()) co_return error;
  ThisWork this_work;
  internal::Work& work = co_await this_work;
  Onward onward(outs()[0], &body->outputs(), work);
  Pace pace(kMostPulled);
  Verdict verdict = Verdict::kNext;
  while (verdict == Verdict::kNext && !context.draining()) {
    if (onward.room() == 0) {
      SendOnward wait = onward.WaitForRoom();
      absl::Status waited = co_await wait;
      if (!waited.ok()) co_return onward.Refused(waited);
    }
    pace.Begin(context);
    verdict = body->Pull(std::min(pace.limit(), onward.room()), error);
    const size_t pulled = body->outputs().size();
    onward.Run();
    if (pace.End(context, pulled, onward.bodies())) work.EndTurn();
    SendOnward send = onward.Send();
    absl::Status sent = co_await send;
    if (!sent.ok()) co_return onward.Refused(sent);
    if (onward.failed()) co_return onward.Fail();
    onward.Consider(pace);
  }
  co_return error;
}

}  // namespace weir::internal
