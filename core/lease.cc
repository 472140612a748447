#include "weir/core/lease.h"

#include "weir/core/work.h"

namespace weir::internal {

LeaseBase::~LeaseBase() { Release(); }

void LeaseBase::Settle() {
  channel_->Settle(next_ - settled_, nullptr, 0);
  settled_ = next_;
}

void LeaseBase::Release() {
  const size_t untold = Empty();
  if (untold > 0) channel_->Settle(untold, nullptr, 0);
  if (work_ != nullptr) work_->CloseLease(*this);
  work_ = nullptr;
  channel_ = nullptr;
}

}  // namespace weir::internal
