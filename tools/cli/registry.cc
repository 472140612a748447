#include "weir/tools/cli/registry.h"

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <utility>

namespace weir {
namespace cli {
namespace {

std::map<std::string, Registered, std::less<>>& MutableRegistry() {
  static auto& registry = *new std::map<std::string, Registered, std::less<>>();
  return registry;
}

}  // namespace

const std::map<std::string, Registered, std::less<>>& Registry() { return MutableRegistry(); }

std::vector<std::string> GraphNames() {
  std::vector<std::string> names;
  for (const auto& [name, registered] : Registry()) names.push_back(name);
  return names;
}

std::vector<const StageReport*> SourcesOf(const Report& report) {
  std::vector<const StageReport*> sources;
  for (const StageReport& stage : report.stages) {
    const bool is_fed = std::any_of(
        report.channels.begin(), report.channels.end(), [&stage](const ChannelReport& channel) {
          return channel.name.substr(0, channel.name.rfind('.')) == stage.name;
        });
    if (!is_fed) sources.push_back(&stage);
  }
  return sources;
}

}  // namespace cli

bool RegisterJob(std::string_view name, std::string_view description, JobFactory factory,
                 const char* file) {
  cli::Registered registered{std::string(name), std::string(description), std::move(factory), file};
  if (!cli::MutableRegistry().emplace(std::string(name), std::move(registered)).second) {
    std::fprintf(stderr, "weir: two graphs are registered as '%s'; rename one\n",
                 std::string(name).c_str());
    std::exit(2);
  }
  return true;
}

JobProgress Job::Progress(const Report& now) const {
  JobProgress progress;
  for (const StageReport* source : cli::SourcesOf(now)) progress.items += source->sent;
  return progress;
}

}  // namespace weir
