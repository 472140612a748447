#include "weir/core/context.h"

#include <cassert>
#include <new>

#include "absl/strings/str_cat.h"
#include "weir/core/engine_state.h"
#include "weir/core/if_room.h"

namespace weir {

using internal::MutexLock;
using internal::WaitLink;
using internal::WaitList;
using internal::WakeList;

absl::Status internal::CauseOfOk() {
  return Spelled(absl::StatusCode::kCancelled,
                 [] { return "cancelled with an OK status, which is not a cause; say why"; });
}

Context::Context(internal::ContextTree& tree, const std::atomic<bool>& draining)
    : tree_(tree),
      parent_(nullptr),
      draining_(&draining),
      stage_name_(nullptr),
      is_source_(false) {}

Context::Context(Context& parent, const std::atomic<bool>& draining, bool is_source,
                 const std::string& stage_name)
    : tree_(parent.tree_),
      parent_(&parent),
      draining_(&draining),
      stage_name_(&stage_name),
      is_source_(is_source),
      deadline_(parent.deadline_) {
  Attach();
}

Context::Context(Context& parent, Instant deadline, bool passed)
    : tree_(parent.tree_),
      parent_(&parent),
      draining_(parent.draining_),
      stage_name_(parent.stage_name_),
      is_source_(parent.is_source_),
      deadline_(std::min(parent.deadline_, deadline)) {
  Attach();
  if (passed) {  // nothing that this Context bounds is to begin
    WakeList nobody;
    timer_.Fire(nobody);
  } else if (deadline < parent.deadline_ && !cancelled()) {
    armed_ = true;
    tree_.engine.clock().Arm(timer_, deadline);
  }
}

Context::~Context() {
  if (armed_) tree_.engine.clock().Cancel(timer_);
  if (parent_ == nullptr || tree_.over) return;
  MutexLock lock(tree_.mutex);
  assert(first_child_ == nullptr && "weir: a Context must not outlive its parent");
  (previous_sibling_ == nullptr ? parent_->first_child_ : previous_sibling_->next_sibling_) =
      next_sibling_;
  if (next_sibling_ != nullptr) next_sibling_->previous_sibling_ = previous_sibling_;
}

void Context::Attach() {
  MutexLock lock(tree_.mutex);
  next_sibling_ = parent_->first_child_;
  if (next_sibling_ != nullptr) next_sibling_->previous_sibling_ = this;
  parent_->first_child_ = this;
  if (parent_->cancelled()) {
    cause_ = parent_->cause_;
    cancelled_.store(true, std::memory_order_release);
  }
}

absl::Status Context::cause() const {
  if (!cancelled()) return absl::OkStatus();
  MutexLock lock(tree_.mutex);
  return cause_;
}

Instant Context::Now() const { return tree_.engine.clock().Now(); }

void Context::Cancel(absl::Status cause) {
  if (cause.ok()) cause = internal::CauseOfOk();
  WakeList wakes;
  MutexLock lock(tree_.mutex);
  CancelLocked(cause, wakes);
}

void Context::Log(std::string_view message) const {
  std::string line = tree_.graph_name;
  if (stage_name_ != nullptr) absl::StrAppend(&line, ".", *stage_name_);
  absl::StrAppend(&line, ": ", std::string(message));
  tree_.engine.Log(line);
}

void Context::CancelLocked(const absl::Status& cause, WakeList& wakes) {
  if (!cancelled()) {
    cause_ = cause;
    cancelled_.store(true, std::memory_order_release);
  }
  for (WaitList* list : {&waits_, &sleeps_}) {
    while (WaitLink* link = list->front()) {
      list->Remove(*link);
      link->waiter->Claim(internal::Outcome::kCancelled, wakes);
    }
  }
  for (Context* child = first_child_; child != nullptr; child = child->next_sibling_) {
    child->CancelLocked(cause, wakes);
  }
}

void Context::WakeSleepersLocked(WakeList& wakes) {
  while (WaitLink* link = sleeps_.front()) {
    sleeps_.Remove(*link);
    link->waiter->Claim(internal::Outcome::kDone, wakes);
  }
  for (Context* child = first_child_; child != nullptr; child = child->next_sibling_) {
    child->WakeSleepersLocked(wakes);
  }
}

bool Context::Link(WaitLink& link) {
  MutexLock lock(tree_.mutex);
  if (cancelled()) return false;
  waits_.PushBack(link);
  return true;
}

bool Context::LinkSleep(WaitLink& link) {
  MutexLock lock(tree_.mutex);
  if (cancelled() || sleeps_ended()) return false;
  sleeps_.PushBack(link);
  return true;
}

void Context::Unlink(WaitLink& link) {
  MutexLock lock(tree_.mutex);
  waits_.Remove(link);
}

void Context::UnlinkSleep(WaitLink& link) {
  MutexLock lock(tree_.mutex);
  sleeps_.Remove(link);
}

void Context::Deadline::Fire(WakeList& wakes) {
  MutexLock lock(context_.tree_.mutex);
  absl::Status cause(absl::StatusCode::kDeadlineExceeded, "");
  try {
    cause = absl::DeadlineExceededError("the Context's deadline has passed");
  } catch (const std::bad_alloc&) {  // without a message, then
  }
  context_.CancelLocked(cause, wakes);
}

}  // namespace weir
