#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# One cell of the matrix: build for its kernel and run all tests, or those that
# are named, in one boot.
#
# cells/NAME.sh sets RIG_SERIES, RIG_ARCH and perhaps RIG_FLAVOUR, and has a
# function cell_options that changes the options of the boot. Results are NAME.sums (passed, failed,
# skipped, seconds) and NAME.results in $(O)/cells; what is built and the logs
# of the boot are in the folder of the kernel there.

set -eu
NAME=${1:?cell.sh NAME [PROGRAM...]}
shift
CELL=$(dirname -- "$0")/cells/$NAME.sh
[ -e "$CELL" ] || {
	echo "there is no cell '$NAME'" >&2
	exit 1
}
RIG_FLAVOUR=
# How many times longer than elsewhere a program may take.
CELL_SLOWNESS=1
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

cell_build()
{
	build_module
	build_programs
}

rig_init
rig_say "cell $NAME: building"
rig_tmpdir
mkdir -p "$RIG_O"
"$RIG_DIR/deps.sh"
"$RIG_DIR/fetch.sh"
ABI=$(cat -- "$RIG_ABI_FILE")
KDIR=$RIG_CACHE/headers-$ABI/build
SRC=$RIG_CACHE/source-$RIG_SOURCE_SERIES
rig_quietly "$CELLS/$NAME.build.log" cell_build
rig_lock
START=$(date +%s)
suite_prepare
cell_options
[ $# -eq 0 ] || PROGRAMS=("$@")
boot_tests "$NAME" $(($(test_limit) * CELL_SLOWNESS))
cp -- "$BOOT_LOG/results" "$CELLS/$NAME.results"
echo "$PASSED $FAILED $SKIPPED $(($(date +%s) - START))" >"$CELLS/$NAME.sums"
[ "$FAILED" -eq 0 ]
