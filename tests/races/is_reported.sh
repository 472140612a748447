#!/bin/sh
# is_reported.sh PROGRAM: passes if ThreadSanitizer reports a data race in PROGRAM.
output=$("$1" 2>&1)
case $output in
  *"WARNING: ThreadSanitizer: data race"*) exit 0 ;;
esac
echo "no race was reported; the program printed:"
echo "$output"
exit 1
