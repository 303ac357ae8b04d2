#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
#
# /init of dom0. The console (hvc0) belongs to the kernel and to Xen; all that
# the host is to read goes to the second serial line, where nothing can break
# into the middle of a line.

. /rig/init-common.sh
. /rig/env

mount_all
stty -F /dev/ttyS1 raw -echo 115200
exec </dev/ttyS1 >/dev/ttyS1 2>&1
echo "RIG-INIT dom0 $(uname -r)"

finish()
{
	echo "RIG-END $1"
	sync
	reboot -f
}

fail()
{
	echo "RIG-FAIL $*"
	echo "# last kernel messages:"
	dmesg | tail -n 30 | sed 's/^/# /'
	finish 125
}

load_modules()
{
	modprobe xen-privcmd
	modprobe xen-evtchn
	modprobe xen-gntalloc limit="$RIG_GNTALLOC_LIMIT"
	load_gntdev || fail "xen-gntdev does not load"
	modprobe xenfs
	mount -t xenfs xenfs /proc/xen
}

xenstore_is_up()
{
	xenstore-read -s domid >/dev/null 2>&1 ||
		xenstore-ls -s / >/dev/null 2>&1
}

start_xen_tools()
{
	xenstored --pid-file /run/xenstored.pid ||
		fail "xenstored does not start"
	wait_until 60 xenstore_is_up || fail "xenstored does not answer"
	xen-init-dom0 >/dev/null || fail "xen-init-dom0 failed"
	xenconsoled --pid-file=/run/xenconsoled.pid \
		--log=all --log-dir=/var/log/xen ||
		fail "xenconsoled does not start"
}

domu_is_up()
{
	[ "$(xenstore-read "/local/domain/$DOMU/data/rig-state" 2>/dev/null)" = \
		up ]
}

start_domu()
{
	xl create /rig/domu.cfg >/tmp/xl-create.log 2>&1 || {
		sed 's/^/# /' /tmp/xl-create.log
		fail "xl create failed"
	}
	DOMU=$(xl domid domu)
	export DOMU
	xenstore-write "/local/domain/$DOMU/data" "" &&
		xenstore-chmod "/local/domain/$DOMU/data" "n$DOMU"
	wait_until "$RIG_DOMU_LIMIT" domu_is_up || {
		tail -n 40 /var/log/xen/console/guest-domu.log \
			/var/log/xen/guest-domu.log 2>/dev/null |
			sed 's/^/# domU: /'
		fail "the domU did not come up"
	}
	echo "RIG-DOMU up, domain $DOMU"
}

load_modules
start_xen_tools
echo "RIG-TOOLS up"
[ "$RIG_DOMU" != 1 ] || start_domu

sh /rig/steps
finish $?
