#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# All checks and tests, counted. The last line is "N passed, N failed".
# An argument "static" or "boots" limits it to that part.

# shellcheck source=rig-lib.sh
. "$(dirname -- "${BASH_SOURCE[0]}")/rig-lib.sh"
# shellcheck source=rootfs.sh
. "$RIG_DIR/rootfs.sh"
# shellcheck source=boot.sh
. "$RIG_DIR/boot.sh"
# shellcheck source=static.sh
. "$RIG_DIR/static.sh"

LOGS=$RIG_O/test
PASSED=0
FAILED=0
SKIPPED=0
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
	point "kernel-doc" static_kernel_doc
	point "documentation" static_docs
	point "codespell" static_codespell
	point "shellcheck" static_shellcheck
	point "build of the programs" static_programs
	point "self test of the result counter" static_ktap
}

test_programs()
{
	make -s --no-print-directory -C "$RIG_DIR/../gntdev" \
		OUTPUT="$RIG_O/selftests/gntdev" \
		KSFT_DIR="$SRC/tools/testing/selftests" \
		COLLECTION=x emit_tests | sed -n 's/^x://p'
}

# The time limit of one program, as kselftest's runner reads it.
test_limit()
{
	local limit

	limit=$(sed -n 's/^timeout=//p' "$RIG_DIR/../gntdev/settings" \
		2>/dev/null) || true
	echo "${limit:-300}"
}

boot_steps()
{
	local limit=$1 p

	shift
	echo '. /rig/dom0-lib.sh'
	# Importers of dma-bufs: one that needs vmap(), one that does not.
	echo 'modprobe -a cirrus vgem'
	echo 'gates_control'
	for p in "$@"; do
		echo "run_program $p $limit ./$p || exit"
	done
	echo 'gates_final'
	echo 'exit 0'
}

# The folder /rig/tests of dom0: the programs and their kernel modules.
test_folder()
{
	local dir=$RIG_TMP/tests p

	rm -rf -- "$dir"
	mkdir -p "$dir"
	for p in "$@"; do
		cp -- "$RIG_O/selftests/gntdev/$p" "$dir/"
	done
	find "$RIG_O/selftests/gntdev" -name '*.ko' -exec cp -t "$dir" {} +
	echo "$dir"
}

add_sums()
{
	local p f s

	read -r p f s <"$1"
	PASSED=$((PASSED + p))
	FAILED=$((FAILED + f))
	SKIPPED=$((SKIPPED + s))
}

count_report()
{
	"$RIG_DIR/ktap.py" --sums "$BOOT_LOG/sums" --expect "${PROGRAMS[@]}" |
		tee "$BOOT_LOG/results"
}

# boot_tests NAME LIMIT: all programs in one boot.
boot_tests()
{
	local rc=0

	BOOT_NAME=$1
	boot_steps "$2" "${PROGRAMS[@]}" >"$RIG_TMP/steps"
	rig_say "booting Xen: $BOOT_NAME"
	boot_prepare "$ABI" "$RIG_TMP/steps"
	rm -f -- "$BOOT_LOG/sums"
	boot_start && boot_finish || rc=$?
	if [ "$rc" -ne 0 ]; then
		FAILED=$((FAILED + 1))
		rig_say "not ok $BOOT_NAME: ended with $rc (logs: $BOOT_LOG)"
	else
		PASSED=$((PASSED + 1))
		rig_say "ok $BOOT_NAME: ended as it should"
	fi
	[ -e "$BOOT_LOG/sums" ] || count_report <"$BOOT_LOG/report.log"
	add_sums "$BOOT_LOG/sums"
}

boots()
{
	local out=$RIG_O/selftests limit

	mapfile -t PROGRAMS < <(test_programs)
	[ ${#PROGRAMS[@]} -gt 0 ] || rig_die "no test programs"
	limit=$(test_limit)
	BOOT_FILTER=count_report
	BOOT_DOMU=1
	# Tests of a screen read the video memory of the emulated adapter.
	BOOT_DOM0_ARGS=iomem=relaxed
	BOOT_DISPLAY=1
	BOOT_LIMIT=1500
	BOOT_ADD=("$(test_folder "${PROGRAMS[@]}"):/rig/tests"
		"$out/qemu/hold-grant")
	BOOT_ADD_DOMU=("$out/lib/xen-peer")
	boot_tests plain "$limit"
	BOOT_DOM0_ARGS+=" slub_debug=FZPU"
	boot_tests slub-debug $((limit * 2))
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
ABI=$(cat -- "$RIG_CACHE/abi-$RIG_SERIES")
KDIR=$RIG_CACHE/headers-$ABI/build
SRC=$RIG_CACHE/source-$RIG_SERIES
[ "${1:-static}" != static ] || static_checks
[ "${1:-boots}" = boots ] || finish
[ -e "$RIG_O/module/drivers/xen/xen-gntdev.ko" ] ||
	rig_die "there is no module to test"
rig_lock
boots
finish
