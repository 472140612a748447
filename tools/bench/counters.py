#!/usr/bin/env python3
"""Says what it costs that weir always counts: runs its chains as they are, and built without what is counted.

  tools/bench/counters.py                            builds both, and prints the ratio of instructions and of CPU time
  tools/bench/counters.py --rounds=15                rounds of the times; 7 if not given
  tools/bench/counters.py --with=FILE --without=FILE compares two builds of //tools/bench:instructions that are there already

Left out by --config=nocounters are each channel's high-water mark and what each Work notes, when it parks, of what it waits
for. The other figures of a report cost a chain nothing to leave out: they are the channels' positions. The sampler, which reads
the notes every 6 ms on the clock's thread, runs in both builds.

The instructions are those of instructions.py. The times are CPU time of the whole program, with one thread, in interleaved
rounds. Fails if a `chain` with its counters takes over 2 % more instructions, or over 2 % more time in each of the rounds: on a shared
machine a median alone moves by as much.
"""

import argparse
import os
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile

sys.dont_write_bytecode = True
import instructions

TOLERANCE = 0.02
TIMED_ITEMS = 300  # times those of a point of instructions.py: some tenths of a second


def cpu_ns(binary, point):
    """CPU time of one run, per item and hop."""
    workload, stages, capacity, items = point
    items *= TIMED_ITEMS
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    run = subprocess.run([binary, workload, str(stages), str(capacity), str(items)])
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    if run.returncode != 0:
        sys.exit("counters: '%s' failed; what it says is above" % binary)
    spent = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return spent * 1e9 / (items * (stages + 1))


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--with", dest="counting", metavar="FILE")
    parser.add_argument("--without", metavar="FILE")
    options = parser.parse_args()
    if options.rounds < 1:
        parser.error("--rounds must be at least 1")
    if bool(options.counting) != bool(options.without):
        parser.error("give both of --with and --without, or neither")

    failed = False
    with tempfile.TemporaryDirectory() as scratch:
        builds = []
        for name, given, config in (("with", options.counting, "opt"), ("without", options.without, "nocounters")):
            builds.append(os.path.join(scratch, name))  # bazel-bin shows the last configuration alone
            shutil.copy(given or instructions.build(config), builds[-1])
        counts = [instructions.count(build) for build in builds]
        print("%-34s %8s %8s %8s   %8s %8s %8s  %s" % (
            "per item and hop", "instr.", "without", "ratio", "CPU ns", "without", "ratio", "rounds' ratios"))
        for point in instructions.POINTS:
            times = [[], []]
            for number in range(options.rounds):
                for which in (0, 1) if number % 2 == 0 else (1, 0):
                    times[which].append(cpu_ns(builds[which], point))
            name = instructions.name_of(point)
            counted = [each[name] for each in counts]
            medians = [statistics.median(each) for each in times]
            rounds = [a / b for a, b in zip(*times)]
            more = counted[0] / counted[1], medians[0] / medians[1]
            verdict = ""
            if point[0] == "chain" and (more[0] > 1 + TOLERANCE or min(rounds) > 1 + TOLERANCE):
                verdict, failed = "  FAILED: counting costs over 2 %", True
            print("%-34s %8.2f %8.2f %8.4f   %8.2f %8.2f %8.3f  %.3f to %.3f%s" % (
                name, *counted, more[0], *medians, more[1], min(rounds), max(rounds), verdict))
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
