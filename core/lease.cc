#include "weir/core/lease.h"

#include <memory>
#include <new>
#include <utility>

#include "weir/core/work.h"

namespace weir::internal {

LeaseBase::~LeaseBase() { Release(); }

void LeaseBase::Settle() {
  channel_->Settle(next_ - settled_, nullptr, 0);
  settled_ = next_;
}

void LeaseBase::GiveBack() {
  if (empty() || !channel_->takes_batches_back()) return;
  std::unique_ptr<ReturnedBatch> rest;
  try {
    rest = std::make_unique<ReturnedBatch>(buffer_.type());
  } catch (const std::bad_alloc&) {
    return;
  }
  rest->next = next_;
  rest->position = position();
  rest->items.Swap(buffer_);
  const size_t untold = next_ - settled_;
  next_ = settled_ = 0;
  channel_->Return(untold, std::move(rest));
}

void LeaseBase::Release() {
  const size_t untold = Empty();
  if (untold > 0) channel_->Settle(untold, nullptr, 0);
  if (work_ != nullptr) work_->CloseLease(*this);
  work_ = nullptr;
  channel_ = nullptr;
}

}  // namespace weir::internal
