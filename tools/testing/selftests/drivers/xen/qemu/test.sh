#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# All checks and tests, counted. The last line is "N passed, N failed".
# An argument limits it to a part: "static", "boots" or "cells [NAME...]", and
# "all" takes all cells of the matrix in place of the boots.

# shellcheck source=rig-lib.sh
. "$(dirname -- "${BASH_SOURCE[0]}")/rig-lib.sh"
# shellcheck source=rootfs.sh
. "$RIG_DIR/rootfs.sh"
# shellcheck source=boot.sh
. "$RIG_DIR/boot.sh"
# shellcheck source=suite.sh
. "$RIG_DIR/suite.sh"
# shellcheck source=static.sh
. "$RIG_DIR/static.sh"

LOGS=$RIG_O/test
COMPLETE=0

# point NAME COMMAND...: a counted check; its output is shown when it fails.
point()
{
	local name=$1 log=$LOGS/${1//[^a-zA-Z0-9]/-}.log

	shift
	if ("$@") >"$log" 2>&1; then
		PASSED=$((PASSED + 1))
		rig_say "ok $name"
	else
		FAILED=$((FAILED + 1))
		rig_say "not ok $name (log: $log)"
		tail -n 30 -- "$log" >&2
	fi
}

static_checks()
{
	point "build of the module with W=1" static_build
	point "sparse" static_sparse
	point "checkpatch --strict" static_checkpatch
	point "no kernel version in the sources" static_versions
	point "kernel-doc" static_kernel_doc
	point "documentation" static_docs
	point "codespell" static_codespell
	point "shellcheck" static_shellcheck
	point "build of the programs" static_programs
	point "self test of the result counter" static_ktap
}

boots()
{
	local limit

	[ -e "$RIG_O/module/drivers/xen/xen-gntdev.ko" ] ||
		rig_die "there is no module to test"
	rig_lock
	suite_prepare
	limit=$(test_limit)
	boot_tests plain "$limit"
	BOOT_DOM0_ARGS+=" slub_debug=FZPU"
	boot_tests slub-debug $((limit * 2))
}

# Each cell is a process of its own, as it may be of another architecture.
cells()
{
	local cell names sums

	mapfile -t names < <(cell_names)
	[ $# -gt 0 ] || set -- "${names[@]}"
	for cell in "$@"; do
		sums=$RIG_O/cells/$cell.sums
		rm -f -- "$sums"
		"$RIG_DIR/cell.sh" "$cell" || true
		[ -e "$sums" ] || echo 0 1 0 0 >"$sums"
		add_sums "$sums"
	done
	cells_table "$@"
}

cell_names()
{
	(cd "$RIG_DIR/cells" && printf '%s\n' *.sh) | sed 's/\.sh$//'
}

cells_table()
{
	local cell p f s t

	printf '%-20s %7s %7s %7s %6s\n' cell passed failed skipped time
	for cell in "$@"; do
		read -r p f s t <"$RIG_O/cells/$cell.sums"
		printf '%-20s %7d %7d %7d %3d:%02d\n' "$cell" "$p" "$f" "$s" \
			$((t / 60)) $((t % 60))
		cell_skips "$cell"
	done
}

# Why a cell skips what it skips.
cell_skips()
{
	sed -n 's/.*# SKIP */  skipped: /p' "$RIG_O/cells/$1.results" \
		2>/dev/null | sort | uniq -c | sort -rn |
		sed -E 's/^ *([0-9]+) +skipped:/    \1 skipped:/'
}

# The sums are the last line, whatever made the script end.
# shellcheck disable=SC2317 # called at the exit
print_sums()
{
	local line

	[ "$COMPLETE" -eq 1 ] || FAILED=$((FAILED + 1))
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

rig_init
rig_at_exit print_sums
rig_tmpdir
mkdir -p "$LOGS"
"$RIG_DIR/deps.sh"
"$RIG_DIR/fetch.sh"
ABI=$(cat -- "$RIG_ABI_FILE")
KDIR=$RIG_CACHE/headers-$ABI/build
SRC=$RIG_CACHE/source-$RIG_SOURCE_SERIES
case ${1:-} in
'') static_checks; boots ;;
static) static_checks ;;
boots) boots ;;
all) static_checks; cells ;;
cells) shift; cells "$@" ;;
*) rig_die "unknown part '$1'" ;;
esac
finish
