#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
#
# /init of dom0. The console (hvc0) belongs to the kernel and to Xen; all that
# the host is to read goes to a line of its own, where nothing can break
# into the middle of a line.

# shellcheck source=dom0-lib.sh
. /rig/dom0-lib.sh

# Its node is there before the line itself, which comes when QEMU has told of it.
report_opens()
{
	[ -c "$RIG_REPORT" ] && (: <>"$RIG_REPORT") 2>/dev/null
}

mount_all
# shellcheck disable=SC2086 # a list of words
[ -z "$RIG_REPORT_MODULES" ] || modprobe -a $RIG_REPORT_MODULES
wait_until 60 report_opens
exec <>"$RIG_REPORT" >&0 2>&1
# Some lines forget their settings when nobody has them open.
stty raw -echo 115200 2>/dev/null
echo "RIG-INIT dom0 $(uname -r)"

# The logs go to the console last, where they are out of the way.
finish()
{
	dmesg -c >>/tmp/dmesg.all
	{
		echo "--- kernel log of dom0 since the first program"
		cat /tmp/dmesg.all
		for name in $(domu_names); do
			echo "--- console of $name"
			cat "$(domu_log "$name")"
		done
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
	load_gntalloc
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

load_modules
start_xen_tools
echo "RIG-TOOLS up"
if [ "$RIG_DOMU" -gt 0 ] && [ "$RIG_DOMU_LATE" -eq 0 ]; then
	domu_ensure || fail "no guest comes up"
	echo "RIG-DOMU up: $DOMU ${DOMU2:-}"
fi

# A task that the driver blocks for ever must not outlive the gates unseen.
echo 60 >/proc/sys/kernel/hung_task_timeout_secs
echo -1 >/proc/sys/kernel/hung_task_warnings

sh /rig/steps
finish $?
