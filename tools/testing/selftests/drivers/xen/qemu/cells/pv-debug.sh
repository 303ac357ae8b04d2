# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash disable=SC2034
#
# PV dom0 and PV guests with a kernel that checks its locks, its lists, its
# memory and its use of the DMA API, and that can be made to fail.

RIG_SERIES=6.12
RIG_ARCH=amd64
RIG_FLAVOUR=debug-amd64

cell_options()
{
	BOOT_DOM0_ARGS+=" kunit.enable=1 loglevel=5 panic_on_warn=1 page_poison=1"
	BOOT_DOMU_ARGS+=" panic_on_warn=1"
	CELL_CONTROLS=1
	CELL_SLOWNESS=2
	CELL_FRAMES=0
}
