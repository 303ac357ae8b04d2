# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=sh
#
# What the init scripts of dom0 and of the domU have in common.

export PATH=/rig/bin:/bin:/usr/bin:/usr/lib/xen-4.17/bin
export HOME=/root

mount_all()
{
	/bin/busybox mount -t proc none /proc
	[ -e /dev/null ] || /bin/busybox mount -t devtmpfs none /dev
	# One name is there already, its own.
	/bin/busybox --install -s /bin 2>/dev/null
	mount -t sysfs none /sys
	mkdir -p /dev/shm /dev/pts
	mount -t devpts none /dev/pts
	mount -t tmpfs none /dev/shm
	mount -t tmpfs none /tmp
	mount -t debugfs none /sys/kernel/debug
	ln -s /proc/self/fd /dev/fd
}

# Is it part of the kernel? A module has a state.
is_built_in()
{
	[ -d "/sys/module/$1" ] && [ ! -e "/sys/module/$1/initstate" ]
}

load_gntalloc()
{
	modprobe xen-gntalloc limit="$RIG_GNTALLOC_LIMIT"
	# Of one that is part of the kernel, this is the way.
	echo "$RIG_GNTALLOC_LIMIT" >/sys/module/xen_gntalloc/parameters/limit
}

# Load the module under test when there is one, else the distribution's.
load_gntdev()
{
	if is_built_in xen_gntdev; then
		return 0
	elif [ -e /rig/xen-gntdev.ko ]; then
		while read -r dep; do
			[ -z "$dep" ] || modprobe "$dep"
		done </rig/xen-gntdev.deps
		# shellcheck disable=SC2086 # a list of module parameters
		insmod /rig/xen-gntdev.ko $RIG_GNTDEV_PARAMS
	else
		modprobe xen-gntdev
	fi
}

# wait_until SECONDS COMMAND...
wait_until()
{
	deadline=$(($(cut -d. -f1 /proc/uptime) + $1))
	shift
	until "$@"; do
		[ "$(cut -d. -f1 /proc/uptime)" -lt "$deadline" ] || return 1
		usleep 50000
	done
}
