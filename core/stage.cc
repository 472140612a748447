#include "weir/core/stage.h"

#include <cxxabi.h>

#include <cstdlib>
#include <memory>
#include <typeinfo>
#include <unordered_map>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"

namespace weir {
namespace internal {

std::string PortBase::FullName() const { return absl::StrCat(stage_->name(), ".", name_); }

InBase::InBase(Stage* stage, std::string_view name, const ItemType& type)
    : PortBase(stage, name, type, stage->ins_.size()) {
  stage->ins_.push_back(this);
}

std::unique_ptr<Channel> InBase::MakeChannel(size_t capacity, size_t bytes,
                                             const RunSignals& signals) const {
  auto channel = std::make_unique<Channel>(type_, capacity, signals);
  if (bytes > 0) channel->BoundBytes(bytes, bytes_of_ ? bytes_of_ : type_.bytes_of);
  return channel;
}

absl::Status InBase::InputStatus() const {
  if (channel().run_cancelled()) return absl::CancelledError("");
  if (!channel().cut_off()) return absl::OkStatus();
  return absl::CancelledError(absl::StrCat("a receive from '", FullName(),
                                           "' was ended by its own time or Context, before the "
                                           "end of the input"));
}

OutBase::OutBase(Stage* stage, std::string_view name, const ItemType& type)
    : PortBase(stage, name, type, stage->outs_.size()) {
  stage->outs_.push_back(this);
}

namespace {

std::string Spell(const char* type) {
  int status = 0;
  std::unique_ptr<char, decltype(&std::free)> name(
      abi::__cxa_demangle(type, nullptr, nullptr, &status), &std::free);
  if (status != 0) return type;
  std::string spelled = absl::StrReplaceAll(
      name.get(),
      {{"std::__cxx11::basic_string<char, std::char_traits<char>, std::allocator<char> >",
        "std::string"},
       {"std::basic_string_view<char, std::char_traits<char> >", "std::string_view"},
       {"(anonymous namespace)::", ""},
       {"unsigned long long", "unsigned long long"},  // not what is meant by the next
       {"unsigned long", "uint64_t"}});
  // Default arguments of the standard library say nothing to a reader.
  for (const char* noise : {", std::allocator<", ", std::default_delete<", ", std::less<"}) {
    for (size_t at; (at = spelled.find(noise)) != std::string::npos;) {
      size_t end = spelled.find('<', at) + 1;
      for (int depth = 1; end < spelled.size() && depth > 0; ++end) {
        depth += spelled[end] == '<' ? 1 : spelled[end] == '>' ? -1 : 0;
      }
      while (end < spelled.size() && spelled[end] == ' ') ++end;
      spelled.erase(at, end - at);
    }
  }
  return absl::StrReplaceAll(spelled, {{"> >", ">>"}});
}

// A report names the types of thousands of channels, of which few differ.
std::string Demangle(const char* type) {
  struct Spelled {
    Mutex mutex;
    std::unordered_map<std::string, std::string> names ABSL_GUARDED_BY(mutex);
  };
  static Spelled& spelled = *new Spelled;  // never destroyed: asked for by whoever reports last
  MutexLock lock(spelled.mutex);
  const auto known = spelled.names.find(type);
  if (known != spelled.names.end()) return known->second;
  return spelled.names.emplace(type, Spell(type)).first->second;
}

}  // namespace

std::string PortBase::TypeName() const { return Demangle(type_.info->name()); }

}  // namespace internal

std::string Stage::kind() const {
  std::string type = internal::Demangle(typeid(*this).name());
  type = type.substr(0, type.find('<'));
  const size_t scope = type.rfind("::");
  return scope == std::string::npos ? type : type.substr(scope + 2);
}

}  // namespace weir
