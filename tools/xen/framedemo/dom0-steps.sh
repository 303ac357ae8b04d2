# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=dash
#
# What dom0 does for the frame demo: the rig's init runs it when the domU is up.

# shellcheck source=../../testing/selftests/drivers/xen/qemu/dom0-lib.sh
. /rig/dom0-lib.sh

# shellcheck disable=SC2317 # called by wait_until
nobody_holds_the_domu()
{
	! xl domid domu >/dev/null 2>&1 && [ "$(gate_zombies)" -eq 0 ]
}

# shellcheck disable=SC2317 # called by wait_until
no_grant_at_all()
{
	gate_dump_grants && [ ! -s "$GATES_DIR/active" ]
}

# After the demo only the rings of xenstore and of the console may be mapped;
# without the domU, nothing.
grants_left()
{
	local demo

	gate_dump_grants
	demo=$(gate_new_grants | wc -l)
	xl destroy domu
	wait_until 30 nobody_holds_the_domu ||
		echo "RIG-FAIL the domU ended, but is still in xl list"
	wait_until 30 no_grant_at_all ||
		echo "RIG-FAIL grants are mapped without a domU"
	printf 'FRAMEDEMO LEFT after_demo=%s after_domu=%s zombies=%s\n' \
		"$demo" "$(wc -l <"$GATES_DIR/active")" "$(gate_zombies)"
}

[ -e /sys/kernel/tracing/kprobe_events ] ||
	mount -t tracefs none /sys/kernel/tracing
# shellcheck disable=SC2086 # a list of words
modprobe -a $RIG_SCREEN_MODULES ||
	echo "RIG-FAIL the screen's modules do not load"
wait_until 30 test -c /dev/dri/card0 || echo "RIG-FAIL no /dev/dri/card0"

gates_arm
rc=0
timeout 200 framedemo -c /rig/bin/count-grants.sh </dev/ttyS1 || rc=$?
gates_check framedemo || rc=1
grants_left
exit $rc
