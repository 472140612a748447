// The vocabulary of the benchmark: what is measured (a Workload, at several Params), by whom (an
// Implementation) and what one measurement gives (a Sample). Nothing here runs anything; see
// runner.h.
//
// To add an implementation of a workload: write one file with a function `Sample RunX(const
// Params&)` and a function `void AddX(Suite&)`, declare the latter in workloads.h, and call it in
// workloads.cc.

#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

namespace weir::bench {

// The implementation that the others' ratios refer to.
inline constexpr char kBaseline[] = "weir";

// One point at which a workload is measured. Every implementation gets the same, but for `items`
// (see Implementation::scale).
struct Params {
  std::string workload;
  int stages = 0;    // stages between source and sink; 0 if the implementation chooses its own
  int capacity = 0;  // items (or chunks) that one channel may hold
  int workers = 0;   // parallel workers of a stage; 0 if the workload has none to choose
  int threads = 0;   // pool threads
  int64_t item_bytes = 0;  // size of an item; 0 if the workload has none to choose
  int64_t rate = 0;        // items per second that come from outside; 0 if nothing paces them
  int64_t items = 0;       // items to send, or expected in the input

  std::string variant;  // which of a workload's forms, such as "ordered"; empty if it has one
  // Measured only where the filter contains this text, because it takes minutes or interests few;
  // empty if it is always measured. A part of the point's name.
  std::string on_request;

  std::string input;            // a file to read; empty if the items are made in memory
  uint64_t expected = 0;        // the result's checksum, where it was computed beforehand
  int64_t work_ns = 0;          // how long a stage works on an item; 0 if that is not to be chosen
  int64_t work_rounds = 0;      // the same in rounds of Spin, where that was calibrated beforehand
  double measured_work_ns = 0;  // what these rounds took then
};

// What one run measured. Plain bytes: it travels through a pipe from the process that ran it.
struct Sample {
  // Something that a workload measures beside its times, such as a memory or a lateness.
  struct Figure {
    // A literal, with its unit: "build_ms". A child that was forked has it where its parent has it.
    const char* name = nullptr;
    double value = 0;
  };
  static constexpr int kMostFigures = 8;

  int64_t wall_ns = 0;
  int64_t cpu_ns = 0;            // of the whole process, all threads
  int64_t units = 0;             // what the times are divided by: items times hops, or items
  int64_t peak_rss_kb = 0;       // filled in by the runner
  bool ok = false;               // the result was verified
  Figure figures[kMostFigures];  // the first ones that have a name

  // At most kMostFigures, and the same ones in every sample of an implementation.
  void AddFigure(const char* name, double value);
};

struct Implementation {
  std::string workload;
  std::string name;

  // Runs the workload once, in a process of its own that has no other threads, and returns the
  // sample. Must create its threads, and let them work through a small warm-up (an implementation
  // knows best how), before the clock starts; must not verify before the clock stops. An exception
  // that leaves it fails the sample.
  std::function<Sample(const Params&)> run;

  // Multiplies the workload's items, so that a fast implementation's sample is long enough to be
  // measured.
  int64_t scale = 1;

  // False if it cannot be measured on this machine, after a sentence on standard error that says
  // why. May be empty: then it can. Asked once for each workload that is measured.
  std::function<bool()> available = nullptr;
};

struct Workload {
  std::string name;
  std::string unit;  // what `ns` is per, for people

  std::vector<Params> points;

  // Makes a selected point's input (in a child process if that needs memory) and fills in what
  // depends on it. May be empty, and may throw.
  std::function<void(Params&)> prepare = nullptr;
};

// Everything that can be measured, in the order in which it is printed.
struct Suite {
  std::vector<Workload> workloads;
  std::vector<Implementation> implementations;
};

// "chain/stages=16/capacity=64" or "farm/w=1us/ordered/workers=4": what --filter is matched against.
std::string PointName(const Params& params);

// The variants of a workload whose items may overtake each other or not.
inline constexpr char kOrdered[] = "ordered";
inline constexpr char kUnordered[] = "unordered";
bool IsOrdered(const Params& params);

// `params` with at most `items` items, for warm-ups.
Params WithItems(Params params, int64_t items);

// The most resident memory that this process has had so far, and what it has now, in kB.
int64_t PeakRssKb();
int64_t ResidentKb();

// Measures wall time and the CPU time of the process from its construction on.
class Stopwatch {
 public:
  Stopwatch();

  // The times so far, with `units` filled in. The caller sets `ok`.
  Sample Stop(int64_t units) const;

 private:
  int64_t wall_start_ns_;
  int64_t cpu_start_ns_;
};

}  // namespace weir::bench
