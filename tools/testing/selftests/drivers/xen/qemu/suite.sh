# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash
#
# The test programs in one boot, and their count. To be sourced after boot.sh
# by scripts that set ABI, KDIR and SRC.

# What the boots so far have counted.
PASSED=0
FAILED=0
SKIPPED=0

PROGRAMS=()		# the programs of a boot

build_module()
{
	make -C "$RIG_TOP" O="$RIG_O" KDIR="$KDIR" W=1 "${ARCH_MAKE[@]}" \
		modules selftest-module
}

# For the fuzzer only.
build_traced_module()
{
	make -C "$RIG_TOP" O="$RIG_O" KDIR="$KDIR" W=1 "${ARCH_MAKE[@]}" \
		coverage-module
}

# Some tests bring a kernel module of their own.
build_programs()
{
	local xen=$RIG_TOP/tools/testing/selftests/drivers/xen
	local vars=("${ARCH_MAKE_PROGRAMS[@]}")

	mkdir -p "$RIG_O/selftests/gntdev" &&
	make -C "$xen/lib" "${vars[@]}" OUTPUT="$RIG_O/selftests/lib" &&
	make -C "$xen/gntdev" "${ARCH_MAKE[@]}" "${vars[@]}" \
		OUTPUT="$RIG_O/selftests/gntdev" \
		KSFT_DIR="$SRC/tools/testing/selftests" KDIR="$KDIR" &&
	make -C "$xen/qemu" "${vars[@]}" OUTPUT="$RIG_O/selftests/qemu"
}

# Cells of one kernel share what is built; one at a time builds it.
build_one()
(
	flock 7
	"$@"
) 7>"$RIG_O/build.lock"

build_all()
{
	build_one build_module && build_one build_programs
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
	echo "modprobe -a ${ARCH_MODULES[*]} vgem"
	echo 'gates_control'
	for p in "$@"; do
		echo "run_program $p $limit ./$p || exit"
	done
	echo 'gates_final'
	echo 'exit 0'
}

# The folder /rig/tests of dom0: the programs, their helpers and kernel modules.
test_folder()
{
	local dir=$RIG_TMP/tests p

	rm -rf -- "$dir"
	mkdir -p "$dir"
	for p in "$@"; do
		case $p in
		*.sh) cp -- "$RIG_DIR/../gntdev/$p" "$dir/" ;;
		*) cp -- "$RIG_O/selftests/gntdev/$p" "$dir/" ;;
		esac
	done
	cp -- "$RIG_O/selftests/gntdev/"{compat-32,lend-pages,checkers,commit-fault} \
		"$dir/"
	[ "$RIG_ARCH" != amd64 ] ||
		cp -- "$RIG_O/selftests/gntdev/hostile-guest" "$dir/"
	find "$RIG_O/selftests/gntdev" "$RIG_O/module-selftest" -name '*.ko' \
		-exec cp -t "$dir" {} +
	echo "$dir"
}

add_sums()
{
	local p f s rest

	# shellcheck disable=SC2034 # rest is of no interest
	read -r p f s rest <"$1"
	PASSED=$((PASSED + p))
	FAILED=$((FAILED + f))
	SKIPPED=$((SKIPPED + s))
}

count_report()
{
	"$RIG_DIR/ktap.py" --sums "$BOOT_LOG/sums" --expect "${PROGRAMS[@]}" |
		tee "$BOOT_LOG/results"
}

# A machine that lost a timer says nothing of the driver: it is tried once more.
boot_suite()
{
	local rc=0

	boot_start && boot_finish || rc=$?
	[ "$BOOT_LOST_TIMER" -eq 1 ] || return "$rc"
	rig_say "the machine lost the timer of a processor: once more"
	cp -- "$BOOT_LOG/console.log" "$BOOT_LOG/console-lost-timer.log"
	rm -f -- "$BOOT_LOG/sums"
	boot_start && boot_finish
}

# boot_tests NAME LIMIT: all programs in one boot.
boot_tests()
{
	local rc=0 verdict

	BOOT_NAME=$1
	boot_steps "$2" "${PROGRAMS[@]}" >"$RIG_TMP/steps"
	rig_say "booting Xen: $BOOT_NAME"
	boot_prepare "$ABI" "$RIG_TMP/steps"
	rm -f -- "$BOOT_LOG/sums"
	boot_suite || rc=$?
	[ -e "$BOOT_LOG/sums" ] || count_report <"$BOOT_LOG/report.log"
	add_sums "$BOOT_LOG/sums"
	if [ "$rc" -ne 0 ]; then
		FAILED=$((FAILED + 1))
		verdict="not ok $BOOT_NAME: ended with $rc (logs: $BOOT_LOG)"
	else
		PASSED=$((PASSED + 1))
		verdict="ok $BOOT_NAME: ended as it should"
	fi
	rig_say "$verdict"
	echo "$verdict" >>"$BOOT_LOG/results"
	[ ! -e "$BOOT_LOG/death" ] || sed 's/^/# died: /' "$BOOT_LOG/death" \
		>>"$BOOT_LOG/results"
}

control_steps()
{
	cat <<-EOT
	. /rig/dom0-lib.sh
	run_unchecked checkers $1 ./checkers
	echo 1 >/proc/sys/kernel/panic_on_warn
	(cd /rig/tests && ./commit-fault warn)
	EOT
}

panicked_at_last()
{
	[ "$1" -eq 126 ] && grep -q 'panic_on_warn set' "$BOOT_LOG/console.log"
}

# boot_controls NAME LIMIT: in a boot without guests, each checker of the kernel
# has something to find. The last one is that a warning ends the machine, which
# it does not do before.
boot_controls()
{
	local rc=0 verdict

	BOOT_NAME=$1
	BOOT_DOMU=0
	BOOT_DOM0_ARGS=${BOOT_DOM0_ARGS/panic_on_warn=1/kasan_multi_shot}
	PROGRAMS=(checkers)
	control_steps "$2" >"$RIG_TMP/steps"
	rig_say "booting Xen: $BOOT_NAME"
	boot_prepare "$ABI" "$RIG_TMP/steps"
	rm -f -- "$BOOT_LOG/sums"
	boot_start && boot_finish 2>"$BOOT_LOG/end" || rc=$?
	[ -e "$BOOT_LOG/sums" ] || count_report <"$BOOT_LOG/report.log"
	add_sums "$BOOT_LOG/sums"
	if panicked_at_last "$rc"; then
		PASSED=$((PASSED + 1))
		verdict="ok $BOOT_NAME: a warning ends the machine"
	else
		cat -- "$BOOT_LOG/end" >&2
		FAILED=$((FAILED + 1))
		verdict="not ok $BOOT_NAME: a warning ends the machine (logs: $BOOT_LOG)"
	fi
	rig_say "$verdict"
	echo "$verdict" >>"$BOOT_LOG/results"
}

# What all boots of the suite have in common.
# shellcheck disable=SC2034 # for boot.sh
suite_prepare()
{
	local out=$RIG_O/selftests

	mapfile -t PROGRAMS < <(test_programs)
	[ ${#PROGRAMS[@]} -gt 0 ] || rig_die "no test programs"
	BOOT_FILTER=count_report
	BOOT_DOMU=2
	# Tests of a screen read the video memory of the emulated adapter.
	BOOT_DOM0_ARGS+=" iomem=relaxed"
	BOOT_DISPLAY=1
	BOOT_LIMIT=1500
	BOOT_ADD=("$(test_folder "${PROGRAMS[@]}"):/rig/tests"
		"$out/qemu/hold-grant")
	BOOT_ADD_DOMU=("$out/lib/xen-peer"
		"$out/gntdev/test_modules/mock-dmabuf.ko:/rig/mock-dmabuf.ko")
}
