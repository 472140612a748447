#!/usr/bin/env bash
# The text of each planted bug is in the source exactly once.
exec python3 tests/planted/campaign.py --check
