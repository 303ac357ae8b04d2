#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
#
# /init of dom0. The console (hvc0) belongs to the kernel and to Xen; all that
# the host is to read goes to the second serial line, where nothing can break
# into the middle of a line.

# shellcheck source=init-common.sh
. /rig/init-common.sh
# shellcheck source=/dev/null
. /rig/env

mount_all
stty -F /dev/ttyS1 raw -echo 115200
exec </dev/ttyS1 >/dev/ttyS1 2>&1
echo "RIG-INIT dom0 $(uname -r)"

# The logs go to the console last, where they are out of the way.
finish()
{
	dmesg -c >>/tmp/dmesg.all
	{
		echo "--- kernel log of dom0 since the first program"
		cat /tmp/dmesg.all
		echo "--- console of the guest"
		cat /var/log/xen/guest-domu.log
	} >/dev/hvc0 2>/dev/null
	echo "RIG-END $1"
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
	mount -t xenfs none /proc/xen
}

xenstore_is_up()
{
	xenstore-ls / >/dev/null 2>&1
}

start_xen_tools()
{
	xenstored --pid-file /run/xenstored.pid ||
		fail "xenstored does not start"
	wait_until 60 xenstore_is_up || fail "xenstored does not answer"
	xen-init-dom0 >/dev/null || fail "xen-init-dom0 failed"
	xenconsoled --pid-file=/run/xenconsoled.pid \
		--log=guest --log-dir=/var/log/xen ||
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
		tail -n 40 /var/log/xen/guest-domu.log | sed 's/^/# domU: /'
		fail "the domU did not come up"
	}
	wait_until 10 grep -q 'domU: .* is up' /var/log/xen/guest-domu.log ||
		fail "the console of the domU does not arrive"
	echo "RIG-DOMU up, domain $DOMU"
}

load_modules
start_xen_tools
echo "RIG-TOOLS up"
[ "$RIG_DOMU" != 1 ] || start_domu

sh /rig/steps
finish $?
