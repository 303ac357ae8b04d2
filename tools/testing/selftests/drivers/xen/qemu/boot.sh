# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash
#
# Boot Xen with a dom0 in QEMU and wait for its end. To be sourced after
# rig-lib.sh and rootfs.sh.
#
# Options of a boot, as set by the callers, some of them for arch-*.sh:
# shellcheck disable=SC2034
{
BOOT_NAME=run		# folder of the logs below $(O)/rig
BOOT_DOMU=0		# number of guests to start, up to two
BOOT_DOMU_LATE=0	# the steps start the guests
BOOT_DOMU_TYPE=$ARCH_DOMU_TYPE
BOOT_STOCK=0		# use the distribution's gntdev
BOOT_DRIVER=		# the module under test, unless the built one
BOOT_MACHINE=("${ARCH_MACHINE[@]}")	# the machine and its processor, for QEMU
BOOT_ACCEL=(-accel "tcg,thread=multi")	# how QEMU runs processors
BOOT_CPUS=2		# of the machine
BOOT_VCPUS=2		# of dom0
BOOT_MEM=3072		# MiB of the machine; below 4 GiB on purpose
BOOT_DOM0_MEM=1536
BOOT_DOMU_MEM=384
BOOT_LIMIT=600		# seconds from init to the end
BOOT_INIT_LIMIT=240	# seconds to dom0's init
BOOT_DOMU_LIMIT=240
BOOT_GNTALLOC_LIMIT=32768
# For each kernel. What gntalloc granted and somebody still maps at its end waits
# in one queue, of which the kernel looks at ten grants a second: no test should
# wait for those that another one left there.
BOOT_KERNEL_ARGS="grant_table.free_per_iteration=0"
BOOT_DOM0_ARGS=
BOOT_DOMU_ARGS=
BOOT_XEN_ARGS=
BOOT_GNTDEV_PARAMS=
BOOT_DISPLAY=0		# with a screen (cirrus) and a monitor socket
BOOT_TEST_ENV=		# variables for the test programs, NAME=VALUE...
BOOT_FILTER="cat"	# command that gets the report as it comes, or none
BOOT_ADD=()		# files for dom0, SOURCE[:DESTINATION]
BOOT_ADD_DOMU=()	# files for the domU
}

BOOT_LOG=		# folder of the logs
BOOT_PID=		# QEMU
BOOT_STATUS=		# with what it ended
BOOT_LOST_TIMER=0	# that is why

boot_env()
{
	cat <<-EOT
	RIG_DOMU=$BOOT_DOMU
	RIG_DOMU_LATE=$BOOT_DOMU_LATE
	DOMU_TYPE=$BOOT_DOMU_TYPE
	RIG_DOMU_LIMIT=$BOOT_DOMU_LIMIT
	RIG_GNTALLOC_LIMIT=$BOOT_GNTALLOC_LIMIT
	RIG_GNTDEV_PARAMS='$BOOT_GNTDEV_PARAMS'
	RIG_REPORT=$ARCH_REPORT
	RIG_REPORT_MODULES='$ARCH_REPORT_MODULES'
	RIG_SCREEN_MODULES='${ARCH_MODULES[*]}'
	${BOOT_TEST_ENV:+export $BOOT_TEST_ENV}
	EOT
}

boot_driver()
{
	local ko=${BOOT_DRIVER:-$RIG_O/module/drivers/xen/xen-gntdev.ko}

	[ "$BOOT_STOCK" -eq 0 ] || return 0
	[ ! -e "$ko" ] || echo "$ko"
}

boot_overlay_domu()
{
	local root=$RIG_TMP/domu f

	rm -rf -- "$root"
	mkdir -p "$root/rig"
	boot_env >"$root/rig/env"
	install -m 755 -- "$RIG_DIR/init-domu.sh" "$root/init"
	cp -- "$RIG_DIR/init-common.sh" "$root/rig/"
	rootfs_add_driver "$root" "$(boot_driver)"
	for f in ${BOOT_ADD_DOMU[@]+"${BOOT_ADD_DOMU[@]}"}; do
		rootfs_add "$root" "$f"
	done
	rootfs_pack "$root" "$RIG_TMP/domu.cpio"
}

boot_domu_config()
{
	cat <<-EOT
	name = "$1"
	type = "$BOOT_DOMU_TYPE"
	memory = $BOOT_DOMU_MEM
	vcpus = 1
	kernel = "/rig/vmlinux"
	ramdisk = "/rig/domu.img"
	extra = "console=hvc0 loglevel=5 panic=-1 $BOOT_KERNEL_ARGS$BOOT_DOMU_ARGS"
	max_grant_frames = 128
	on_poweroff = "destroy"
	on_reboot = "destroy"
	on_crash = "destroy"
	EOT
}

boot_overlay_dom0()
{
	local root=$RIG_TMP/dom0 abi=$1 steps=$2 f

	rm -rf -- "$root"
	mkdir -p "$root/rig/tests"
	boot_env >"$root/rig/env"
	install -m 755 -- "$RIG_DIR/init-dom0.sh" "$root/init"
	cp -- "$RIG_DIR/init-common.sh" "$RIG_DIR/dom0-lib.sh" "$root/rig/"
	cp -- "$steps" "$root/rig/steps"
	rootfs_add_driver "$root" "$(boot_driver)"
	for f in ${BOOT_ADD[@]+"${BOOT_ADD[@]}"}; do
		rootfs_add "$root" "$f"
	done
	if [ "$BOOT_DOMU" -gt 0 ]; then
		boot_overlay_domu
		boot_domu_config domu >"$root/rig/domu.cfg"
		boot_domu_config domu2 >"$root/rig/domu2.cfg"
		cat -- "$(rootfs_base domu "$abi")" "$RIG_TMP/domu.cpio" \
			>"$root/rig/domu.img"
		ln -- "$RIG_CACHE/kernel-$abi/vmlinux" "$root/rig/vmlinux" \
			2>/dev/null ||
			cp -- "$RIG_CACHE/kernel-$abi/vmlinux" "$root/rig/"
	fi
	rootfs_pack "$root" "$RIG_TMP/dom0.cpio"
}

boot_prepare()
{
	local abi=$1 steps=$2

	rig_tmpdir
	boot_overlay_dom0 "$abi" "$steps"
	cat -- "$(rootfs_base dom0 "$abi")" "$RIG_TMP/dom0.cpio" \
		>"$RIG_TMP/initrd"
	rm -f -- "$RIG_TMP/dom0.cpio"
	ln -sf -- "$RIG_CACHE/kernel-$abi/vmlinux" "$RIG_TMP/vmlinux"
	ln -sf -- "$RIG_XEN/xen" "$RIG_TMP/xen"
	BOOT_LOG=$RIG_O/rig/$BOOT_NAME
	mkdir -p "$BOOT_LOG"
}

boot_stop()
{
	[ -n "$BOOT_PID" ] || return 0
	kill "$BOOT_PID" 2>/dev/null || true
	BOOT_STATUS=0
	wait "$BOOT_PID" 2>/dev/null || BOOT_STATUS=$?
	BOOT_PID=
}

boot_xen_args()
{
	echo "conring_size=4M dom0_mem=${BOOT_DOM0_MEM}M" \
		"dom0_max_vcpus=$BOOT_VCPUS loglvl=warning" \
		"guest_loglvl=warning gnttab_max_frames=128 $BOOT_XEN_ARGS"
}

boot_qemu()
{
	local vga=none

	[ "$BOOT_DISPLAY" -eq 0 ] || vga=$ARCH_VGA
	cd "$RIG_TMP" || exit
	arch_qemu "${BOOT_ACCEL[@]}" "${BOOT_MACHINE[@]}" -smp "$BOOT_CPUS" \
		-m "$BOOT_MEM" -display none -vga "$vga" -nodefaults -no-reboot \
		-serial "file:$BOOT_LOG/console.log" \
		-chardev "socket,id=ctl,path=ctl,server=on,wait=off,logfile=$BOOT_LOG/report.log" \
		-chardev socket,id=mon,path=mon,server=on,wait=off \
		-mon chardev=mon,mode=readline \
		</dev/null >"$BOOT_LOG/qemu.log" 2>&1
}

boot_reported()
{
	grep -qa "^$1" "$BOOT_LOG/report.log" 2>/dev/null
}

# boot_silent SECONDS: nothing was reported for so long.
boot_silent()
{
	local last

	last=$(stat -c %Y -- "$BOOT_LOG/report.log") &&
		[ $((EPOCHSECONDS - last)) -gt "$1" ]
}

# boot_said TEXT: among the last of what Xen and dom0's kernel said.
boot_said()
{
	tail -c 4000 -- "$BOOT_LOG/console.log" | grep -qaF -- "$1"
}

# Xen says so when dom0 has panicked, and then starts the machine again; but in that
# it may hang.
boot_crashed()
{
	boot_silent 5 && boot_said 'Dom0 crashed'
}

# An emulated machine may lose the timer of a processor: nothing goes on that waits
# there, and the kernel on another one says so.
boot_lost_timer()
{
	boot_silent 60 && boot_said 'Possible timer handling issue' &&
		BOOT_LOST_TIMER=1
}

boot_over()
{
	! kill -0 "$BOOT_PID" 2>/dev/null || boot_reported RIG-END ||
		boot_crashed || boot_lost_timer
}

boot_over_or_init()
{
	boot_over || boot_reported RIG-INIT
}

# Start QEMU; return when dom0's init has spoken, or 126 when it never does.
boot_start()
{
	local try

	rig_at_exit boot_stop
	rm -f -- "$BOOT_LOG/death"
	for try in 1 2 3 4; do
		: >"$BOOT_LOG/report.log"
		: >"$BOOT_LOG/console.log"
		rm -f -- "$RIG_TMP/ctl" "$RIG_TMP/mon"
		boot_qemu &
		BOOT_PID=$!
		rig_wait "$BOOT_INIT_LIMIT" boot_over_or_init || true
		boot_reported RIG-INIT && return 0
		boot_stop
		cp -- "$BOOT_LOG/console.log" "$BOOT_LOG/console-try$try.log"
		rig_say "boot $try ended before init (see $BOOT_LOG)"
	done
	rig_say "error: dom0 does not boot; last lines of the console:"
	boot_last_words | tee "$BOOT_LOG/death" >&2
	return 126
}

# Wait for the end; the exit status is that of the steps.
boot_finish()
{
	local rc=0 tail_pid=

	if [ -n "$BOOT_FILTER" ]; then
		tail -n +1 -f --pid="$BOOT_PID" -s 0.2 -- \
			"$BOOT_LOG/report.log" | "$BOOT_FILTER" &
		tail_pid=$!
	fi
	rig_wait "$BOOT_LIMIT" boot_over || rc=124
	[ "$rc" -ne 0 ] || rig_wait 20 boot_gone || true
	boot_stop
	[ -z "$tail_pid" ] || wait "$tail_pid" || true
	[ "$rc" -eq 0 ] || {
		rig_say "error: time limit of ${BOOT_LIMIT}s reached; last lines of the console:"
		boot_last_words | tee "$BOOT_LOG/death" >&2
		return "$rc"
	}
	rc=$(sed -nE "s/^RIG-END ([0-9]+).*/\1/p" "$BOOT_LOG/report.log" |
		tail -n 1)
	[ -n "$rc" ] || {
		rig_say "error: the machine died; last lines of the console:"
		boot_last_words | tee "$BOOT_LOG/death" >&2
		return 126
	}
	return "$rc"
}

# What Xen, the kernels and QEMU said before the machine died or was stopped, but
# for the lists of grants that the tests ask Xen for.
boot_last_words()
{
	grep -avE '^\(XEN\) (\[0x| |gnttab_usage|grant-table|no active)' \
		"$BOOT_LOG/console.log" | tail -n 40 | cut -c -200
	echo "QEMU ended with $BOOT_STATUS and said:"
	tail -n 10 -- "$BOOT_LOG/qemu.log"
}

boot_gone()
{
	! kill -0 "$BOOT_PID" 2>/dev/null
}
