// Whether the cores were quiet while something was measured: whether another process, or another
// virtual machine on the same host, took time that the measurement would have had, and whether each
// core runs as fast as it does at best.
//
//   CoreProbe probe;
//   const CoreProbe::Reading before = probe.Read();
//   ... measure in a child process, and wait until it has ended ...
//   const std::string why = Disturbance(before, probe.Read());

#pragma once

#include <cstdint>
#include <string>
#include <unordered_map>
#include <vector>

namespace weir::bench {

class CoreProbe {
 public:
  struct Core {
    double spin_ns = 0;     // what the same computation took
    double fastest_ns = 0;  // the least that it has taken so far, on any core
  };
  struct Reading {
    int64_t at_ns = 0;      // on the steady clock
    int64_t stolen_ns = 0;  // what the host has given to others instead of these cores, so far
    std::vector<Core> cores;
    // The CPU time that each thread of other processes has used so far, by its number.
    std::unordered_map<int, int64_t> others_cpu_ns;
  };

  // Calibrates the computation, which takes some milliseconds.
  CoreProbe();

  // Takes some milliseconds. Visits each core that the calling thread may run on, and lets the
  // thread run on all of them afterwards. What cannot be read counts as quiet. One thread at a time.
  Reading Read();

 private:
  int64_t rounds_ = 0;
  double fastest_ns_ = 0;
};

// Says in a few words what has disturbed the interval between two readings; empty if nothing has. A
// process that has begun and ended in between is taken for the measurement's own.
std::string Disturbance(const CoreProbe::Reading& before, const CoreProbe::Reading& after);

}  // namespace weir::bench
