#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# Run the fuzzer for some seconds in the boot of a cell, with the gates of the
# rig behind it, and tell what of the driver was covered.
#
# fuzz.sh SECONDS [SEED [OPTION...]]
#
# With SECONDS 0 the program of SEED runs again. CELL names another cell than
# that of the debug kernel, or of the stock kernel where there is no other. The
# options are those of the fuzzer. FUZZ_KO is a module to run in the place of
# that which is built, such as one with a fault in it. The last lines of the
# report before a machine died name the programs that ran: "# > SEED".

set -eu
DIR=$(dirname -- "${BASH_SOURCE[0]}")
NAME=${CELL:-pv-debug}
[ -n "${CELL:-}" ] || [ -e "$DIR/cells/$NAME.sh" ] || NAME=pv-6.12
[ -e "$DIR/cells/$NAME.sh" ] || {
	echo "there is no cell '$NAME'" >&2
	exit 1
}
FUZZ_SECONDS=${1:-180}
FUZZ_SEED=${2:-$(printf '%x' "$(date +%s)")}
shift $(($# < 2 ? $# : 2))
RIG_FLAVOUR=
CELL_SLOWNESS=1
# shellcheck source=cells/pv-6.12.sh
. "$DIR/cells/$NAME.sh"
export RIG_SERIES RIG_ARCH RIG_FLAVOUR

# shellcheck source=rig-lib.sh
. "$DIR/rig-lib.sh"
RIG_O=$RIG_O/cells/$RIG_SERIES-$RIG_FLAVOUR
# shellcheck source=rootfs.sh
. "$RIG_DIR/rootfs.sh"
# shellcheck source=boot.sh
. "$RIG_DIR/boot.sh"
# shellcheck source=suite.sh
. "$RIG_DIR/suite.sh"

FUZZ_KO=${FUZZ_KO:-$RIG_O/module-coverage/drivers/xen/xen-gntdev.ko}

fuzz_build_program()
{
	make -C "$RIG_DIR/../fuzz" "${ARCH_MAKE_PROGRAMS[@]}" \
		OUTPUT="$RIG_O/selftests/fuzz"
}

fuzz_build()
{
	build_all && build_one build_traced_module && fuzz_build_program
}

fuzz_steps()
{
	local limit=$((FUZZ_SECONDS + 300 * CELL_SLOWNESS))

	echo '. /rig/dom0-lib.sh'
	echo "modprobe -a ${ARCH_MODULES[*]} vgem"
	echo "insmod /rig/tests/mock-dmabuf.ko"
	echo "run_program fuzz $limit ./fuzz $*"
	echo 'gates_final'
	echo 'exit 0'
}

# Most lines are for whoever looks for what went wrong.
fuzz_filter()
{
	grep --line-buffered -avE '^# (> |block |edge )' | count_report
}

# shellcheck disable=SC2034 # for boot.sh
fuzz_prepare()
{
	suite_prepare
	cell_options
	PROGRAMS=(fuzz)
	BOOT_NAME=fuzz-$NAME
	BOOT_FILTER=fuzz_filter
	BOOT_DOMU=1
	BOOT_DISPLAY=0
	BOOT_DRIVER=$FUZZ_KO
	BOOT_LIMIT=$((FUZZ_SECONDS + 900 * CELL_SLOWNESS))
	BOOT_ADD=("$RIG_O/selftests/fuzz:/rig/tests"
		"$RIG_O/selftests/gntdev/test_modules/mock-dmabuf.ko:/rig/tests/mock-dmabuf.ko")
}

rig_init
rig_tmpdir
mkdir -p "$RIG_O"
"$RIG_DIR/deps.sh"
"$RIG_DIR/fetch.sh"
[ ! -e "$RIG_CONFIG" ] || "$RIG_DIR/kernel.sh"
ABI=$(cat -- "$RIG_ABI_FILE")
KDIR=$RIG_CACHE/headers-$ABI/build
SRC=$RIG_CACHE/source-$RIG_SOURCE_SERIES
rig_say "fuzzer: building for $NAME"
rig_quietly "$RIG_O/fuzz.build.log" fuzz_build
rig_lock
fuzz_prepare
FUZZ_OPTIONS=(--seed "$FUZZ_SEED" "$@")
[ "$FUZZ_SECONDS" -eq 0 ] || FUZZ_OPTIONS+=(--seconds "$FUZZ_SECONDS")
fuzz_steps "${FUZZ_OPTIONS[@]}" >"$RIG_TMP/steps"
boot_prepare "$ABI" "$RIG_TMP/steps"
rig_say "fuzzing for $FUZZ_SECONDS s, seed $FUZZ_SEED (logs: $BOOT_LOG)"
rm -f -- "$BOOT_LOG/sums"
RC=0
boot_start && boot_finish || RC=$?
[ -e "$BOOT_LOG/sums" ] || fuzz_filter <"$BOOT_LOG/report.log"
add_sums "$BOOT_LOG/sums"
# What was covered is told at the end, which a machine that died did not reach.
if grep -qa '^# block ' "$BOOT_LOG/report.log"; then
	"$RIG_DIR/../fuzz/coverage-table.py" "$BOOT_LOG/report.log" \
		"$FUZZ_KO" | tee "$BOOT_LOG/coverage"
fi
if [ "$RC" -ne 0 ] || [ "$FAILED" -ne 0 ]; then
	rig_say "the last programs before the end, and what was found:"
	grep -aE '^# (> |FOUND|program of)' "$BOOT_LOG/report.log" |
		tail -n 12 >&2
	rig_say "not ok: seed $FUZZ_SEED (ended with $RC, logs: $BOOT_LOG)"
	exit 1
fi
rig_say "ok: seed $FUZZ_SEED"
