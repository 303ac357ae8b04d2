#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# All checks and tests, counted. The last line is "N passed, N failed". Without
# an argument these are the static checks and some cells of the matrix, with
# "all" all of them, and with "ci" those with a debug kernel, the patch series, and
# one more that changes each day, if there is time left. "static", "debug", "long"
# and "cells [NAME...]" do only that part.

# shellcheck source=rig-lib.sh
. "$(dirname -- "${BASH_SOURCE[0]}")/rig-lib.sh"
# shellcheck source=suite.sh
. "$RIG_DIR/suite.sh"
# shellcheck source=points.sh
. "$RIG_DIR/points.sh"
# shellcheck source=static.sh
. "$RIG_DIR/static.sh"

LOGS=$RIG_O/test
COMPLETE=0
CELLS=()
DOING=			# what is at work
BUILD_PID=
QUICK_CELLS=(pv-6.12 pvh-6.12 arm64-6.12)
DEBUG_CELLS=(pv-debug arm64-kasan)
LONG_CELLS=(pv-6.12-long pv-series)
CI_EARLY=2700		# seconds after which no other cell begins

# What the machines of continuous integration have time for, which differ.
ci_rest()
{
	local today others

	point "patch series" "$RIG_DIR/check-series.sh" quick
	point "fuzzer, 3 minutes" "$RIG_DIR/fuzz.sh" 180
	point "benchmark, short form" "$RIG_TOP/tools/xen/bench/short.sh"
	mapfile -t others < <(other_cells)
	today=${others[0]}
	if [ $(($(date +%s) - RIG_EPOCH)) -gt "$CI_EARLY" ]; then
		rig_say "no time left for the cell of today: $today"
		return
	fi
	rig_say "the cell of today: $today"
	cells "$today"
	CELLS+=("$today")
}

static_checks()
{
	local start p=$PASSED f=$FAILED

	start=$(date +%s)
	point "build of the module with W=1" static_build
	point "sparse" static_sparse
	point "checkpatch --strict" static_checkpatch
	point "no kernel version in the sources" static_versions
	point "kernel-doc" static_kernel_doc
	point "documentation" static_docs
	point "codespell" static_codespell
	point "shellcheck" static_shellcheck
	point "build of the programs" static_programs
	point "examples of the documents" static_examples
	point "self test of the result counter" static_ktap
	echo "$((PASSED - p)) $((FAILED - f)) 0 $(($(date +%s) - start))" \
		>"$LOGS/static.sums"
}

# Each cell is a process of its own, as it may be of another architecture. All
# are built meanwhile; one whose turn comes waits for that, or builds itself.
cells()
{
	local cell

	cells_fetch "$@"
	mkdir -p "$RIG_O/cells"
	for cell in "$@"; do
		cell_forget "$cell"
	done
	cells_build "$@" &
	BUILD_PID=$!
	for cell in "$@"; do
		cell_run "$cell"
		add_sums "$RIG_O/cells/$cell.sums"
	done
	wait "$BUILD_PID" || true
	BUILD_PID=
}

# What it counted another time.
cell_forget()
{
	rm -f -- "$RIG_O/cells/$1".{sums,results}
}

# Whatever needs the network comes first. A cell that lacks something fails
# when its turn comes.
cells_fetch()
{
	local cell

	for cell in "$@"; do
		"$RIG_DIR/cell.sh" --fetch "$cell" ||
			rig_say "cell $cell: not everything is there"
	done
}

# In the background.
cells_build()
{
	local cell

	trap 'kill "$!"; exit 143' TERM
	for cell in "$@"; do
		nice -n 19 "$RIG_DIR/cell.sh" --build "$cell" \
			>"$RIG_O/cells/$cell.prepare.log" 2>&1 &
		wait "$!" || true
	done
}

# shellcheck disable=SC2317 # called at the exit
stop_build()
{
	[ -z "$BUILD_PID" ] || kill "$BUILD_PID" 2>/dev/null
}

# One that dies before it counts anything, or counts nothing, has failed.
cell_run()
{
	local cell=$1 sums=$RIG_O/cells/$1.sums start p f s t

	DOING="cell $cell"
	start=$(date +%s)
	"$RIG_DIR/cell.sh" "$cell" || true
	if [ -e "$sums" ] && read -r p f s t <"$sums" &&
	   [ $((p + f)) -gt 0 ]; then
		return 0
	fi
	rig_say "not ok cell $cell: no results"
	echo "0 1 0 $(($(date +%s) - start))" >"$sums"
	echo "not ok no results" >"${sums%.sums}.results"
}

cell_names()
{
	(cd "$RIG_DIR/cells" && printf '%s\n' *.sh) | sed 's/\.sh$//'
}

# All but those that have names here, the one of today first.
other_cells()
{
	local others n

	mapfile -t others < <(cell_names | grep -vxF -f \
		<(printf '%s\n' "${QUICK_CELLS[@]}" "${DEBUG_CELLS[@]}" \
			"${LONG_CELLS[@]}"))
	n=$(($(date +%s) / 86400 % ${#others[@]}))
	printf '%s\n' "${others[@]:n}" "${others[@]:0:n}"
}

# table_row NAME SUMS-FILE
table_row()
{
	local p f s t

	read -r p f s t <"$2"
	printf '%-20s %7d %7d %7d %4d:%02d\n' "$1" "$p" "$f" "$s" \
		$((t / 60)) $((t % 60))
}

table()
{
	local cell total

	printf '\n%-20s %7s %7s %7s %7s\n' cell passed failed skipped time
	[ ! -e "$LOGS/static.sums" ] ||
		table_row "static checks" "$LOGS/static.sums"
	for cell in "$@"; do
		table_row "$cell" "$RIG_O/cells/$cell.sums"
		cell_notes "$RIG_O/cells/$cell.results"
	done
	point_notes
	total=$(rig_elapsed)
	printf "%-20s %31s\n" "all, with building" "${total#0}"
}

# What a cell failed, why it skipped what it skipped, what took long.
cell_notes()
{
	[ -e "$1" ] || return 0
	sed -nE 's/^(\[[0-9:]*\] )?not ok /    failed: /p' "$1"
	sed -n 's/^# died: /    /p' "$1"
	sed -n 's/.*# SKIP *//p' "$1" | sort | uniq -c | sort -rn |
		sed -E 's/^ *([0-9]+) +/    \1 skipped: /'
	sed -nE 's/.*\] # (\S+) took ([0-9]+) s$/\2 \1/p' "$1" | sort -rn |
		head -n 4 | awk '{ line = line sep $2 " " $1 " s"; sep = ", " }
		END { if (NR) print "    slowest: " line }'
}

# What there is of the table, if something ends the script.
# shellcheck disable=SC2317 # called at the exit
cut_short()
{
	local cell done=()

	FAILED=$((FAILED + 1))
	for cell in ${CELLS[@]+"${CELLS[@]}"}; do
		[ ! -e "$RIG_O/cells/$cell.sums" ] || done+=("$cell")
	done
	table ${done[@]+"${done[@]}"}
	echo "failed: ended early, in: ${DOING:-preparations}"
}

# The sums are the last line, whatever made the script end.
# shellcheck disable=SC2317 # called at the exit
print_sums()
{
	local line

	[ "$COMPLETE" -eq 1 ] || cut_short
	line="$PASSED passed, $FAILED failed"
	[ "$SKIPPED" -eq 0 ] || line+=", $SKIPPED skipped"
	echo "$line"
}

finish()
{
	COMPLETE=1
	[ "$FAILED" -eq 0 ]
	exit
}

PART=${1:-}
rig_init
rig_at_exit print_sums
rig_at_exit stop_build
rig_tmpdir
mkdir -p "$LOGS"
"$RIG_DIR/deps.sh"
"$RIG_DIR/fetch.sh"
ABI=$(cat -- "$RIG_ABI_FILE")
KDIR=$RIG_CACHE/headers-$ABI/build
SRC=$RIG_CACHE/source-$RIG_SOURCE_SERIES
case ${1:-} in
'') CELLS=("${QUICK_CELLS[@]}") ;;
static) ;;
debug) CELLS=("${DEBUG_CELLS[@]}") ;;
long) CELLS=("${LONG_CELLS[@]}") ;;
all)
	mapfile -t CELLS < <(printf '%s\n' "${QUICK_CELLS[@]}" \
		"${DEBUG_CELLS[@]}"; other_cells)
	;;
ci)
	CELLS=("${QUICK_CELLS[@]}" "${DEBUG_CELLS[@]}")
	;;
cells)
	shift
	CELLS=("$@")
	[ $# -gt 0 ] || mapfile -t CELLS < <(cell_names)
	;;
*) rig_die "unknown part '$1'" ;;
esac
rm -f -- "$LOGS/static.sums"
case $PART in
cells | debug | long) ;;
*) static_checks ;;
esac
[ ${#CELLS[@]} -eq 0 ] || cells "${CELLS[@]}"
[ "$PART" != ci ] || ci_rest
table "${CELLS[@]}"
finish
