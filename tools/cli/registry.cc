#include "weir/tools/cli/registry.h"

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
  for (const StageReport& stage : now.stages) {
    bool is_source = true;
    for (const ChannelReport& channel : now.channels) {
      if (channel.name.substr(0, channel.name.rfind('.')) == stage.name) is_source = false;
    }
    if (is_source) progress.items += stage.sent;
  }
  return progress;
}

}  // namespace weir
