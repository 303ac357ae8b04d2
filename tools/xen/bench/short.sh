#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# The short form of the benchmark, for CI: up to 2025 pages, PV. It fails if one
# of the ratios in ratios.tsv is exceeded by more than 3 %.
#
#   short.sh [--keep]
#
# With --keep, the ratios of this run become those to compare with.

set -eu
export BENCH_LIMIT=${BENCH_LIMIT:-300}	# seconds; it takes half a minute
HERE=$(cd -- "$(dirname -- "${BASH_SOURCE[0]}")" && pwd)
HOW=--against
[ "${1:-}" != --keep ] || HOW=--keep

exec "$HERE/run.sh" --pages 2025 --what "floor sizes" "$HOW" "$HERE/ratios.tsv"
