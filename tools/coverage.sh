#!/usr/bin/env bash
# Prints how many lines of core/ the tests run, file by file and in total: clang's source-based coverage of the whole suite but the
# command's. The last line is the total.
#
#   tools/coverage.sh                 core/
#   tools/coverage.sh --uncovered     and the lines that no test runs
set -euo pipefail
cd "$(dirname "$0")/.."

targets=(//tests:all //tests/conformance/... //tests/scenarios/... //tests/simulation/...)
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT

read -ra flags <<<"${WEIR_BAZEL_FLAGS:-}"  # of one's own, before the command
bazel "${flags[@]}" build --config=coverage_build "${targets[@]}" >&2
mapfile -t tests < <(bazel "${flags[@]}" query "tests(set(${targets[*]}))" 2>/dev/null)
bin=$(bazel "${flags[@]}" info --config=coverage_build bazel-bin 2>/dev/null)

objects=()
for test in "${tests[@]}"; do
  binary=$bin/${test#//}
  binary=${binary/:/\/}
  [[ -x $binary ]] || continue
  objects+=(-object "$binary")
  LLVM_PROFILE_FILE="$scratch/%m.profraw" WEIR_SCHEDULES=${WEIR_SCHEDULES:-20000} timeout 600 "$binary" >"$scratch/log" 2>&1 || {
    cat "$scratch/log" >&2
    echo "FAILED: $test" >&2
    exit 1
  }
done
llvm-profdata-19 merge -o "$scratch/profile" "$scratch"/*.profraw

# By the paths that the compiler saw: sources as core/..., headers by way of their include path.
report() {
  llvm-cov-19 "$@" -instr-profile="$scratch/profile" "${objects[@]}" 2>/dev/null
}
report export --format=lcov | python3 -c '
import collections, re, sys

lines = collections.defaultdict(dict)
name = None
for line in sys.stdin:
    if line.startswith("SF:"):
        path = line[3:].strip()
        found = re.search(r"(?:^|/)core/([^/]+\.(?:h|cc))$", path)
        name = "core/" + found.group(1) if found else None
    elif line.startswith("DA:") and name:
        number, count = line[3:].split(",")[:2]
        lines[name][int(number)] = max(lines[name].get(int(number), 0), int(count))
total = covered = 0
for name, counts in sorted(lines.items()):
    run = sum(1 for count in counts.values() if count > 0)
    total += len(counts)
    covered += run
    print("%6.1f %%  %5d of %5d  %s" % (100.0 * run / len(counts), run, len(counts), name))
    if "--uncovered" in sys.argv:
        missing = sorted(number for number, count in counts.items() if count == 0)
        if missing:
            print("                             not run: " + ", ".join(map(str, missing)))
print("%6.1f %%  %5d of %5d  core/" % (100.0 * covered / total, covered, total))
' "$@"
