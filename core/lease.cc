#include "weir/core/lease.h"

#include "weir/core/work.h"

namespace weir::internal {

LeaseBase::~LeaseBase() { Release(); }

void LeaseBase::Settle() {
  channel_->Settle(next_ - settled_, nullptr, 0);
  settled_ = next_;
}

size_t LeaseBase::Empty() {
  if (channel_ == nullptr) return 0;
  size_t untold = next_ - settled_;
  if (!empty()) {
    channel_->Settle(untold, items(), size());  // destroys the moved-from rest
    buffer_.SetSize(next_);
    untold = 0;
  }
  buffer_.Clear();
  next_ = settled_ = 0;
  return untold;
}

void LeaseBase::Release() {
  const size_t untold = Empty();
  if (untold > 0) channel_->Settle(untold, nullptr, 0);
  if (work_ != nullptr) work_->CloseLease(*this);
  work_ = nullptr;
  channel_ = nullptr;
}

}  // namespace weir::internal
