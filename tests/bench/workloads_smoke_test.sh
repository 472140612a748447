#!/usr/bin/env bash
# Runs workloads at a tiny size: every implementation must get through and have its result verified. Times are not looked at.
#
#   workloads_smoke_test.sh BENCH
set -euo pipefail

points='^(chain/stages=4|fan|farm/w=1us|farm_sleep/w=200us/.*workers=4|farm_blocking|grain/w=(100ns|10us)|latency|feedback|bytes|dedup|rerun|build_and_teardown/stages=3)'

out=$("$1" --filter="$points" --impl='weir|tbb|thread|bare|loop' --items=40 --rounds=1 --probe=false --timeout=60)
echo "$out"

for workload in chain fan farm farm_sleep farm_blocking grain latency feedback bytes dedup rerun build_and_teardown; do
  grep -q "^$workload/\|^$workload," <<<"$out" || { echo "FAILED: nothing of $workload was measured"; exit 1; }
done
