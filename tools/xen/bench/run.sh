#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# make bench: what the grant device costs, in instructions, beside the kernel's
# own driver and the bare hypercalls, in one boot of a machine that counts them.
# What several threads get done is measured in another boot, on a machine with
# several processors.
#
#   run.sh [--cell NAME] [--what "floor sizes frames live memory threads"]
#          [--pages MAX] [--impls "ours mainline mainline_lift"]
#          [--keep FILE | --against FILE]
#
# Results are in $(O)/bench: NAME.txt, as the machine reported them, NAME.json, and
# plots, NAME-*.svg.

BENCH_DIR=$(cd -- "$(dirname -- "${BASH_SOURCE[0]}")" && pwd)
RIG=$BENCH_DIR/../../testing/selftests/drivers/xen/qemu

# shellcheck source=../../testing/selftests/drivers/xen/qemu/rig-lib.sh
. "$RIG/rig-lib.sh"
# shellcheck source=../../testing/selftests/drivers/xen/qemu/rootfs.sh
. "$RIG/rootfs.sh"
# shellcheck source=../../testing/selftests/drivers/xen/qemu/boot.sh
. "$RIG/boot.sh"
# shellcheck source=../../testing/selftests/drivers/xen/qemu/suite.sh
. "$RIG/suite.sh"

BUILD=$RIG_O/bench
CELL=pv-6.12
WHAT=			# all that the cell can do
IMPLS="ours mainline mainline_lift"
PAGES=			# 65536 if it can be
RC=0
RATIOS=()		# for table.py

options()
{
	while [ $# -gt 0 ]; do
		case $1 in
		--cell) CELL=$2 ;;
		--what) WHAT=$2 ;;
		--impls) IMPLS=$2 ;;
		--pages) PAGES=$2 ;;
		--keep | --against) RATIOS=("$1" "$2") ;;
		*) rig_die "unknown option '$1'" ;;
		esac
		shift 2
	done
	# The table of a guest has no room for more pages. PVH has one processor.
	case $CELL in
	pvh-*)
		PAGES=${PAGES:-8100}
		WHAT=${WHAT:-floor sizes frames live memory}
		;;
	*)
		PAGES=${PAGES:-65536}
		WHAT=${WHAT:-floor sizes frames live memory threads}
		;;
	esac
	[ -e "$RIG/cells/$CELL.sh" ] || rig_die "there is no cell '$CELL'"
}

build()
{
	local kdir

	kdir=$("$RIG/rig.sh" headers)
	rig_quietly "$BUILD/module.log" build_one \
		make -C "$RIG_TOP" O="$RIG_O" KDIR="$kdir" W=1 modules
	rig_quietly "$BUILD/programs.log" build_one \
		make -C "$BENCH_DIR" OUTPUT="$BUILD"
	rig_quietly "$BUILD/helper.log" build_one \
		make -C "$BENCH_DIR/module" OUTPUT="$BUILD/module" KDIR="$kdir"
	rig_quietly "$BUILD/mainline.log" build_one "$BENCH_DIR/mainline.sh" \
		"$RIG_CACHE/mainline-$RIG_SOURCE_SERIES" "$kdir" \
		"$BUILD/mainline"
}

modules()
{
	local dir=$BUILD/modules

	rm -rf -- "$dir"
	mkdir -p "$dir"
	cp -- "$BUILD/module/gntdev-bench.ko" \
		"$BUILD"/mainline/*/mainline*.ko "$dir/"
	echo "$dir"
}

configure()
{
	# shellcheck source=../../testing/selftests/drivers/xen/qemu/cells/pv-6.12.sh
	. "$RIG/cells/$CELL.sh"
	cell_options
	BOOT_DISPLAY=0
	BOOT_DOM0_MEM=2048
	BOOT_GNTALLOC_LIMIT=80000
	BOOT_XEN_ARGS+=" gnttab_max_frames=512"
	BOOT_DOM0_ARGS+=" udmabuf.size_limit_mb=512"
	BOOT_LIMIT=${BENCH_LIMIT:-3000}
	BOOT_FILTER=progress
	BOOT_ADD=("$BUILD/gntdev-bench" "$(modules):/rig/bench")
	# Where a domain cannot map its own grants, a guest grants them.
	case $CELL in
	pvh-*) BOOT_DOMU=1; BOOT_ADD_DOMU=("$BUILD/lib/xen-peer") ;;
	esac
}

# measure NAME WHAT...: in one boot.
measure()
{
	BOOT_NAME=bench-$CELL-$1
	shift
	BOOT_TEST_ENV="BENCH_PAGES=$PAGES BENCH_WHAT='$*' BENCH_IMPLS='$IMPLS'"
	boot_prepare "$ABI" "$BENCH_DIR/dom0-steps.sh"
	rig_say "booting Xen: $BOOT_NAME (log: $BOOT_LOG)"
	boot_start
	boot_finish || RC=$?
	tr -d '\r' <"$BOOT_LOG/report.log" | grep -a '^BENCH ' \
		>>"$BUILD/$CELL.txt" || true
}

# With this clock a tick is an instruction, whatever else the host does.
count()
{
	BOOT_ACCEL=(-accel "tcg,thread=single"
		-icount "shift=0,sleep=off" -rtc "base=2026-01-01,clock=vm")
	BOOT_CPUS=1
	BOOT_VCPUS=1
	measure count "$@"
}

# Not each of the figures.
progress()
{
	grep -a --line-buffered -E '^(RIG-FAIL|#|BENCH machine)' || true
}

main()
{
	local what counted=()

	options "$@"
	rig_init
	mkdir -p "$BUILD"
	"$RIG/deps.sh" coccinelle gnuplot-nox
	"$RIG/rig.sh" fetch xen kernel headers mainline
	build
	rig_tmpdir
	configure
	ABI=$("$RIG/rig.sh" abi)
	rig_lock
	rm -f -- "$BUILD/$CELL.txt"
	for what in $WHAT; do
		[ "$what" = threads ] || counted+=("$what")
	done
	case " $WHAT " in
	*" threads "*) measure timed threads ;;
	esac
	[ ${#counted[@]} -eq 0 ] || count "${counted[@]}"
	"$BENCH_DIR/plot.sh" "$BUILD/$CELL.txt" "$BUILD/$CELL"
	"$BENCH_DIR/table.py" "$BUILD/$CELL.txt" --json "$BUILD/$CELL.json" \
		"${RATIOS[@]}" || RC=1
	return "$RC"
}

main "$@"
