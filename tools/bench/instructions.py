#!/usr/bin/env python3
"""Counts the instructions of weir's chains per item and hop, and compares them with what is recorded.

  tools/bench/instructions.py                the counts beside tools/bench/instructions.txt; fails if one is over 5 % worse
  tools/bench/instructions.py --record       writes that file anew, after a change that is meant
  tools/bench/instructions.py --repeat=5     counts five times, and prints by how much they differ
  tools/bench/instructions.py --binary=FILE  counts a build of //tools/bench:instructions that is there already

Times on a shared machine differ by 10 % and more from run to run; these counts by less than 0.1 %. valgrind's callgrind
counts what the pool's one thread does in its drain, so neither the start nor the end of the program, nor the engine's other
threads, whose work depends on how long things take. What is left of a run's beginning falls out of the difference between a
run of N items and one of 2 N. The program's clock stands still (instructions.cc), and glibc copies memory in the way that
every x86-64 has: so the counts do not depend on the machine.
"""

import argparse
import os
import re
import shutil
import subprocess
import sys
import tempfile

# workload, stages, capacity, items: enough that a run's beginning and end do not show, few enough for a second or two.
POINTS = [
    ("chain", 16, 64, 20_000),
    ("chain", 16, 1024, 20_000),
    ("fused_chain", 16, 64, 20_000),
    ("custom", 16, 64, 10_000),
    ("custom_batch", 16, 64, 20_000),
]
TOLERANCE = 0.05
COUNTED = "weir::internal::Pool::DrainEntry(void*)"
PLAIN_COPIES = "glibc.cpu.hwcaps=-AVX_Fast_Unaligned_Load,-AVX2,-AVX,-AVX512F,-AVX512VL,-ERMS,-FSRM"

HERE = os.path.dirname(os.path.abspath(__file__))
RECORD = os.path.join(HERE, "instructions.txt")
HEAD = """\
# Instructions per item and hop, of the optimised build, with one thread. `tools/bench/instructions.py` compares with these, and
# fails if one is over 5 % worse; `tools/bench/instructions.py --record` writes them anew.
"""


def fail(message):
    sys.exit("instructions: " + message)


def build(config="opt"):
    """Builds //tools/bench:instructions, and returns its path."""
    target = "//tools/bench:instructions"
    root = os.path.dirname(os.path.dirname(HERE))
    command = ["bazel", "build", "--config=" + config, "--curses=no", "--show_progress_rate_limit=60", target]
    if subprocess.run(command, cwd=root, stdout=sys.stderr).returncode != 0:
        fail("'%s' failed; its output is above" % " ".join(command))
    return os.path.join(root, "bazel-bin", "tools", "bench", "instructions")


def name_of(point):
    return "%s/stages=%d/capacity=%d" % point[:3]


def run_counted(binary, arguments):
    """What callgrind counts of one run."""
    command = ["valgrind", "--tool=callgrind", "--callgrind-out-file=/dev/null", "--toggle-collect=" + COUNTED]
    environment = dict(os.environ, GLIBC_TUNABLES=PLAIN_COPIES)
    try:
        run = subprocess.run(command + [binary] + arguments, env=environment, capture_output=True, text=True)
    except FileNotFoundError:
        fail("there is no valgrind; run tools/setup.sh")
    counted = re.search(r"Collected : (\d+)", run.stderr)
    if run.returncode != 0 or not counted:
        fail("'%s' under valgrind ended with status %d:\n%s" % (" ".join(arguments), run.returncode, run.stderr))
    if int(counted[1]) == 0:
        fail("nothing was counted: is %s still what runs a pool thread's jobs? (COUNTED in this file)" % COUNTED)
    return int(counted[1])


def count(binary):
    """point's name -> instructions per item and hop."""
    counts = {}
    with tempfile.TemporaryDirectory() as scratch:
        # Debian 12's valgrind cannot read clang-19's debug information; of the symbols it needs only the names.
        stripped = os.path.join(scratch, "instructions")
        shutil.copyfile(binary, stripped)
        os.chmod(stripped, 0o755)
        if subprocess.run(["strip", "--strip-debug", stripped]).returncode != 0:
            fail("strip failed on a copy of %s" % binary)
        for point in POINTS:
            workload, stages, capacity, items = point
            once, twice = (
                run_counted(stripped, [workload, str(stages), str(capacity), str(n)]) for n in (items, 2 * items))
            counts[name_of(point)] = (twice - once) / (items * (stages + 1))
    return counts


def read_record():
    recorded = {}
    try:
        with open(RECORD, encoding="utf-8") as file:
            for line in file:
                if line.strip() and not line.startswith("#"):
                    name, value = line.split()
                    recorded[name] = float(value)
    except (OSError, ValueError) as error:
        fail("%s cannot be read (%s); write it with --record" % (RECORD, error))
    return recorded


def write_record(counts):
    with open(RECORD, "w", encoding="utf-8") as file:
        file.write(HEAD)
        for name, value in counts.items():
            file.write("%-36s %8.2f\n" % (name, value))


def verdict_on(now, then):
    """What to say of a point, and whether it may pass."""
    if then is None:
        return "FAILED: it is not recorded; run --record", False
    if now is None:
        return "FAILED: it is recorded, and counted no longer; run --record", False
    if now > then * (1 + TOLERANCE):
        return "FAILED: over 5 % worse; mend it, or --record it and say in the commit what is worth it", False
    if now < then * (1 - TOLERANCE):
        return "over 5 % better: run --record, so that it stays so", True
    return "", True


def compare(counts, recorded):
    """Prints the table, and last `PASSED passed, FAILED failed`. True if nothing failed."""
    failed = 0
    names = list(counts) + [name for name in recorded if name not in counts]
    print("  %-36s %9s %9s %9s" % ("instructions per item and hop", "recorded", "now", "change"))
    for name in names:
        now, then = counts.get(name), recorded.get(name)
        figures = ["-" if value is None else "%.2f" % value for value in (then, now)]
        change = "%+.2f %%" % (100 * (now / then - 1)) if now and then else "-"
        verdict, passes = verdict_on(now, then)
        failed += not passes
        print(("  %-36s %9s %9s %9s  %s" % (name, *figures, change, verdict)).rstrip())
    print("%d passed, %d failed" % (len(names) - failed, failed))
    return failed == 0


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--record", action="store_true")
    parser.add_argument("--repeat", type=int, default=1, metavar="TIMES")
    parser.add_argument("--binary", metavar="FILE")
    options = parser.parse_args()
    if options.repeat < 1:
        parser.error("--repeat must be at least 1")

    binary = options.binary or build()
    rounds = [count(binary) for _ in range(options.repeat)]
    counts = rounds[0]
    if options.repeat > 1:
        for name in counts:
            values = [each[name] for each in rounds]
            print("  %-36s %9.3f to %.3f, %.3f %% apart" % (
                name, min(values), max(values), 100 * (max(values) / min(values) - 1)))
    if options.record:
        write_record(counts)
        print("recorded in %s" % os.path.relpath(RECORD))
    return 0 if compare(counts, read_record()) else 1


if __name__ == "__main__":
    sys.exit(main())
