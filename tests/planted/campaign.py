#!/usr/bin/env python3
"""Plants each bug of bugs.toml in a copy of the source, and demands that the tests find it.

  tests/planted/campaign.py                 all of them; fails if one is missed
  tests/planted/campaign.py --only=REGEX    those whose name or failure matches
  tests/planted/campaign.py --check         only that each bug's text is in its file exactly once
  tests/planted/campaign.py --jobs=N        so many at a time; one for each core unless it is given

A line for each: whether it was found, the graph's seed and the engine's that showed it, or the test, after how many schedules,
and how long it took with its build; and `(none)` for the source as it is, in which nothing may be found.

It is built by clang-19 without Bazel, and without optimisation: a bug in a .cc file is compiled with that file, one in a header
of templates with the tests, which alone instantiate them with their items, and one in any other header with everything, as a
single translation unit. The headers of the system are precompiled.
"""

import argparse
import concurrent.futures
import glob
import os
import queue
import re
import shutil
import subprocess
import sys
import tempfile
import threading
import time
import tomllib

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(HERE))
MOST_SCHEDULES = 10_000
COMPILER = os.environ.get("CXX", "clang++-19")
FLAGS = ["-std=c++20", "-O0", "-D_GLIBCXX_ASSERTIONS", "-w"]
FINDER = ["tests/simulation/generated_graph.cc", "tests/simulation/campaign.cc", "tests/planted/finder.cc"]
TEST_KIT = ["tests/support/testing.cc", "tools/simulate/trial.cc"]
SIMULATION = "simulation"
INTERLEAVING = "tests/interleaving/"
TEMPLATES = ("core/port.h", "core/transfer.h")
SECONDS_OF_A_TEST = 60
SECONDS_OF_A_FINDER = 600


class Broken(Exception):
    """What is wrong is not a bug that was planted."""


def read_bugs():
    with open(os.path.join(HERE, "bugs.toml"), "rb") as file:
        bugs = tomllib.load(file)["bug"]
    for bug in bugs:
        bug.setdefault("by", SIMULATION)
        bug.setdefault("filter", "*")
    return bugs


def check(bugs):
    """Prints what is wrong with the list; True if nothing is."""
    wrong = []
    for i, bug in enumerate(bugs):
        if any(bug["name"] == other["name"] for other in bugs[:i]):
            wrong.append("%s is there twice" % bug["name"])
        with open(os.path.join(ROOT, bug["file"]), encoding="utf-8") as file:
            count = file.read().count(bug["text"])
        if count != 1:
            wrong.append("%s: its text is in %s %d times, rather than once" % (bug["name"], bug["file"], count))
        if bug["text"] == bug["replacement"]:
            wrong.append("%s changes nothing" % bug["name"])
        if bug["by"] != SIMULATION:
            if not os.path.exists(os.path.join(ROOT, bug["by"])):
                wrong.append("%s: there is no %s" % (bug["name"], bug["by"]))
            if "why" not in bug:
                wrong.append("%s does not say why the simulation cannot find it" % bug["name"])
    for line in wrong:
        print(line)
    return not wrong


def run(command, seconds=600, **options):
    return subprocess.run(command, timeout=seconds, capture_output=True, text=True, errors="replace", **options)


def compile_to(output, source, flags):
    done = run([COMPILER, *FLAGS, *flags, "-c", source, "-o", output])
    if done.returncode != 0:
        raise Broken("%s does not compile:\n%s" % (source, done.stderr[-3000:]))
    return output


class Copy:
    """A copy of the source, in which one bug at a time is planted, and the programs that are built of it."""

    def __init__(self, folder, precompiled=None, clean=None):
        self.folder = folder
        self.clean = clean  # the copy whose objects are those without a bug
        self.objects = {}
        self.locks = {}  # of each of them
        for name in ("core", "stages", "tests", os.path.join("tools", "simulate")):
            shutil.copytree(os.path.join(ROOT, name), os.path.join(folder, name))
        weir = os.path.join(folder, "include", "weir")
        os.makedirs(weir)
        for name, target in (("core", "core"), ("stages", "stages"), ("weir.h", "stages/weir.h"),
                             ("explore.h", "tools/simulate/explore.h"), ("testing.h", "tests/support/testing.h"),
                             ("interleaving.h", "tests/interleaving/interleaving.h")):
            os.symlink(os.path.join("..", "..", target), os.path.join(weir, name))
        self.includes = ["-I" + folder, "-I" + os.path.join(folder, "include")]
        # tsan.cc is for ThreadSanitizer alone.
        self.core = sorted(
            os.path.relpath(path, folder) for path in glob.glob(os.path.join(folder, "core", "*.cc"))
            if not path.endswith("/tsan.cc"))
        self.core += ["stages/%s.cc" % name for name in ("function_stage", "fuse", "reorder_window", "source")]
        self.precompiled = precompiled or self.precompile()

    def path(self, name):
        return os.path.join(self.folder, name)

    def precompile(self):
        """The headers of the system that the engine and its tests include."""
        included = set()
        for path in glob.glob(self.path("core/*")) + glob.glob(self.path("stages/*.h")) + glob.glob(
                self.path("tests/simulation/*")) + glob.glob(self.path("tests/support/*.h")):
            with open(path, encoding="utf-8") as file:
                included.update(re.findall(r'^#include (?:<[^>]*>|"(?:absl|nlohmann)/[^"]*")', file.read(), re.M))
        lines = sorted(line for line in included if not re.search("tbb|sanitizer", line))
        with open(self.path("precompiled.h"), "w", encoding="utf-8") as file:
            file.write("\n".join(lines) + "\n")
        return compile_to(self.path("precompiled.pch"), self.path("precompiled.h"), ["-x", "c++-header"])

    def object(self, sources, name, flags=None):
        """One object of all `sources`."""
        together = self.path(name + ".all.cc")
        with open(together, "w", encoding="utf-8") as file:
            file.writelines('#include "%s"\n' % source for source in sources)
        if flags is None:
            flags = ["-include-pch", self.precompiled]
        return compile_to(self.path(name + ".o"), together, self.includes + flags)

    def clean_object(self, source):
        """As it is without a bug; compiled once."""
        if self.clean is not None:
            return self.clean.clean_object(source)
        with self.locks.setdefault(source, threading.Lock()):
            if source not in self.objects:
                sources = FINDER if source == SIMULATION else [source]
                self.objects[source] = self.object(sources, source.replace("/", "_"))
            return self.objects[source]

    def build(self, by, changed):
        """The program that runs `by`, if the file `changed` is not as in the clean copy."""
        program = self.path("program")
        if by.startswith(INTERLEAVING):
            sources = ["core/channel.cc", "core/channel_losses.cc", "core/item_buffer.cc", "core/ring.cc", "core/wait.cc", "core/block_pool.cc", INTERLEAVING + "interleaving.cc", by]
            objects = [self.object(sources, "interleaving", ["-DWEIR_INTERLEAVING", "-O2"])]
            libraries = ["-lgtest", "-lgtest_main", "-lboost_context"]
        else:
            parts = [SIMULATION] if by == SIMULATION else [by, *TEST_KIT]
            if changed in TEMPLATES:
                objects = [self.object(FINDER if by == SIMULATION else parts, "changed")]
                objects += [self.clean_object(source) for source in self.core]
            elif changed is None or changed.endswith(".cc"):
                objects = [self.clean_object(part) for part in parts + [s for s in self.core if s != changed]]
                if changed is not None:
                    objects.append(self.object([changed], "changed"))
            elif by == SIMULATION:
                objects = [self.object(self.core + FINDER, "changed")]
            else:
                objects = [self.object(self.core, "changed"), self.object(parts, "test")]
            libraries = [] if by == SIMULATION else ["-lgtest", "-lgtest_main", "-lgmock"]
        absl = sorted("-l" + os.path.basename(path)[3:-3] for path in glob.glob("/usr/lib/*/libabsl_*.so"))
        done = run([COMPILER, "-fuse-ld=lld", *objects, "-o", program, *libraries, "-Wl,--as-needed", *absl, "-ltbb", "-lpthread"])
        if done.returncode != 0:
            raise Broken("it does not link:\n" + done.stderr[-3000:])
        return program

    def find(self, by, pattern, changed):
        """What was found, and after how many schedules; None if nothing was."""
        program = self.build(by, changed)
        if by == SIMULATION:
            done = run([program, str(MOST_SCHEDULES)], SECONDS_OF_A_FINDER)
            lines = [line for line in done.stdout.splitlines() if line.startswith(("found ", "nothing "))]
            if not lines:
                raise Broken("the finder says nothing:\n" + done.stderr[-2000:])
            return lines[-1] if lines[-1].startswith("found ") else None
        try:
            done = run([program, "--gtest_filter=" + pattern, "--gtest_brief=1"], SECONDS_OF_A_TEST)
        except subprocess.TimeoutExpired:
            return "found by %s: it does not end" % by
        if done.returncode == 0:
            return None
        failed = re.findall(r"\[  FAILED  \] ([\w/.]+)", done.stdout)
        return "found by %s: %s" % (by, failed[0] if failed else "the process ends")


def attempt(copies, bug):
    """(what to print, whether it is as it should be). `bug` without a file: the source as it is, in which nothing may be found."""
    began = time.monotonic()
    copy = copies.get()
    name = bug["file"]
    try:
        if name is None:
            found = copy.find(bug["by"], bug["filter"], None)
            return "%-52s %5.1f s  %s" % ("(none)", time.monotonic() - began, found or "nothing found by " + bug["by"]), found is None
        with open(copy.path(name), encoding="utf-8") as file:
            before = file.read()
        try:
            if before.count(bug["text"]) != 1:
                raise Broken("its text is not in %s exactly once" % name)
            with open(copy.path(name), "w", encoding="utf-8") as file:
                file.write(before.replace(bug["text"], bug["replacement"]))
            found = copy.find(bug["by"], bug["filter"], name)
        finally:
            with open(copy.path(name), "w", encoding="utf-8") as file:
                file.write(before)
        text = found or "MISSED by %s" % bug["by"]
    except (Broken, subprocess.TimeoutExpired) as error:
        found, text = None, "BROKEN: %s" % error
    finally:
        copies.put(copy)
    return "%-52s %5.1f s  %s" % (bug.get("name", "(none)"), time.monotonic() - began, text), found is not None


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", metavar="REGEX", default="")
    parser.add_argument("--jobs", type=int, default=os.cpu_count(), metavar="N")
    parser.add_argument("--check", action="store_true")
    options = parser.parse_args()
    bugs = read_bugs()
    if not check(bugs):
        return 1
    if options.check:
        print("%d bugs, each of which can be planted" % len(bugs))
        return 0
    bugs = [bug for bug in bugs if re.search(options.only, bug["name"]) or re.search(options.only, bug["failure"])]
    bugs.sort(key=lambda bug: bug["by"] != SIMULATION)
    without = [{"file": None, "by": by, "filter": pattern}
               for by, pattern in dict.fromkeys((bug["by"], bug["filter"]) for bug in bugs)]
    began = time.monotonic()
    with tempfile.TemporaryDirectory() as scratch:
        clean = Copy(os.path.join(scratch, "clean"))
        copies = queue.Queue()
        for i in range(max(1, options.jobs)):
            copies.put(Copy(os.path.join(scratch, "copy%d" % i), clean.precompiled, clean))
        with concurrent.futures.ThreadPoolExecutor(max(1, options.jobs)) as pool:
            try:
                list(pool.map(clean.clean_object, clean.core + [SIMULATION]))
            except Broken as error:
                sys.exit("campaign: %s" % error)
            good = {}
            trials = {pool.submit(attempt, copies, trial): trial for trial in without[:1] + bugs + without[1:]}
            for done in concurrent.futures.as_completed(trials):
                line, good[done] = done.result()
                print(line, flush=True)
    found = sum(good[done] for done, trial in trials.items() if trial["file"] is not None)
    print("%d bugs, %d found, in %.0f s" % (len(bugs), found, time.monotonic() - began))
    return 0 if all(good.values()) else 1


if __name__ == "__main__":
    sys.exit(main())
