#include "weir/tools/simulate/shrink.h"

#include <algorithm>
#include <utility>

namespace weir {
namespace {

void Trim(ChoiceList& list) {
  while (!list.empty() && list.back() == 0) list.pop_back();
}

class Shrinking {
 public:
  using Fails = std::function<std::optional<ChoiceList>(const ChoiceList&)>;
  Shrinking(ChoiceList list, const Fails& fails) : list_(std::move(list)), fails_(fails) {
    Trim(list_);
  }

  ChoiceList Result() {
    for (ChoiceList before; before != list_;) {
      before = list_;
      CutTails();
      InChunks([](ChoiceList& list, size_t at, size_t size) {
        list.erase(list.begin() + at, list.begin() + at + size);
      });
      InChunks([](ChoiceList& list, size_t at, size_t size) {
        std::fill_n(list.begin() + at, size, 0);
      });
      LowerValues();
    }
    return list_;
  }

 private:
  bool Try(ChoiceList candidate) {
    Trim(candidate);
    if (candidate == list_) return false;
    std::optional<ChoiceList> made = fails_(candidate);
    if (!made.has_value()) return false;
    // A choice is taken modulo what there is to choose from: as it was taken it is no larger.
    made->resize(std::min(made->size(), candidate.size()));
    Trim(*made);
    list_ = *std::move(made);
    return true;
  }

  void CutTails() {
    for (size_t cut = list_.size(); cut > 0; cut /= 2) {
      while (cut <= list_.size() && Try(ChoiceList(list_.begin(), list_.end() - cut))) {
      }
    }
  }
  template <class Change>
  void InChunks(Change change) {
    for (size_t size = (list_.size() + 1) / 2; size > 0; size /= 2) {
      for (size_t at = 0; at + size <= list_.size();) {
        ChoiceList candidate = list_;
        change(candidate, at, size);
        // What was left out has made room for the next; what was turned to 0 is the same the next time.
        if (!Try(std::move(candidate))) at += size;
      }
    }
  }
  void LowerValues() {
    for (size_t at = 0; at < list_.size(); ++at) {
      for (uint32_t less = (list_[at] + 1) / 2; less > 0; less /= 2) {
        while (at < list_.size() && less <= list_[at]) {
          ChoiceList candidate = list_;
          candidate[at] -= less;
          if (!Try(std::move(candidate))) break;
        }
      }
    }
  }

  ChoiceList list_;
  const Fails& fails_;
};

}  // namespace

ChoiceList Shrink(ChoiceList list,
                  const std::function<std::optional<ChoiceList>(const ChoiceList&)>& fails) {
  return Shrinking(std::move(list), fails).Result();
}

}  // namespace weir
