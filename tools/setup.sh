#!/usr/bin/env bash
# Installs what weir needs to be built and tested, from Debian's packages.
#
#   tools/setup.sh           installs what is missing, and says what it does
#   tools/setup.sh --check   installs nothing; fails if something is missing
#
# Run it as root, or as a user who may use sudo. It may be run any number of times: when nothing is missing it does not call apt at all.
set -euo pipefail

packages=(
  # Compiler, linker, the sanitizers' runtimes and the symbolizer; g++ is for --config=gcc.
  clang-19 lld-19 llvm-19 libclang-rt-19-dev libstdc++-12-dev g++-12 libc6-dev binutils
  # The build system.
  bazel-bootstrap bazel-rules-java
  # The libraries, each given a target in tools/bazel/.
  libtbb-dev libabsl-dev libgtest-dev libgmock-dev nlohmann-json3-dev libspdlog-dev libssl-dev
  libboost-fiber-dev libboost-context-dev
  libzstd-dev libxxhash-dev zlib1g-dev
  # `weir draw --format=svg`.
  graphviz
  # What pack is tested by, and measured against.
  zstd
  # tools/bench/instructions.py counts with it.
  valgrind
)

say() { printf 'setup: %s\n' "$*" >&2; }
fail() { printf 'setup: error: %s\n' "$*" >&2; exit 1; }

check_only=false
case "${1:-}" in
  "") ;;
  --check) check_only=true ;;
  *) fail "unknown argument '$1' (usage: tools/setup.sh [--check])" ;;
esac

command -v dpkg-query >/dev/null && command -v apt-get >/dev/null ||
  fail "this script needs Debian's dpkg and apt-get, which are not here; install these by hand: ${packages[*]}"

# Sets `missing` to those of the packages that are not installed.
find_missing() {
  local installed package
  # dpkg-query fails when it has never heard of one of them, and still prints the others.
  installed=" $({ dpkg-query -W -f='${db:Status-Status} ${Package}\n' "${packages[@]}" 2>/dev/null || true; } |
    awk '$1 == "installed" {print $2}' | tr '\n' ' ') "
  missing=()
  for package in "${packages[@]}"; do
    [[ $installed == *" $package "* ]] || missing+=("$package")
  done
}

find_missing
if ((${#missing[@]} == 0)); then
  say "nothing is missing (${#packages[@]} packages)"
  exit 0
fi
if $check_only; then fail "missing: ${missing[*]} (run tools/setup.sh)"; fi

as_root=()
if ((EUID != 0)); then
  command -v sudo >/dev/null || fail "missing: ${missing[*]}; run this as root, since there is no sudo"
  as_root=(sudo)
fi
apt=("${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get -q -y -o DPkg::Lock::Timeout=600 -o Dpkg::Use-Pty=0)

log=$(mktemp)
trap 'rm -f "$log"' EXIT
# Runs apt-get, and shows its output only if it fails.
run_apt() {
  local status=0
  "${apt[@]}" "$@" >"$log" 2>&1 </dev/null || status=$?
  ((status != 0)) || return 0
  sed 's/^/  /' "$log" >&2
  fail "'apt-get $1' failed with status $status; its output is above"
}

say "missing: ${missing[*]}"
say "updating the list of packages (apt-get update)"
run_apt update

unknown=()
for package in "${missing[@]}"; do
  # apt-cache names a candidate "(none)" for a package that is only mentioned by others.
  candidate=$(apt-cache policy "$package" 2>/dev/null | awk '$1 == "Candidate:" {print $2}')
  if [[ -z $candidate || $candidate == "(none)" ]]; then unknown+=("$package"); fi
done
if ((${#unknown[@]})); then
  fail "apt does not know: ${unknown[*]} (weir is built on Debian 12; are its 'main' packages enabled in /etc/apt?)"
fi

say "installing ${#missing[@]} packages and what they need (apt-get install); this takes some minutes the first time"
run_apt install --no-install-recommends "${missing[@]}"

find_missing
((${#missing[@]} == 0)) || fail "apt-get reported success, but these are still missing: ${missing[*]}"
say "done"
