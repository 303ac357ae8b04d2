#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
#
# /init of the guest of grant-users.sh: uses its disk, its network and its
# console, and tells in xenstore what it found.

# shellcheck source=init-common.sh
. /rig/init-common.sh

tell()
{
	xenstore-write "data/$1" "$2"
}

disk_is_there()
{
	[ -b /dev/xvda ]
}

network_is_there()
{
	[ "$(cat /sys/class/net/eth0/carrier 2>/dev/null)" = 1 ]
}

sum_of_half()
{
	dd if=/dev/xvda bs=1M skip=$(($1 * half)) count="$half" 2>/dev/null |
		sha256sum | cut -d' ' -f1
}

# Only what the backend gives back counts, not what is still in memory.
use_disk()
{
	wait_until 60 disk_is_there
	tell sum-read "$(sum_of_half 0)"
	dd if=/dev/urandom of=/tmp/own bs=1M count="$half" 2>/dev/null
	dd if=/tmp/own of=/dev/xvda bs=1M seek="$half" conv=fsync 2>/dev/null
	echo 3 >/proc/sys/vm/drop_caches
	if [ "$(sum_of_half 1)" = "$(sha256sum </tmp/own | cut -d' ' -f1)" ]; then
		tell sum-guest "$(sum_of_half 1)"
	else
		tell sum-guest "not what was written"
	fi
	rm /tmp/own
}

use_network()
{
	ifconfig eth0 192.168.77.2 netmask 255.255.255.0 up
	wait_until 60 network_is_there
	nc -l -p 7777 -e cat &
	wait_until 60 listens
	tell listens yes
}

listens()
{
	netstat -ltn | grep -q ':7777 '
}

use_console()
{
	i=0
	while [ $((i += 1)) -le 1000 ]; do
		echo "console $i abcdefghijklmnopqrstuvwxyz"
	done
	tell console-out "done"
	tell listens-console yes
	read -r line
	tell console-in "$line"
}

mount_all
exec </dev/console >/dev/console 2>&1
modprobe xenfs
mount -t xenfs none /proc/xen
modprobe -q xen-blkfront
modprobe -q xen-netfront
half=$(xenstore-read data/half)
use_disk
use_network
use_console
while :; do
	sleep 3600
done
