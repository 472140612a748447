#include "weir/core/describe.h"

#include <cstdint>
#include <exception>
#include <nlohmann/json.hpp>
#include <stdexcept>
#include <utility>

#include "absl/algorithm/container.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_replace.h"
#include "weir/core/printable.h"

namespace weir {
namespace {

using Json = nlohmann::ordered_json;

constexpr int kVersion = 1;

Json StatusToJson(const absl::Status& status) {
  return Json{{"code", absl::StatusCodeToString(status.code())},
              {"message", std::string(status.message())}};
}

absl::Status StatusFromJson(const Json& json) {
  const std::string name = json.at("code");
  for (int code = 0; code <= static_cast<int>(absl::StatusCode::kUnauthenticated); ++code) {
    if (absl::StatusCodeToString(static_cast<absl::StatusCode>(code)) == name) {
      return absl::Status(static_cast<absl::StatusCode>(code),
                          json.at("message").get<std::string>());
    }
  }
  return absl::UnknownError(name);
}

double Seconds(absl::Duration duration) { return absl::ToDoubleSeconds(duration); }
absl::Duration FromSeconds(const Json& json) { return absl::Seconds(json.get<double>()); }

// Graphviz refuses what is no UTF-8, or may not stand in XML; so that is spelled out.
std::string Quoted(const std::string& text) {
  return absl::StrCat(
      "\"", absl::StrReplaceAll(internal::Printable(text), {{"\\", "\\\\"}, {"\"", "\\\""}}), "\"");
}

// Text inside of Graphviz's HTML-like labels.
std::string Escaped(const std::string& text) {
  return absl::StrReplaceAll(internal::Printable(text),
                             {{"&", "&amp;"}, {"<", "&lt;"}, {">", "&gt;"}});
}

// The library leaves control characters beyond ASCII's first as they are, and a terminal obeys them.
// In JSON they can only be inside of strings.
std::string WithoutControls(std::string json) {
  for (size_t at = 0; at < json.size(); ++at) {
    const auto byte = static_cast<unsigned char>(json[at]);
    const bool is_delete = byte == 0x7f;
    if (!is_delete && (byte != 0xc2 || static_cast<unsigned char>(json[at + 1]) >= 0xa0)) continue;
    const auto control = static_cast<unsigned char>(is_delete ? byte : json[at + 1]);
    const std::string spelled = absl::StrFormat("\\u%04x", control);
    json.replace(at, is_delete ? 1 : 2, spelled);
    at += spelled.size() - 1;
  }
  return json;
}

std::string StageOf(const std::string& port) { return port.substr(0, port.rfind('.')); }

// The library puts a name of its own before what it says: "[json.exception.type_error.302] type must be ...".
absl::string_view WithoutId(absl::string_view what) {
  const size_t end = what.find("] ");
  return absl::StartsWith(what, "[json.") && end != what.npos ? what.substr(end + 2) : what;
}

// The library converts what does not fit without a word, or by undefined behaviour.
template <class Integer>
Integer WholeNumber(const Json& json) {
  if (json.is_number_unsigned() && std::in_range<Integer>(json.get<uint64_t>())) {
    return static_cast<Integer>(json.get<uint64_t>());
  }
  if (json.is_number_integer() && std::in_range<Integer>(json.get<int64_t>())) {
    return static_cast<Integer>(json.get<int64_t>());
  }
  throw std::out_of_range(absl::StrCat(json.dump(), " is not a whole number in range"));
}

}  // namespace

Report Describe(const Graph& graph) {
  Report report;
  report.graph = graph.name();
  for (const Stage* stage : graph.TopologicalOrder()) {
    StageReport& described = report.stages.emplace_back();
    described.name = stage->name();
    described.kind = stage->kind();
    described.workers = stage->workers();
  }
  for (const Graph::Channel& channel : graph.Channels()) {
    ChannelReport& described = report.channels.emplace_back();
    described.name = channel.in->FullName();
    for (const internal::OutBase* out : channel.outs) {
      described.from.push_back(out->FullName());
      if (out->policy() != nullptr) described.policies[out->FullName()] = out->policy()->when_full;
    }
    for (const internal::OutBase* out : channel.feedback) {
      described.feedback.push_back(out->FullName());
    }
    described.type = channel.in->TypeName();
    described.capacity = channel.capacity;
    described.bytes = channel.bytes;
  }
  return report;
}

std::string ToJson(const Report& report) {
  Json stages = Json::array();
  for (const StageReport& stage : report.stages) {
    stages.push_back({{"name", stage.name},
                      {"kind", stage.kind},
                      {"workers", stage.workers},
                      {"ended", stage.ended},
                      {"outcome", StatusToJson(stage.outcome)},
                      {"fused_into", stage.fused_into},
                      {"received", stage.received},
                      {"sent", stage.sent},
                      {"busy", stage.busy},
                      {"starved", stage.starved},
                      {"blocked", stage.blocked},
                      {"waiting", stage.waiting}});
  }
  Json channels = Json::array();
  for (const ChannelReport& channel : report.channels) {
    const Ledger& ledger = channel.ledger;
    Json policies = Json::object();
    for (const auto& [out, when_full] : channel.policies) policies[out] = WhenFullName(when_full);
    channels.push_back({{"name", channel.name},
                        {"from", channel.from},
                        {"feedback", channel.feedback},
                        {"policies", policies},
                        {"type", channel.type},
                        {"capacity", channel.capacity},
                        {"bytes", channel.bytes},
                        {"ledger",
                         {{"accepted", ledger.accepted},
                          {"received", ledger.received},
                          {"dropped", ledger.dropped},
                          {"diverted", ledger.diverted},
                          {"unread", ledger.unread},
                          {"discarded", ledger.discarded},
                          {"queued", ledger.queued},
                          {"refused", ledger.refused},
                          {"high_water", ledger.high_water}}}});
  }
  Json errors = Json::array();
  for (const absl::Status& error : report.errors) errors.push_back(StatusToJson(error));
  const TeardownReport& teardown = report.teardown;
  const Json json = {{"version", kVersion},
                     {"graph", report.graph},
                     {"over", report.over},
                     {"status", StatusToJson(report.status)},
                     {"drained", report.drained},
                     {"input_cut", report.input_cut},
                     {"errors", errors},
                     {"more_errors", report.more_errors},
                     {"elapsed", Seconds(report.elapsed)},
                     {"bottleneck", report.bottleneck},
                     {"stages", stages},
                     {"channels", channels},
                     {"teardown",
                      {{"happened", teardown.happened},
                       {"unwound", teardown.unwound},
                       {"ended", teardown.ended},
                       {"overdue", teardown.overdue},
                       {"discarded", teardown.discarded},
                       {"signals", Seconds(teardown.signals)},
                       {"works", Seconds(teardown.works)},
                       {"discards", Seconds(teardown.discards)},
                       {"records", Seconds(teardown.records)}}}};
  // Names may hold any bytes: what is not UTF-8 is replaced rather than refused.
  return WithoutControls(json.dump(2, ' ', false, Json::error_handler_t::replace)) + "\n";
}

absl::StatusOr<Report> FromJson(std::string_view text) {
  try {
    const Json json = Json::parse(text);
    if (const int version = WholeNumber<int>(json.at("version")); version != kVersion) {
      return absl::InvalidArgumentError(absl::StrCat("the description is of version ", version,
                                                     "; this program reads version ", kVersion));
    }
    Report report;
    report.graph = json.at("graph");
    report.over = json.at("over");
    report.status = StatusFromJson(json.at("status"));
    report.drained = json.at("drained");
    report.input_cut = json.value("input_cut", false);  // older descriptions do not have it
    for (const Json& error : json.at("errors")) report.errors.push_back(StatusFromJson(error));
    report.more_errors = WholeNumber<uint64_t>(json.at("more_errors"));
    report.elapsed = FromSeconds(json.at("elapsed"));
    report.bottleneck = json.at("bottleneck");
    for (const Json& stage : json.at("stages")) {
      StageReport& read = report.stages.emplace_back();
      read.name = stage.at("name");
      read.kind = stage.at("kind");
      read.workers = WholeNumber<int>(stage.at("workers"));
      read.ended = WholeNumber<int>(stage.at("ended"));
      read.outcome = StatusFromJson(stage.at("outcome"));
      read.fused_into = stage.at("fused_into").get<std::string>();
      read.received = WholeNumber<uint64_t>(stage.at("received"));
      read.sent = WholeNumber<uint64_t>(stage.at("sent"));
      read.busy = WholeNumber<uint64_t>(stage.at("busy"));
      read.starved = WholeNumber<uint64_t>(stage.at("starved"));
      read.blocked = WholeNumber<uint64_t>(stage.at("blocked"));
      read.waiting = WholeNumber<uint64_t>(stage.at("waiting"));
    }
    for (const Json& channel : json.at("channels")) {
      ChannelReport& read = report.channels.emplace_back();
      read.name = channel.at("name");
      read.from = channel.at("from").get<std::vector<std::string>>();
      read.feedback = channel.at("feedback").get<std::vector<std::string>>();
      read.type = channel.at("type");
      for (const auto& [out, when_full] : channel.at("policies").items())
        read.policies[out] = WhenFullFromName(when_full.get<std::string>());
      read.capacity = WholeNumber<size_t>(channel.at("capacity"));
      read.bytes = WholeNumber<size_t>(channel.at("bytes"));
      const Json& ledger = channel.at("ledger");
      read.ledger.accepted = WholeNumber<uint64_t>(ledger.at("accepted"));
      read.ledger.received = WholeNumber<uint64_t>(ledger.at("received"));
      read.ledger.dropped = WholeNumber<uint64_t>(ledger.at("dropped"));
      read.ledger.diverted = WholeNumber<uint64_t>(ledger.at("diverted"));
      read.ledger.unread = WholeNumber<uint64_t>(ledger.at("unread"));
      read.ledger.discarded = WholeNumber<uint64_t>(ledger.at("discarded"));
      read.ledger.queued = WholeNumber<uint64_t>(ledger.at("queued"));
      read.ledger.refused = WholeNumber<uint64_t>(ledger.at("refused"));
      read.ledger.high_water = WholeNumber<uint64_t>(ledger.at("high_water"));
    }
    const Json& teardown = json.at("teardown");
    report.teardown.happened = teardown.at("happened");
    report.teardown.unwound = teardown.at("unwound").get<std::vector<std::string>>();
    report.teardown.ended = teardown.at("ended").get<std::vector<std::string>>();
    report.teardown.overdue = teardown.at("overdue").get<std::vector<std::string>>();
    report.teardown.discarded = teardown.at("discarded").get<std::vector<std::string>>();
    report.teardown.signals = FromSeconds(teardown.at("signals"));
    report.teardown.works = FromSeconds(teardown.at("works"));
    report.teardown.discards = FromSeconds(teardown.at("discards"));
    report.teardown.records = FromSeconds(teardown.at("records"));
    return report;
  } catch (const std::exception& error) {
    return absl::InvalidArgumentError(
        absl::StrCat("this is no description of a graph: ", WithoutId(error.what())));
  }
}

std::string ToDot(const Report& report) {
  const bool ran = report.over || report.elapsed > absl::ZeroDuration();
  std::string dot = absl::StrCat("digraph ", Quoted(report.graph), " {\n");
  absl::StrAppend(
      &dot,
      "  rankdir=LR;\n"
      "  labelloc=t; fontname=\"Helvetica\"; fontsize=16; label=",
      Quoted(report.graph), ";\n",
      "  node [shape=box, style=\"rounded,filled\", fillcolor=\"#eef4fb\", color=\"#44688f\", "
      "fontname=\"Helvetica\", fontsize=12, margin=\"0.18,0.08\"];\n"
      "  edge [color=\"#44688f\", fontname=\"Helvetica\", fontsize=10, fontcolor=\"#333333\"];\n");
  for (const StageReport& stage : report.stages) {
    std::string label = absl::StrCat("<b>", Escaped(stage.name),
                                     "</b><br/><font point-size=\"10\">", Escaped(stage.kind));
    if (stage.workers > 1) absl::StrAppend(&label, " &#215; ", stage.workers);
    label += "</font>";
    if (ran) {
      absl::StrAppend(&label, "<br/><font point-size=\"10\">", stage.received, " in, ", stage.sent,
                      " out</font>");
    }
    const bool failed = !stage.outcome.ok() && !absl::IsCancelled(stage.outcome);
    absl::StrAppend(&dot, "  ", Quoted(stage.name), " [label=<", label, ">",
                    failed ? ", fillcolor=\"#fbe3e0\", color=\"#a33a2c\"" : "", "];\n");
  }
  for (const ChannelReport& channel : report.channels) {
    const bool by_bytes_alone = channel.capacity == kUnboundedItems;
    std::string label = absl::StrCat(Escaped(channel.type), "<br/>capacity ");
    if (!by_bytes_alone) absl::StrAppend(&label, channel.capacity);
    if (channel.bytes > 0)
      absl::StrAppend(&label, by_bytes_alone ? "" : ", ", channel.bytes, " bytes");
    if (ran) {
      absl::StrAppend(&label, "<br/>", channel.ledger.received, " received, at most ",
                      channel.ledger.high_water, " queued");
      if (const uint64_t lost = channel.ledger.dropped; lost > 0)
        absl::StrAppend(&label, ", ", lost, " dropped");
      if (const uint64_t diverted = channel.ledger.diverted; diverted > 0)
        absl::StrAppend(&label, ", ", diverted, " diverted");
    }
    for (const std::string& from : channel.from) {
      const auto policy = channel.policies.find(from);
      absl::StrAppend(
          &dot, "  ", Quoted(StageOf(from)), " -> ", Quoted(StageOf(channel.name)), " [label=<",
          label,
          policy == channel.policies.end() ? ""
                                           : absl::StrCat("<br/>", WhenFullName(policy->second)),
          ">",
          absl::c_linear_search(channel.feedback, from) ? ", style=dashed, constraint=false" : "",
          "];\n");
    }
  }
  return dot + "}\n";
}

}  // namespace weir
