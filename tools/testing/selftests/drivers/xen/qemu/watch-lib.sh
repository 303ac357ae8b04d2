# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash
#
# A boot whose screen is watched, and what was measured in it. To be sourced by
# whoever sets OUT, the folder of the pictures and of the results.

# shellcheck source=rig-lib.sh
. "$(dirname -- "${BASH_SOURCE[0]}")/rig-lib.sh"
# shellcheck source=rootfs.sh
. "$RIG_DIR/rootfs.sh"
# shellcheck source=boot.sh
. "$RIG_DIR/boot.sh"
# shellcheck source=suite.sh
. "$RIG_DIR/suite.sh"

WATCH=$RIG_O/framedemo	# what makes pictures, and the demo of the frame path
STEP=starting

step()
{
	STEP=$*
	rig_say "$*"
}

# shellcheck disable=SC2317 # called at the exit
report_failure()
{
	local rc=$1

	[ "$rc" -ne 0 ] || return 0
	rig_say "FAILED while: $STEP"
	[ -n "$BOOT_LOG" ] || return 0
	rig_say "log of dom0: $BOOT_LOG/report.log"
	rig_say "log of Xen and of dom0's kernel: $BOOT_LOG/console.log"
}

# watch_init PART...: fetch these, build the driver and what watches the screen
watch_init()
{
	rig_init
	# shellcheck disable=SC2016 # the status is that at the exit
	rig_at_exit 'report_failure "$rc"'
	mkdir -p "$OUT"
	rm -f -- "$OUT"/*.png "$OUT/results"
	step "fetching what is needed"
	"$RIG_DIR/rig.sh" fetch "$@"
	step "building the module and the programs"
	rig_quietly "$OUT/build-module.log" build_one \
		make -C "$RIG_TOP" O="$RIG_O" KDIR="$("$RIG_DIR/rig.sh" headers)" \
		W=1 "${ARCH_MAKE[@]}" modules
	rig_quietly "$OUT/build-watch.log" build_one \
		make -C "$RIG_TOP/tools/xen/framedemo" OUTPUT="$WATCH"
}

# watch_boot STEPS WHAT: boot with these steps of dom0, which are to do that
watch_boot()
{
	local abi

	step "preparing the machine"
	abi=$("$RIG_DIR/rig.sh" abi)
	boot_prepare "$abi" "$1"
	rig_lock
	step "booting Xen and dom0 (log: $BOOT_LOG)"
	boot_start
	step "$2"
	"$WATCH/framewatch" "$RIG_TMP/mon" "$RIG_TMP/ctl" "$OUT"
	boot_finish
	step "judging the measurements"
}

# field LINE-START NAME: a value of the results file.
field()
{
	sed -nE "s/^$1 (.* )?$2=([^ ]*).*/\2/p" "$OUT/results"
}

row()
{
	printf '%-42s %14s %14s\n' "$@"
}
