// Census: what is alive on an engine, as a stack dump would list it: the Works that have not ended, with what each waits for, where
// in the program that wait was made, and for how long; and the timers that are armed. It is read off what is linked anyway, so it
// is exact; and it is empty once no run is active.
#pragma once

#include <cstddef>
#include <ostream>
#include <string>
#include <vector>

#include "absl/time/time.h"

namespace weir {

struct CensusEntry {
  std::string graph;
  std::string work;   // "parse#1": the stage, and which of its workers
  // "waits to receive from parse.in"; "runs, or is ready to". Of a wait at a port that a time or a Context may end: ", for a time";
  // of a Work that tries again and again, with a zero duration: "runs, or is ready to; polls, 1203 times in vain". Such a Work may
  // hide a deadlock: the others wait for it, and it could go on at any time.
  std::string waits;
  std::string place;  // "route.cc:41": the co_await; empty if it waits for nothing
  // How long it has been in that wait, as far as was seen: it is looked at a few hundred times a second, in simulation after each
  // step.
  absl::Duration age;
};

struct Census {
  std::vector<CensusEntry> works;  // run by run, and in the order of the stages
  size_t timers = 0;               // that are armed

  bool empty() const { return works.empty() && timers == 0; }
  // A line for each.
  std::string ToString() const;
  friend std::ostream& operator<<(std::ostream& out, const Census& census) {
    return out << census.ToString();
  }
};

}  // namespace weir
