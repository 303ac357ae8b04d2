#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
#
# Others that use the grant table: a guest with a disk and a network interface,
# whose backends are in this kernel, and with a console. What one side wrote is
# what the other reads. The guest's part is grant-users-guest.sh.

# Functions are called by check().
# shellcheck disable=SC2317
# shellcheck source=dom0-lib.sh
. /rig/dom0-lib.sh

NAME=grant-users
CONFIG=/tmp/$NAME.cfg
LOG=$(domu_log "$NAME")
DISK=/dev/ram1
# For each side one half of the disk, in MiB; and what goes over the network.
HALF=8
NET_MB=4
SECONDS_MOST=${RIG_DOMU_LIMIT:-240}

n=0
failed=0

skip()
{
	echo "1..0 # SKIP $*"
	exit 4
}

# check NAME COMMAND...: one result.
check()
{
	what=$1
	shift
	n=$((n + 1))
	if "$@"; then
		echo "ok $n - $what"
	else
		echo "not ok $n - $what"
		failed=1
	fi
}

backends_are_there()
{
	modprobe -q xen-blkback
	modprobe -q xen-netback
	[ -d /sys/bus/xen-backend/drivers/vbd ] &&
		[ -d /sys/bus/xen-backend/drivers/vif ]
}

disk_is_there()
{
	[ -b "$DISK" ] || modprobe -q brd
	[ -b "$DISK" ]
}

# sum_of_half INDEX: of the disk, as the backend left it.
sum_of_half()
{
	dd if="$DISK" bs=1M skip=$(($1 * HALF)) count="$HALF" 2>/dev/null |
		sha256sum | cut -d' ' -f1
}

guest_config()
{
	sed -e "s/^name = .*/name = \"$NAME\"/" -e 's/^memory = .*/memory = 192/' \
		-e 's#^\(extra = ".*\)"$#\1 rdinit=/rig/bin/grant-users-guest.sh"#' \
		/rig/domu.cfg
	cat <<-EOT
	disk = [ "format=raw,vdev=xvda,access=rw,script=/rig/bin/hotplug.sh,target=$DISK" ]
	vif = [ "mac=00:16:3e:00:00:01,script=/rig/bin/hotplug.sh" ]
	EOT
}

# The guest is let go when it can write its results.
start_guest()
{
	guest_config >"$CONFIG"
	xl create -p "$CONFIG" >"/tmp/xl-$NAME.log" 2>&1 || {
		sed 's/^/# /' "/tmp/xl-$NAME.log"
		return 1
	}
	id=$(xl domid "$NAME")
	data=/local/domain/$id/data
	xenstore-write "$data" "" "$data/half" "$HALF"
	xenstore-chmod -r "$data" "n$id"
	xl unpause "$NAME"
}

told()
{
	xenstore-read "$data/$1" 2>/dev/null
}

has_told()
{
	[ -n "$(told "$1")" ]
}

# What the guest says of a step, and that it got that far.
guest_says()
{
	wait_until "$SECONDS_MOST" has_told "$1" || {
		tail -n 20 "$LOG" | sed 's/^/# guest: /'
		return 1
	}
	[ "$(told "$1")" = "$2" ] || {
		echo "# $1 is '$(told "$1")', not '$2'"
		return 1
	}
}

disk_has_what_the_guest_wrote()
{
	wait_until "$SECONDS_MOST" has_told sum-guest &&
		guest_says sum-guest "$(sum_of_half 1)"
}

# Both ways: the guest sends back what it gets.
network_echoes()
{
	wait_until "$SECONDS_MOST" has_told listens || return
	dd if=/dev/urandom of=/tmp/sent bs=1M count="$NET_MB" 2>/dev/null
	timeout 120 nc 192.168.77.2 7777 </tmp/sent >/tmp/received
	echo "# $(wc -c </tmp/received) bytes came back"
	cmp /tmp/sent /tmp/received
}

# A thousand numbered lines, as the guest wrote them.
console_is_whole()
{
	guest_says console-out "done" || return
	wait_until 60 grep -q '^console 1000 ' "$LOG"
	tr -d '\r' <"$LOG" | grep -c '^console [0-9]* abcdefghijklmnopqrstuvwxyz$' \
		>/tmp/lines
	[ "$(cat /tmp/lines)" -eq 1000 ] || {
		echo "# $(cat /tmp/lines) of 1000 lines are whole"
		return 1
	}
}

console_takes_input()
{
	tty=$(xenstore-read "/local/domain/$id/console/tty") || return
	guest_says listens-console yes || return
	printf 'hello %s\r' "$id" >"$tty"
	guest_says console-in "hello $id"
}

backends_are_gone()
{
	[ -z "$(xenstore-ls "/local/domain/0/backend/vbd/$id" 2>/dev/null)" ] &&
		[ ! -e "/sys/class/net/vif$id.0" ] &&
		! xl domid "$NAME" >/dev/null 2>&1
}

ends_clean()
{
	xl destroy "$NAME"
	wait_until 60 backends_are_gone
}

echo 'TAP version 13'
[ "$RIG_DOMU" -gt 0 ] || skip 'no guest'
backends_are_there || skip 'no backends of disks and networks in this kernel'
disk_is_there || skip 'no block device in memory (brd)'
dd if=/dev/urandom of="$DISK" bs=1M count=$((2 * HALF)) conv=fsync 2>/dev/null
echo '1..7'
check 'a guest with a disk and a network starts' start_guest
check 'the guest reads what is on the disk' guest_says sum-read "$(sum_of_half 0)"
check 'the disk has what the guest wrote' disk_has_what_the_guest_wrote
check 'the network brings back what was sent' network_echoes
check 'each line of the console arrives' console_is_whole
check 'the console takes input' console_takes_input
check 'the backends go with the guest' ends_clean
rm -f /tmp/sent /tmp/received
exit $failed
