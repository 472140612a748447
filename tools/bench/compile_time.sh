#!/usr/bin/env bash
# How long a small program takes to compile with weir, beside the same program with oneTBB's flow graph: CPU time of
# `clang++-19 -O2 -c`, interleaved, the median of 7. The exit status is 1 if weir takes longer.
#
#   tools/bench/compile_time.sh        7 rounds
#   tools/bench/compile_time.sh 15     as many as these; an odd number
set -euo pipefail
cd "$(dirname "$0")/../.."

fail() { printf 'compile_time: error: %s\n' "$*" >&2; exit 1; }

rounds=${1:-7}
[[ $rounds =~ ^[0-9]*[13579]$ ]] || fail "the number of rounds must be odd, not '$rounds' (usage: $0 [ROUNDS])"
command -v clang++-19 >/dev/null || fail "there is no clang++-19; run tools/setup.sh"

scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
# Where Bazel would have the headers: weir/core/..., weir/stages/..., weir/weir.h.
mkdir -p "$scratch/include/weir"
ln -s "$PWD/core" "$PWD/stages" "$PWD/stages/weir.h" "$scratch/include/weir/"

# compile PROGRAM: prints the CPU time of compiling it, in ms.
compile() {
  local TIMEFORMAT='%3U %3S' spent
  spent=$({ time clang++-19 -std=c++20 -O2 -I"$scratch/include" -c "tools/bench/compile_time/$1.cc" -o "$scratch/$1.o" \
    2>"$scratch/errors"; } 2>&1) || { cat "$scratch/errors" >&2; fail "$1.cc does not compile"; }
  awk '{printf "%d\n", 1000 * ($1 + $2)}' <<<"$spent"
}

# median PROGRAM: of its times.
median() { sort -n "$scratch/$1.ms" | sed -n "$((rounds / 2 + 1))p"; }

for program in weir tbb_flow_graph; do compile "$program" >/dev/null; done  # brings the headers into the cache
for ((round = 0; round < rounds; ++round)); do
  order=(weir tbb_flow_graph)
  ((round % 2 == 0)) || order=(tbb_flow_graph weir)
  for program in "${order[@]}"; do compile "$program" >>"$scratch/$program.ms"; done
done

weir=$(median weir) peer=$(median tbb_flow_graph)
printf '%-36s %5d ms\n' 'weir, weir/weir.h' "$weir" 'oneTBB, oneapi/tbb/flow_graph.h' "$peer"
awk -v weir="$weir" -v peer="$peer" 'BEGIN {printf "%-36s %5.2f\n", "weir to oneTBB", weir / peer}'
if ((weir > peer)); then
  echo "FAILED: the program with weir takes longer to compile (clang's -ftime-trace says which header or template does)"
  exit 1
fi
