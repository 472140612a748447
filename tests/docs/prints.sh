#!/bin/sh
# prints.sh PROGRAM EXPECTED: passes if PROGRAM prints what is in the file EXPECTED.
"$1" | diff "$2" -
