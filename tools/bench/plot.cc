#include "tools/bench/plot.h"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <iterator>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_replace.h"
#include "absl/strings/string_view.h"
#include "tools/bench/bench.h"
#include "tools/bench/runner.h"
#include "tools/bench/statistics.h"

namespace weir::bench {
namespace {

// All lengths are in pixels.
constexpr double kWidth = 860;
constexpr double kMargin = 16;
constexpr double kBarsLeft = 220;            // names stand left of it
constexpr double kBarsRight = kWidth - 100;  // values have room right of it
constexpr double kRow = 17;
constexpr double kLine = 20;
constexpr double kBar = 11;
constexpr double kLegendColumn = 207;

// The longest span of times that bars of one linear scale show well.
constexpr double kMostLinear = 20;

constexpr char kStyle[] =
    "text{font:12px system-ui,sans-serif;fill:#1f2328}"
    ".title{font-size:16px;font-weight:600}.chart{font-size:14px;font-weight:600}"
    ".point{font-weight:600}.right{text-anchor:end}.middle{text-anchor:middle}"
    ".page{fill:#ffffff}.grid{stroke:#d8dee4}.whisker{stroke:#1f2328;fill:none}"
    "@media(prefers-color-scheme:dark){text{fill:#e6edf3}.page{fill:#0d1117}"
    ".grid{stroke:#30363d}.whisker{stroke:#e6edf3}}";

// Of a middle lightness, so that they stand out from white and from black.
constexpr const char* kColours[] = {"#2f81f7", "#e8710a", "#2da44e", "#c93c8a", "#8b5cf6",
                                    "#b08800", "#1b9e9e", "#d1242f", "#7d8590", "#a0522d",
                                    "#84a817", "#5b9bd5", "#e08fb0", "#4b6bfb"};
constexpr size_t kColourCount = std::size(kColours);

std::string Escaped(absl::string_view text) {
  return absl::StrReplaceAll(text,
                             {{"&", "&amp;"}, {"<", "&lt;"}, {">", "&gt;"}, {"\"", "&quot;"}});
}

std::string Time(double ns) {
  return ns < 10 ? absl::StrFormat("%.2f", ns) : absl::StrFormat("%.0f", ns);
}

// What the bars of a chart are: the times, or the efficiency where all results have one.
class Quantity {
 public:
  explicit Quantity(const std::vector<const Result*>& results)
      : is_efficiency_(std::all_of(results.begin(), results.end(), [](const Result* result) {
          return !result->ok || EfficiencyOf(*result) > 0;
        })) {}

  bool is_efficiency() const { return is_efficiency_; }

  // The figures are medians, and have no spread.
  Spread Of(const Result& result) const {
    if (!is_efficiency_) return result.ns;
    const double efficiency = EfficiencyOf(result);
    return {.median = efficiency, .min = efficiency, .max = efficiency};
  }

 private:
  static double EfficiencyOf(const Result& result) {
    for (const auto& [name, value] : result.figures) {
      if (name == "efficiency") return value;
    }
    return 0;
  }

  bool is_efficiency_;
};

// Maps times to places. A linear scale begins at 0, a logarithmic one at a power of ten. The scale
// of efficiencies ends at 1 or above.
class Scale {
 public:
  Scale(const std::vector<const Result*>& results, const Quantity& quantity) {
    double least = 0, most = 0;
    for (const Result* result : results) {
      const Spread spread = quantity.Of(*result);
      if (!result->ok || spread.min <= 0) continue;
      least = least == 0 ? spread.min : std::min(least, spread.min);
      most = std::max(most, spread.max);
    }
    if (quantity.is_efficiency()) least = most = std::max(1.0, most);
    if (most == 0) least = most = 1;  // nothing to draw
    logarithmic_ = most > kMostLinear * least;
    if (logarithmic_) {
      low_ = std::pow(10, std::floor(std::log10(least)));
      high_ = std::pow(10, std::ceil(std::log10(most)));
      for (double tick = low_; tick < high_ * 1.5; tick *= 10) ticks_.push_back(tick);
    } else {
      // A step of 1, 2 or 5 times a power of ten, at most six of them.
      double step = std::pow(10, std::floor(std::log10(most / 6)));
      for (const double factor : {1.0, 2.0, 5.0, 10.0}) {
        if (most > 6 * step * factor) continue;
        step *= factor;
        break;
      }
      const int count = static_cast<int>(std::ceil(most / step));
      high_ = step * count;
      for (int i = 0; i <= count; ++i) ticks_.push_back(step * i);
    }
  }

  bool logarithmic() const { return logarithmic_; }
  const std::vector<double>& ticks() const { return ticks_; }

  double At(double ns) const {
    const double part = logarithmic_ ? std::log(ns / low_) / std::log(high_ / low_) : ns / high_;
    return kBarsLeft + (kBarsRight - kBarsLeft) * std::clamp(part, 0.0, 1.0);
  }

 private:
  bool logarithmic_ = false;
  double low_ = 0;
  double high_ = 0;
  std::vector<double> ticks_;
};

// Writes the picture from top to bottom.
class Drawing {
 public:
  explicit Drawing(const std::vector<Result>& results) {
    for (const Result& result : results) {
      if (colours_.emplace(result.impl, kColours[colours_.size() % kColourCount]).second) {
        names_.push_back(result.impl);
      }
    }
  }

  void Title(const std::string& text) {
    y_ += 24;
    Text(kMargin, y_, "title", text);
    y_ += kLine;
    Text(kMargin, y_, "note",
         "Bars are medians; whiskers reach from the fastest to the slowest round. Less time is "
         "better, and more efficiency.");
    y_ += kLine / 2;
  }

  void Legend() {
    constexpr size_t kColumns = 4;
    for (size_t i = 0; i < names_.size(); ++i) {
      const double x = kMargin + kLegendColumn * static_cast<double>(i % kColumns);
      if (i % kColumns == 0) y_ += kLine;
      Box(x, y_ - kBar + 1, kBar, colours_[names_[i]]);
      Text(x + kBar + 6, y_, "name", names_[i]);
    }
    y_ += kLine / 2;
  }

  void Chart(const std::string& workload, const std::string& unit,
             const std::vector<const Result*>& results) {
    const Quantity quantity(results);
    const Scale scale(results, quantity);
    y_ += 2 * kLine;
    Text(kMargin, y_, "chart", workload);
    y_ += 4;
    const double top = y_;
    const std::string above = std::move(svg_);  // the grid stands behind the bars
    svg_.clear();
    std::string point;
    for (const Result* result : results) {
      const std::string own =
          absl::StrCat(PointName(result->params), ", ", result->params.threads, " threads");
      if (own != point) {
        y_ += point.empty() ? kLine : kLine + 6;
        point = own;
        Text(kMargin, y_, "point", point);
      }
      y_ += kRow;
      Row(*result, quantity, scale);
    }
    y_ += 8;
    const std::string bars = std::move(svg_);
    svg_ = above;
    for (const double tick : scale.ticks()) {
      absl::StrAppendFormat(&svg_, "<path class=\"grid\" d=\"M%.1f %.1fV%.1f\"/>\n", scale.At(tick),
                            top, y_);
    }
    svg_ += bars;
    y_ += 14;
    for (const double tick : scale.ticks()) {
      Text(scale.At(tick), y_, "middle", absl::StrFormat("%g", tick));
    }
    y_ += kRow;
    Text((kBarsLeft + kBarsRight) / 2, y_, "middle",
         quantity.is_efficiency()
             ? "efficiency of the cores (1: they did nothing but the work)"
             : absl::StrCat("ns per ", unit, scale.logarithmic() ? " (logarithmic scale)" : ""));
  }

  std::string Finish(const std::string& title) const {
    const double height = y_ + kMargin;
    return absl::StrFormat(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" role=\"img\" width=\"%g\" height=\"%g\" "
        "viewBox=\"0 0 %g %g\">\n<title>%s</title>\n<style>%s</style>\n"
        "<rect class=\"page\" width=\"100%%\" height=\"100%%\"/>\n%s</svg>\n",
        kWidth, height, kWidth, height, Escaped(title), kStyle, svg_);
  }

 private:
  void Text(double x, double y, const char* kind, const std::string& text) {
    absl::StrAppendFormat(&svg_, "<text class=\"%s\" x=\"%.1f\" y=\"%.1f\">%s</text>\n", kind, x, y,
                          Escaped(text));
  }

  void Box(double x, double y, double width, const std::string& colour) {
    absl::StrAppendFormat(
        &svg_, "<rect x=\"%.1f\" y=\"%.1f\" width=\"%.1f\" height=\"%g\" fill=\"%s\"/>\n", x, y,
        width, kBar, colour);
  }

  void Row(const Result& result, const Quantity& quantity, const Scale& scale) {
    Text(kBarsLeft - 8, y_, "right", result.impl);
    if (!result.ok) {
      Text(kBarsLeft + 6, y_, "value", "not verified");
      return;
    }
    const double top = y_ - kBar + 1;
    const double middle = top + kBar / 2;
    const Spread spread = quantity.Of(result);
    const double min = scale.At(spread.min);
    const double max = scale.At(spread.max);
    Box(kBarsLeft, top, std::max(1.0, scale.At(spread.median) - kBarsLeft), colours_[result.impl]);
    if (!quantity.is_efficiency()) {
      absl::StrAppendFormat(&svg_,
                            "<path class=\"whisker\" d=\"M%.1f %.1fv6m0 -3H%.1fm0 -3v6\"/>\n", min,
                            middle - 3, max);
    }
    Text(max + 6, y_, "value", Time(spread.median));
  }

  std::map<std::string, std::string> colours_;
  std::vector<std::string> names_;  // in the order of the results
  std::string svg_;
  double y_ = 0;  // where the picture ends so far
};

}  // namespace

std::string Plot(const std::vector<Result>& results,
                 const std::map<std::string, std::string>& units) {
  int rounds = 0;
  std::vector<std::string> workloads;
  std::map<std::string, std::vector<const Result*>> by_workload;
  for (const Result& result : results) {
    rounds = std::max(rounds, result.rounds);
    std::vector<const Result*>& own = by_workload[result.params.workload];
    if (own.empty()) workloads.push_back(result.params.workload);
    own.push_back(&result);
  }
  const std::string title = absl::StrCat("weir beside its peers, ", rounds, " interleaved rounds");
  Drawing drawing(results);
  drawing.Title(title);
  drawing.Legend();
  for (const std::string& workload : workloads) {
    const auto unit = units.find(workload);
    drawing.Chart(workload, unit == units.end() ? "unit" : unit->second, by_workload[workload]);
  }
  return drawing.Finish(title);
}

}  // namespace weir::bench
