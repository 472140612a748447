#!/usr/bin/env bash
# run_for.sh FUZZER SECONDS CORPUS...: runs the fuzzer from a copy of its corpus, which it would add to.
set -euo pipefail
fuzzer=$1 seconds=$2
shift 2
corpus=$(mktemp -d)
trap 'rm -rf "$corpus"' EXIT
cp "$@" "$corpus"
"$fuzzer" -max_total_time="$seconds" -max_len=256 -timeout=20 -artifact_prefix="${TEST_UNDECLARED_OUTPUTS_DIR:-.}/" "$corpus"
