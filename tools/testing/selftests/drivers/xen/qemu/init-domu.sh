#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
#
# /init of the domU: says in xenstore that it is up and becomes the peer.

# shellcheck source=init-common.sh
. /rig/init-common.sh
# shellcheck source=/dev/null
. /rig/env

# shellcheck disable=SC2317 # called by wait_until
display_is_there()
{
	set -- /sys/class/drm/card?-Virtual-1
	[ -e "$1" ]
}

mount_all
exec </dev/console >/dev/console 2>&1
# The rig asks for a backtrace this way, to see that it would notice one.
echo 1 >/proc/sys/kernel/sysrq
modprobe xenfs
mount -t xenfs none /proc/xen
modprobe xen-evtchn
load_gntalloc
load_gntdev
[ ! -e /rig/mock-dmabuf.ko ] || insmod /rig/mock-dmabuf.ko
echo "domU: $(uname -r) is up"

xenstore-write data/rig-state up

# A guest with a display of its own draws, or does what no frontend should. The
# programs that draw end when they are told to.
if grep -qw rogue /proc/cmdline; then
	/rig/bin/vdispl-rogue
	echo "domU: vdispl-rogue ended with $?"
elif grep -qw large /proc/cmdline; then
	/rig/bin/vdispl-large
	echo "domU: vdispl-large ended with $?"
	poweroff -f
elif [ -x /rig/bin/vdispl-guest ]; then
	modprobe drm_xen_front
	wait_until 60 display_is_there || echo "domU: no display"
	xenstore-write data/display up
	/rig/bin/vdispl-guest
	echo "domU: vdispl-guest ended with $?"
	poweroff -f
fi

# The peer ends when it is told to; a domU that stays is one more thing to look at
# after the tests. One that a test kills has a successor.
if [ -x /rig/bin/xen-peer ]; then
	status=137
	while [ "$status" -eq 137 ]; do
		/rig/bin/xen-peer
		status=$?
		echo "domU: peer ended with $status"
	done
	xenstore-write data/rig-state "peer ended"
	poweroff -f
fi
while :; do
	sleep 3600
done
