// The graphs that a program has registered.
#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "weir/main.h"

namespace weir::cli {

struct Registered {
  std::string name;
  std::string description;
  JobFactory factory;
  std::string file;  // where it was registered, and its flags are defined
};

const std::map<std::string, Registered, std::less<>>& Registry();
std::vector<std::string> GraphNames();

// The stages that make what flows: no channel leads to them.
std::vector<const StageReport*> SourcesOf(const Report& report);

}  // namespace weir::cli
