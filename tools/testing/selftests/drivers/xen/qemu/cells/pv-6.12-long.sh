# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash disable=SC2034
#
# What takes too long for each day: 100,000 lives of buffers, and a hundred
# guests that die.

RIG_SERIES=6.12
RIG_ARCH=amd64

cell_options()
{
	PROGRAMS=(soak hostile-peer)
	BOOT_TEST_ENV="GNTDEV_SOAK_CYCLES=100000 GNTDEV_HOSTILE_ROUNDS=100"
	CELL_SLOWNESS=5
	CELL_FRAMES=0
}
