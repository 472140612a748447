#include "weir/core/report.h"

#include <algorithm>

#include "absl/strings/str_cat.h"

namespace weir {

Report::Report() = default;
Report::Report(const Report&) = default;
Report::Report(Report&&) noexcept = default;
Report& Report::operator=(const Report&) = default;
Report& Report::operator=(Report&&) noexcept = default;
Report::~Report() = default;

bool Report::balanced() const {
  return std::all_of(channels.begin(), channels.end(),
                     [](const ChannelReport& channel) { return channel.ledger.balanced(); });
}

namespace internal {

// The stage whose workers were busy most, if they were so more than half of the time: what is before it was then blocked,
// and what is behind it starved.
std::string FindBottleneck(const std::vector<StageReport>& stages) {
  constexpr uint64_t kFewSamples = 20;
  const StageReport* busiest = nullptr;
  double most = 0.5;
  for (const StageReport& stage : stages) {
    const uint64_t samples = stage.busy + stage.starved + stage.blocked + stage.waiting;
    if (samples < kFewSamples) continue;
    const double busy = static_cast<double>(stage.busy) / static_cast<double>(samples);
    if (busy > most) {
      most = busy;
      busiest = &stage;
    }
  }
  if (busiest == nullptr) return "";
  // Not StrFormat, which ends the process where there is no memory.
  return absl::StrCat(busiest->name, ": its ", busiest->workers,
                      busiest->workers == 1 ? " worker was" : " workers were", " busy in ",
                      static_cast<int>(most * 100 + 0.5), " % of the samples");
}

}  // namespace internal
}  // namespace weir
