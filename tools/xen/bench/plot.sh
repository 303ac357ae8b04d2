#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# Draw what the benchmark reported:  plot.sh REPORT PREFIX
#
# PREFIX-map.svg and so on: instructions per page of the rows that matter, by
# number of pages.

set -euo pipefail
export LC_ALL=C
REPORT=${1:?plot.sh REPORT PREFIX}
PREFIX=${2:?plot.sh REPORT PREFIX}
TMP=$(mktemp -d)
trap 'rm -rf -- "$TMP"' EXIT

# series IMPL OP PART...: pages and instructions per page, a line each.
series()
{
	local impl=$1 op=$2

	shift 2
	awk -v impl="impl=$impl" -v op="op=$op" -v parts=" $* " '
	$2 == impl && $3 == op && !/live=/ && /cost=/ {
		split($4, pages, "="); split($5, part, "="); split($6, cost, "=")
		if (index(parts, " " part[2] " "))
			sum[pages[2]] += cost[2]
	}
	END { for (p in sum) print p, sum[p] / p }' "$REPORT" | sort -n
}

# add TITLE FILE: one more line of the next plot, if there are any figures.
add()
{
	[ -s "$2" ] || return 0
	CURVES+="${CURVES:+, }\"$2\" with linespoints linewidth 2 title \"$1\""
}

# sums FILE FILE: line by line.
sums()
{
	join "$1" "$2" | awk '{ print $1, $2 + $3 }'
}

plot()
{
	local name=$1 title=$2

	[ -n "$CURVES" ] || return 0
	gnuplot <<-EOT
	set terminal svg size 720,440 background "white"
	set output "$PREFIX-$name.svg"
	set title "$title"
	set xlabel "pages"
	set ylabel "instructions per page"
	set logscale xy
	set grid
	plot $CURVES
	EOT
	CURVES=
}

CURVES=
series ours map MAP mmap munmap UNMAP >"$TMP/map-ours"
series mainline map MAP mmap munmap UNMAP >"$TMP/map-mainline"
series floor kernel map unmap >"$TMP/floor-kernel"
series floor user map unmap >"$TMP/floor-user"
if [ -s "$TMP/floor-user" ]; then
	sums "$TMP/floor-kernel" "$TMP/floor-user" >"$TMP/floor-map"
else
	cp -- "$TMP/floor-kernel" "$TMP/floor-map"
fi
add "this driver" "$TMP/map-ours"
add "kernel's own" "$TMP/map-mainline"
add "hypercalls" "$TMP/floor-map"
plot map "MAP, mmap, munmap, UNMAP"

series ours export EXP release >"$TMP/export-ours"
series mainline_lift export EXP release >"$TMP/export-mainline"
add "this driver" "$TMP/export-ours"
add "kernel's own" "$TMP/export-mainline"
add "hypercalls" "$TMP/floor-kernel"
plot export "export and release"

series ours import-udmabuf IMP release >"$TMP/import-ours"
series mainline import-udmabuf IMP release >"$TMP/import-mainline"
series floor grant end grant >"$TMP/floor-import"
add "this driver" "$TMP/import-ours"
add "kernel's own" "$TMP/import-mainline"
add "granting alone" "$TMP/floor-import"
plot import "import and release (udmabuf)"
