# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash disable=SC2034
#
# PV dom0 and PV guests with a kernel that has the driver, and all that shares
# the grant table and the balloon with it, built in.

RIG_SERIES=6.12
RIG_ARCH=amd64
RIG_FLAVOUR=series-amd64

cell_options()
{
	BOOT_DOM0_ARGS+=" kunit.enable=1"
	BOOT_TEST_ENV="GNTDEV_BALLOON_CYCLES=100 GNTDEV_BALLOON_LOW_KB=262144"
	BOOT_ADD+=("$RIG_DIR/grant-users.sh:/rig/tests/grant-users.sh"
		"$RIG_DIR/hotplug.sh")
	BOOT_ADD_DOMU+=("$RIG_DIR/grant-users-guest.sh")
	PROGRAMS+=(grant-users.sh)
	CELL_SLOWNESS=4
	CELL_FRAMES=0
	CELL_BACKEND=pv
}
