// What may go wrong in a graph that can run: Graph::Warnings.
#include <algorithm>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "weir/core/graph.h"

namespace weir {
namespace {

// What leads to one input of a stage.
struct Upstream {
  bool reached = false;
  bool uneven = false;  // on the way from it, items may get fewer or more
};

}  // namespace

// Of each input of a stage where paths meet, all that leads to it is marked, nearest first; where two inputs have a stage in common
// that has several outputs, the paths part there.
std::string Graph::DescribeParting(const Stage& meeting,
                                   const std::vector<Channel>& channels) const {
  std::vector<std::vector<const Channel*>> into(stages_.size());
  for (const Channel& channel : channels) into[channel.in->stage().index_].push_back(&channel);
  const size_t inputs = meeting.ins_.size();
  std::vector<std::vector<Upstream>> upstream(inputs, std::vector<Upstream>(stages_.size()));
  for (size_t input = 0; input < inputs; ++input) {
    std::vector<Upstream>& marks = upstream[input];
    std::vector<std::pair<const Stage*, bool>> next;
    const auto visit = [&](const Channel& channel, bool uneven) {
      for (const internal::OutBase* out : channel.outs) {
        const bool feedback = std::count(channel.feedback.begin(), channel.feedback.end(), out) > 0;
        if (!feedback) next.emplace_back(&out->stage(), uneven);
      }
    };
    for (const Channel* channel : into[meeting.index_]) {
      if (channel->in == meeting.ins_[input]) visit(*channel, false);
    }
    while (!next.empty()) {
      const auto [stage, uneven_behind] = next.back();
      next.pop_back();
      Upstream& mark = marks[stage->index_];
      const bool uneven = uneven_behind || stage->traits().changes_count;
      if (mark.reached && (mark.uneven || !uneven)) continue;
      mark = {.reached = true, .uneven = mark.uneven || uneven};
      for (const Channel* channel : into[stage->index_]) visit(*channel, uneven);
    }
  }
  const bool in_sequence = meeting.traits().one_input_after_another;
  for (size_t a = 0; a < inputs; ++a) {
    for (size_t b = a + 1; b < inputs; ++b) {
      for (size_t i = stages_.size(); i-- > 0;) {
        const Stage& parting = *stages_[i];
        const Upstream &to_a = upstream[a][i], &to_b = upstream[b][i];
        if (parting.outs_.size() < 2 || !to_a.reached || !to_b.reached) continue;
        if (in_sequence) {
          return absl::StrCat("'", meeting.name(), "' takes all of '", meeting.ins_[a]->FullName(),
                              "' before '", meeting.ins_[b]->FullName(), "', and both come from '",
                              parting.name(),
                              "': it wedges once the channels to the second are full");
        }
        if (!to_a.uneven && !to_b.uneven) continue;
        return absl::StrCat(
            "paths part at '", parting.name(), "' and meet at '", meeting.name(),
            "', and one may carry fewer or more items than the other: if '", meeting.name(),
            "' takes them in step, it wedges once the channels of the longer are full; give them "
            "capacity for the difference, or let each item have its counterpart");
      }
    }
  }
  return "";
}

std::vector<std::string> Graph::Warnings(int blocking_threads) const {
  std::vector<std::string> warnings;
  const std::vector<Stage*> order = TopologicalOrder();
  const std::vector<Channel> channels = Channels(order);
  for (const Stage* stage : order) {
    if (stage->ins_.size() < 2) continue;
    std::string warning = DescribeParting(*stage, channels);
    if (!warning.empty()) warnings.push_back(std::move(warning));
  }
  for (const Channel& channel : channels) {
    const size_t gathers = channel.in->stage().traits().gathers;
    if (gathers <= channel.capacity) continue;
    warnings.push_back(absl::StrCat(
        "'", channel.in->stage().name(), "' gathers ", gathers, " items, and the channel into '",
        channel.in->FullName(), "' holds ", channel.capacity,
        ": who sends to it stops in the middle of each batch; give it capacity ", gathers));
  }
  int blocking = 0;
  std::vector<std::string> names;
  for (const Stage* stage : order) {
    if (!stage->traits().blocks) continue;
    blocking += stage->workers();
    names.push_back(stage->name());
  }
  if (blocking >= blocking_threads) {
    warnings.push_back(absl::StrCat(
        blocking, " Works make calls that block (of ", absl::StrJoin(names, ", "),
        "), and there are ", blocking_threads,
        " threads for such calls: the calls of one may wait for those of another; give the engine "
        "more blocking_threads"));
  }
  return warnings;
}

}  // namespace weir
