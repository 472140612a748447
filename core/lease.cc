#include "weir/core/lease.h"

#include "weir/core/work.h"

namespace weir::internal {

LeaseBase::~LeaseBase() {
  Release();
  type_.Free(items_, room_);
}

void LeaseBase::Settle() {
  channel_->Settle(next_ - settled_, nullptr, 0);
  settled_ = next_;
}

size_t LeaseBase::Empty() {
  if (channel_ == nullptr) return 0;
  size_t untold = next_ - settled_;
  const size_t rest = count_ - next_;
  if (rest > 0) {
    channel_->Settle(untold, items(), rest);  // destroys the moved-from rest
    untold = 0;
  }
  type_.Destroy(items_, next_);
  next_ = settled_ = count_ = 0;
  return untold;
}

void LeaseBase::Release() {
  const size_t untold = Empty();
  if (untold > 0) channel_->Settle(untold, nullptr, 0);
  if (work_ != nullptr) work_->CloseLease(*this);
  work_ = nullptr;
  channel_ = nullptr;
}

void LeaseBase::Grow(size_t room) {
  type_.Free(std::exchange(items_, nullptr), std::exchange(room_, 0));
  items_ = type_.Allocate(room);
  room_ = room;
}

}  // namespace weir::internal
