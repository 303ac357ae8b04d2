#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# One cell of the matrix: build for its kernel and run all tests, or those that
# are named, in one boot; then the frame path, in another one.
#
# cell.sh [--fetch | --build] NAME [PROGRAM...]
#
# With an option it ends after downloading or building. cells/NAME.sh sets
# RIG_SERIES, RIG_ARCH and perhaps RIG_FLAVOUR, and has a function cell_options
# that changes the options of the boot (boot.sh), PROGRAMS (all that there are,
# in their order) and what is set below.
#
# Results are NAME.sums (passed, failed, skipped, seconds) and NAME.results in
# $(O)/cells; what is built and the logs of the boot are in the folder of the
# kernel there.

set -eu
UNTIL=
case ${1:-} in --*) UNTIL=$1; shift ;; esac
NAME=${1:?cell.sh [--fetch | --build] NAME [PROGRAM...]}
shift
CELL=$(realpath -m -- "$0/../cells/$NAME.sh")
[ -e "$CELL" ] || {
	echo "there is no cell '$NAME'" >&2
	exit 1
}
RIG_FLAVOUR=
# How many times longer than elsewhere a program, and all of them, may take.
CELL_SLOWNESS=1
# Whether to run the frame path; empty: where there are a screen and a guest.
CELL_FRAMES=
# Type of the guests for which to run the display backend.
CELL_BACKEND=
# Whether to show that the checkers of the kernel find what they are for.
CELL_CONTROLS=0
# shellcheck source=cells/pv-6.12.sh
. "$CELL"
export RIG_SERIES RIG_ARCH RIG_FLAVOUR

# shellcheck source=rig-lib.sh
. "$(dirname -- "${BASH_SOURCE[0]}")/rig-lib.sh"
CELLS=$RIG_O/cells
RIG_O=$CELLS/$RIG_SERIES-$RIG_FLAVOUR
# shellcheck source=rootfs.sh
. "$RIG_DIR/rootfs.sh"
# shellcheck source=boot.sh
. "$RIG_DIR/boot.sh"
# shellcheck source=suite.sh
. "$RIG_DIR/suite.sh"

cell_has_frames()
{
	[ $# -eq 0 ] && [ "${CELL_FRAMES:-$BOOT_DISPLAY}" -eq 1 ] &&
		[ "$BOOT_DOMU" -gt 0 ]
}

cell_has_backend()
{
	[ $# -eq 0 ] && [ -n "$CELL_BACKEND" ]
}

cell_has_controls()
{
	[ "$CELL_CONTROLS" -eq 1 ] && { [ $# -eq 0 ] || [ "$1" = checkers ]; }
}

# Named alone, they need no other boot.
cell_only_controls()
{
	[ "$*" = checkers ]
}

cell_tests()
{
	boot_tests "$NAME" $(($(test_limit) * CELL_SLOWNESS))
	cp -- "$BOOT_LOG/results" "$CELLS/$NAME.results"
}

cell_controls()
{
	boot_controls "$NAME-checkers" $(($(test_limit) * CELL_SLOWNESS))
	cat -- "$BOOT_LOG/results" >>"$CELLS/$NAME.results"
}

# A boot of its own, with one thing to count: whether all went well.
# cell_boot NAME COMMAND...
cell_boot()
{
	local what=$1 log=$CELLS/$NAME.${1// /-}.log verdict

	shift
	rig_say "booting Xen: $NAME, $what (log: $log)"
	if O=$RIG_O RIG_CELL=$CELL "$@" >"$log" 2>&1; then
		PASSED=$((PASSED + 1))
		verdict=ok
	else
		FAILED=$((FAILED + 1))
		verdict="not ok"
		tail -n 30 -- "$log" >&2
	fi
	rig_say "$verdict $NAME: $what"
	echo "$verdict $what (log: $log)" >>"$CELLS/$NAME.results"
}

rig_init
rig_tmpdir
mkdir -p "$RIG_O"
"$RIG_DIR/deps.sh"
"$RIG_DIR/fetch.sh"
[ "$UNTIL" != --fetch ] || exit 0
[ ! -e "$RIG_CONFIG" ] || "$RIG_DIR/kernel.sh"
ABI=$(cat -- "$RIG_ABI_FILE")
KDIR=$RIG_CACHE/headers-$ABI/build
SRC=$RIG_CACHE/source-$RIG_SOURCE_SERIES
rig_say "cell $NAME: building"
rig_quietly "$CELLS/$NAME.build.log" build_all
[ "$UNTIL" != --build ] || exit 0
rig_lock
START=$(date +%s)
suite_prepare
cell_options
[ $# -eq 0 ] || PROGRAMS=("$@")
BOOT_LIMIT=$((BOOT_LIMIT * CELL_SLOWNESS))
rm -f -- "$CELLS/$NAME.results"
cell_only_controls "$@" || cell_tests
! cell_has_frames "$@" ||
	cell_boot "frame path" "$RIG_TOP/tools/xen/framedemo/run.sh"
! cell_has_backend "$@" || FRAMES=60 EVERY=20 VKMS_FRAMES=41 \
	cell_boot "display backend" "$RIG_TOP/tools/xen/vdispl-backend/run.sh" \
	"$CELL_BACKEND"
! cell_has_controls "$@" || cell_controls
echo "$PASSED $FAILED $SKIPPED $(($(date +%s) - START))" >"$CELLS/$NAME.sums"
[ "$FAILED" -eq 0 ]
