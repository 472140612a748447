// The workload `pack`: compressing a file with zstd on two threads. Like word_count a job that someone might have; what it is
// measured against is the program that people use for it, `zstd -T2`, at the same level.
//
// The timed region begins with a file name and ends with a compressed file in the same folder, which is not waited for until it
// is on the disk. Times are per KiB of the input. The figure `ratio` is the input's size divided by the output's.

#pragma once

#include <string>

#include "tools/bench/bench.h"

namespace weir::bench {

// Of a point's variant: "level9" is 9.
int PackLevel(const Params& params);

// A new empty file beside the input, which is removed with the object. Throws std::system_error.
class PackOutput {
 public:
  PackOutput();
  PackOutput(const PackOutput&) = delete;
  PackOutput& operator=(const PackOutput&) = delete;
  ~PackOutput();
  const std::string& path() const { return path_; }

 private:
  std::string path_;
};

// After the clock has stopped: adds the ratio, and says whether the output decompresses to the input, byte by byte.
void VerifyPacked(const Params& params, const PackOutput& output, Sample& sample);

}  // namespace weir::bench
